//! [`Dot`].
#![no_main]

use quorate_clocks::Dot;
use quorate_clocks_fuzz::{read, related, target};

target!(|bytes| {
    if let Some(value) = read(bytes, Dot::from_bytes, |value| value.to_bytes()) {
        related(&value);
    }
});
