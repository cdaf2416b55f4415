//! One holder at a time, and a fence for when there were two.
