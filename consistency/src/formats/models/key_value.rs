//! `:read`, `:write` and `:cas` of one of many registers: the value is `[key value]`.

use alloc::string::String;

use super::{bytes_of, no_function, optional};
use crate::formats::{Edn, Event, EventModel, Notation};
use crate::{Expected, KeyValue, KeyValueInput, KeyValueOutput, Outcome};

/// The key and what is beside it.
fn pair(event: &Event) -> Result<(&Edn, &Edn), String> {
    match event.value.elements() {
        Some([key, value]) => Ok((key, value)),
        _ => Err(alloc::format!(
            "an operation on one of many keys is written with [key value], and not {}",
            event.value
        )),
    }
}

/// As Jepsen's `independent` tests write them.
impl EventModel for KeyValue {
    fn read_input(&self, event: &Event) -> Result<KeyValueInput, String> {
        let (key, value) = pair(event)?;
        let key = bytes_of(key);
        match event.function.as_str() {
            "read" => Ok(KeyValueInput::Get { key }),
            "write" => Ok(KeyValueInput::Put {
                key,
                value: bytes_of(value),
            }),
            "cas" => match value.elements() {
                Some([expected, value]) => Ok(KeyValueInput::CompareAndSet {
                    key,
                    expected: optional(expected).map_or(Expected::Absent, Expected::Value),
                    value: optional(value),
                }),
                _ => Err(alloc::format!(
                    "a :cas of a key is written with [key [expected new]], and not {}",
                    event.value
                )),
            },
            _ => no_function(event, "a map of keys", ":read, :write and :cas"),
        }
    }

    fn read_answer(
        &self,
        input: &KeyValueInput,
        event: &Event,
    ) -> Result<Outcome<KeyValueOutput>, String> {
        let (key, value) = pair(event)?;
        if bytes_of(key) != *input.key() {
            return Err(alloc::format!("{} answers for another key", event.value));
        }
        Ok(match input {
            KeyValueInput::Get { .. } if event.notation == Notation::Edn && value.is_nil() => {
                Outcome::Unknown
            }
            KeyValueInput::Get { .. } => Outcome::Ok(KeyValueOutput::Got {
                value: optional(value),
                revision: None,
            }),
            KeyValueInput::CompareAndSet { .. } => Outcome::Ok(KeyValueOutput::Swapped {
                swapped: true,
                revision: None,
            }),
            _ => Outcome::Ok(KeyValueOutput::Written { revision: None }),
        })
    }
}
