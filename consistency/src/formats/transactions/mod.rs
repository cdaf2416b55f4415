//! Histories of transactions.

mod elle;
mod plain;

pub use elle::read_elle;
pub use plain::{read_awdit, read_plume};
