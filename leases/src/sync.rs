//! The atomics that threads meet at, and what they share them by: the standard ones, or loom's when loom
//! explores the interleavings.

#[cfg(not(all(test, loom)))]
pub(crate) use alloc::sync::Arc;
#[cfg(not(all(test, loom)))]
pub(crate) use core::sync::atomic::{AtomicU64, Ordering};
#[cfg(all(test, loom))]
pub(crate) use loom::sync::Arc;
#[cfg(all(test, loom))]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
