//! `:get`, `:put` and `:append`, each with a `:key`.

use alloc::string::String;

use bytes::Bytes;

use super::no_function;
use crate::formats::{Edn, Event, EventModel};
use crate::{Outcome, Strings, StringsInput, StringsOutput};

/// A string's own bytes, as strings are put together from them.
fn string(value: &Edn, what: &str) -> Result<Bytes, String> {
    match value {
        Edn::Text(text) => Ok(Bytes::from(text.clone().into_bytes())),
        other => Err(alloc::format!("{what} {other} is no string")),
    }
}

impl EventModel for Strings {
    fn read_input(&self, event: &Event) -> Result<StringsInput, String> {
        let key = event.key.as_ref();
        let key = string(key.unwrap_or(&Edn::Nil), "the :key")?;
        match event.function.as_str() {
            "get" => Ok(StringsInput::Get { key }),
            "put" => Ok(StringsInput::Put {
                key,
                value: string(&event.value, "the value")?,
            }),
            "append" => Ok(StringsInput::Append {
                key,
                value: string(&event.value, "the value")?,
            }),
            _ => no_function(event, "a map of strings", ":get, :put and :append"),
        }
    }

    fn read_answer(
        &self,
        input: &StringsInput,
        event: &Event,
    ) -> Result<Outcome<StringsOutput>, String> {
        Ok(Outcome::Ok(match input {
            StringsInput::Get { .. } => StringsOutput::Got {
                value: string(&event.value, "the value")?,
            },
            StringsInput::Put { .. } => StringsOutput::Written,
            // What it repeats is what was appended, and not what came of it.
            StringsInput::Append { .. } => StringsOutput::Appended { value: None },
        }))
    }
}
