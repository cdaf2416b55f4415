//! Extensible data notation, in which Jepsen, Knossos and Elle write histories.

mod parse;
mod value;

pub(super) use parse::Parser;
pub use value::Edn;
