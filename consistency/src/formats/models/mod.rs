//! How the operations of each model are written down by Jepsen's tests.

mod counter;
mod key_value;
mod multi_register;
mod mutex;
mod queues;
mod register;
mod set;
mod strings;

use alloc::string::{String, ToString};

use bytes::Bytes;

use super::edn::Edn;
use super::event::Event;

/// A value as bytes: the way it is written, so that no two values are alike.
fn bytes_of(value: &Edn) -> Bytes {
    Bytes::from(value.to_string().into_bytes())
}

/// A value that may be `nil`.
fn optional(value: &Edn) -> Option<Bytes> {
    (!value.is_nil()).then(|| bytes_of(value))
}

fn integer(value: &Edn, what: &str) -> Result<i64, String> {
    match value {
        Edn::Integer(number) => Ok(*number),
        other => Err(alloc::format!(
            "{what} {other} is no whole number of 64 bits"
        )),
    }
}

/// That an event asks for something that the model does not do.
fn no_function<T>(event: &Event, model: &str, known: &str) -> Result<T, String> {
    Err(alloc::format!(
        ":{} is nothing that {model} does; it does {known}",
        event.function
    ))
}
