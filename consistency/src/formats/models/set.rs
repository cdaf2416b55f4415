//! `:add`, `:remove`, `:contains` and `:read`.

use alloc::string::String;

use super::{bytes_of, no_function};
use crate::formats::{Edn, Event, EventModel};
use crate::{Outcome, Set, SetInput, SetOutput};

impl EventModel for Set {
    fn read_input(&self, event: &Event) -> Result<SetInput, String> {
        match event.function.as_str() {
            "read" => Ok(SetInput::ReadAll),
            "add" => Ok(SetInput::Add(bytes_of(&event.value))),
            "remove" => Ok(SetInput::Remove(bytes_of(&event.value))),
            "contains" => Ok(SetInput::Contains(bytes_of(&event.value))),
            _ => no_function(event, "a set", ":add, :remove, :contains and :read"),
        }
    }

    fn read_answer(&self, input: &SetInput, event: &Event) -> Result<Outcome<SetOutput>, String> {
        Ok(match input {
            SetInput::Add(_) | SetInput::Remove(_) => Outcome::Ok(SetOutput::Changed(None)),
            SetInput::Contains(_) => match event.value {
                Edn::Bool(is_in) => Outcome::Ok(SetOutput::Contains(is_in)),
                _ => {
                    return Err(alloc::format!(
                        ":contains is answered with true or false, and not {}",
                        event.value
                    ));
                }
            },
            SetInput::ReadAll if event.value.is_nil() => Outcome::Unknown,
            SetInput::ReadAll => match event.value.elements() {
                Some(all) => Outcome::Ok(SetOutput::All(all.iter().map(bytes_of).collect())),
                None => {
                    return Err(alloc::format!(
                        "a :read of a set is answered with a collection, and not {}",
                        event.value
                    ));
                }
            },
        })
    }
}
