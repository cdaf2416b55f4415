//! A retried request runs once and answers the same.
