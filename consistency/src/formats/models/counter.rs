//! `:add` and `:read`.

use alloc::string::String;

use super::{integer, no_function};
use crate::formats::{Event, EventModel};
use crate::{Counter, CounterInput, CounterOutput, Outcome};

impl EventModel for Counter {
    fn read_input(&self, event: &Event) -> Result<CounterInput, String> {
        match event.function.as_str() {
            "read" => Ok(CounterInput::Read),
            "add" => Ok(CounterInput::Add(integer(&event.value, "the sum")?)),
            _ => no_function(event, "a counter", ":read and :add"),
        }
    }

    fn read_answer(
        &self,
        input: &CounterInput,
        event: &Event,
    ) -> Result<Outcome<CounterOutput>, String> {
        Ok(match input {
            CounterInput::Read if event.value.is_nil() => Outcome::Unknown,
            CounterInput::Read | CounterInput::AddAndGet(_) => {
                Outcome::Ok(CounterOutput::Value(integer(&event.value, "the sum")?))
            }
            CounterInput::Add(_) => Outcome::Ok(CounterOutput::Added),
        })
    }
}
