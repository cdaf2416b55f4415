//! The workloads that the benches, and the comparison with the rivals, measure.
