//! [`Retired`] and [`PrunedVector`]: what is pruned with any table comes back.
#![no_main]

use quorate_clocks::{PrunedVector, Retired};
use quorate_clocks_fuzz::{halves, read, related, target};

target!(|bytes| {
    let (table, vector) = halves(bytes);
    let table = read(table, Retired::from_bytes, |table| table.to_bytes());
    let pruned = read(vector, PrunedVector::from_bytes, |vector| vector.to_bytes());
    if let Some(pruned) = &pruned {
        related(pruned);
    }
    if let (Some(table), Some(pruned)) = (table, pruned) {
        // Its own name first, so that the table is looked at.
        let mut bytes = table.name().to_be_bytes().to_vec();
        bytes.extend(&pruned.to_bytes()[8..]);
        let claimed = PrunedVector::from_bytes(&bytes).expect("only the name has changed");
        if let Ok(vector) = table.restore(&claimed) {
            assert_eq!(table.prune(&vector), Ok(claimed));
        }
    }
});
