//! `:read`, `:write` and `:cas`.

use alloc::string::String;

use super::{bytes_of, no_function, optional};
use crate::formats::{Edn, Event, EventModel, Notation};
use crate::{Outcome, Register, RegisterInput, RegisterOutput};

impl EventModel for Register {
    fn read_input(&self, event: &Event) -> Result<RegisterInput, String> {
        match event.function.as_str() {
            "read" => Ok(RegisterInput::Read),
            "write" => Ok(RegisterInput::Write(bytes_of(&event.value))),
            "cas" => match event.value.elements() {
                Some([expected, value]) => Ok(RegisterInput::CompareAndSet {
                    expected: optional(expected),
                    value: bytes_of(value),
                }),
                _ => Err(alloc::format!(
                    "a :cas is written with two values, [expected new], and not {}",
                    event.value
                )),
            },
            _ => no_function(event, "a register", ":read, :write and :cas"),
        }
    }

    fn read_answer(
        &self,
        input: &RegisterInput,
        event: &Event,
    ) -> Result<Outcome<RegisterOutput>, String> {
        Ok(match input {
            RegisterInput::Read if event.notation == Notation::Edn && event.value.is_nil() => {
                Outcome::Unknown
            }
            RegisterInput::Read => Outcome::Ok(RegisterOutput::Value(optional(&event.value))),
            RegisterInput::Write(_) => Outcome::Ok(RegisterOutput::Written),
            RegisterInput::CompareAndSet { .. } => Outcome::Ok(RegisterOutput::Swapped(true)),
        })
    }

    fn read_failure(
        &self,
        input: &RegisterInput,
        event: &Event,
    ) -> Result<Outcome<RegisterOutput>, String> {
        let found_another = event.notation == Notation::Log
            && matches!(input, RegisterInput::CompareAndSet { .. })
            && event.value != Edn::Keyword("timed-out".into());
        Ok(if found_another {
            Outcome::Ok(RegisterOutput::Swapped(false))
        } else {
            Outcome::Failed
        })
    }
}
