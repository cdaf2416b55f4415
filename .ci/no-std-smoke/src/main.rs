//! Runs a little of every pure crate without the standard library. Exits with 0 when all is well.
#![no_std]
#![no_main]

extern crate alloc;

use core::alloc::{GlobalAlloc, Layout};
use core::sync::atomic::{AtomicUsize, Ordering};

use quorate_clocks::{Instant, NodeId};
use {quorate_consistency as _, quorate_idempotency as _, quorate_leases as _};
use quorate_raft_core::{Config, Raft, Recovered, Role};

const HEAP_BYTES: usize = 1 << 20;

/// Hands out a fixed heap once and takes nothing back: enough for a short life.
struct Bump {
    heap: core::cell::UnsafeCell<[u8; HEAP_BYTES]>,
    used: AtomicUsize,
}

// SAFETY: the heap is only handed out in pieces that do not overlap, by an atomic counter.
unsafe impl Sync for Bump {}

// SAFETY: every piece lies within the heap, is aligned, and is given out once.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let base = self.heap.get() as usize;
        let mut start = 0;
        let taken = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            let aligned = (base + used).next_multiple_of(layout.align()) - base;
            start = aligned;
            aligned.checked_add(layout.size()).filter(|&end| end <= HEAP_BYTES)
        });
        match taken {
            Ok(_) => (base + start) as *mut u8,
            Err(_) => core::ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static HEAP: Bump =
    Bump { heap: core::cell::UnsafeCell::new([0; HEAP_BYTES]), used: AtomicUsize::new(0) };

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// The precompiled core and alloc name it, although nothing unwinds here.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

#[unsafe(no_mangle)]
extern "C" fn main(_: i32, _: *const *const u8) -> i32 {
    i32::from(!raft_elects_itself())
}

fn raft_elects_itself() -> bool {
    let config = Config::new(NodeId(1), [NodeId(1)]);
    let Ok(mut raft) = Raft::new(config, Recovered::default(), 1, Instant::ORIGIN) else {
        return false;
    };
    let Some(now) = raft.poll_timeout() else {
        return false;
    };
    raft.handle_timeout(now);
    while let Some(write) = raft.poll_write() {
        raft.handle_written(write.receipt, now);
    }
    raft.role() == Role::Leader
}
