//! What goes wrong with the lease table. The traps are also run against tables with a broken rule, by
//! the kill matrix among the unit tests.

mod delays;
mod grants;
mod list;
mod queues;
mod sessions;

use quorate_leases::{FencingToken, LeaseTable, Limits, RestoreError};

fn new(limits: Limits) -> LeaseTable {
    LeaseTable::new(limits)
}

fn with_tokens_after(limits: Limits, last: FencingToken) -> LeaseTable {
    LeaseTable::with_tokens_after(limits, last)
}

fn restore(limits: Limits, snapshot: &[u8]) -> Result<LeaseTable, RestoreError> {
    LeaseTable::restore(limits, snapshot)
}

macro_rules! tests {
    ($($family:ident::$name:ident),* $(,)?) => {$(
        #[test]
        fn $name() {
            $family::$name();
        }
    )*};
}

list::all_traps!(tests);
