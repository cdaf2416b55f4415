//! Histories as other tools write them.
//!
//! | Format | looks like | read with |
//! |---|---|---|
//! | a log of Jepsen | `INFO  jepsen.util - 0 :invoke :write 4` | [`read_events`], [`Notation::Log`] |
//! | EDN of Jepsen, Knossos and Elle: a vector, a list, or maps one after the other; logs of Porcupine's key-value tests | `{:process 0, :type :invoke, :f :write, :value 4}` | [`read_events`], [`Notation::Edn`] |
//! | transactions of Elle | `{:type :ok, :f :txn, :value [[:append 1 2] [:r 1 [2]]]}` | [`read_elle`] |
//! | transactions of AWDIT | `w 0 1`, with `-----` and `=====` between | [`read_awdit`] |
//! | transactions of Plume, PolySI and Cobra's texts | `w(0,1,2,3)` | [`read_plume`] |
//! | our own | JSON lines | `read_history`, with the feature `json` |
//!
//! [`Format::guess`] says which one a file is in.
//!
//! What an operation came to decides a verdict, so here is what is made of it. `:ok` is an answer.
//! `:info`, and an operation without an end, may have its effect at any later time, or never. `:fail`
//! certainly has none. In a log, a `:cas` that failed is the answer that it found another value, as the
//! tests of etcd have it; in EDN it is left out, as Knossos has it. A `:read` of `nil` in EDN tells
//! nothing, as with Knossos, and in a log it says that the register is empty.
//!
//! Nothing here trusts a file: what is too long, too deep or too much is an error, and so is all that
//! makes no sense. A history that is read in part would be a verdict on something else.

mod edn;
mod error;
mod event;
mod guess;
mod input;
mod limits;
mod models;
mod operations;
mod transactions;

pub use edn::Edn;
pub use error::{FormatError, Place};
pub use event::{Event, EventKind, Notation};
pub use guess::Format;
pub use limits::ReadLimits;
pub use operations::{EventModel, read_events};
pub use transactions::{read_awdit, read_elle, read_plume};

#[cfg(test)]
mod tests;
