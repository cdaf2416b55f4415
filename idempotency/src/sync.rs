//! What threads meet at: the standard atomics and `parking_lot`'s lock, or loom's when loom explores the
//! interleavings.

#[cfg(not(all(test, loom)))]
pub(crate) use alloc::sync::Arc;
#[cfg(not(all(test, loom)))]
pub(crate) use core::sync::atomic::{AtomicU64, Ordering};
#[cfg(not(all(test, loom)))]
pub(crate) use parking_lot::{Mutex, MutexGuard};

#[cfg(all(test, loom))]
pub(crate) use explored::Mutex;
#[cfg(all(test, loom))]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(all(test, loom))]
pub(crate) use loom::sync::{Arc, MutexGuard};

#[cfg(all(test, loom))]
mod explored {
    use std::sync::PoisonError;

    /// Loom's lock, with the face of `parking_lot`'s.
    #[derive(Debug)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }
}
