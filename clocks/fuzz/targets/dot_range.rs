//! [`DotRange`].
#![no_main]

use quorate_clocks::DotRange;
use quorate_clocks_fuzz::{read, target};

target!(|bytes| {
    if let Some(range) = read(bytes, DotRange::from_bytes, |range| range.to_bytes()) {
        assert_eq!(range.count() - 1, range.last() - range.first());
    }
});
