//! The algorithms against trying everything.

mod bugs;
mod oracle;
mod random;
mod scale;
mod subjects;
