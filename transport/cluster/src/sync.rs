//! A lock that a panicking thread does not take with it.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Short critical sections over plain data: whatever a panicking thread left is still whole.
pub(crate) type Lock<T> = Mutex<T>;

pub(crate) fn lock<T>(lock: &Lock<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
