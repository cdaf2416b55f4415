//! Workload W7: what a clock costs.

mod hybrid;
mod tree;
mod vector;

use crate::table::{self, Arguments};

/// Prints a table for each operation.
pub(crate) fn report(arguments: &Arguments) {
    let tables = [hybrid::tables(), vector::tables(), tree::tables()];
    let tables = tables.into_iter().flatten().collect();
    table::report(
        "W7: ns for each operation, in one process.",
        tables,
        arguments,
    );
}
