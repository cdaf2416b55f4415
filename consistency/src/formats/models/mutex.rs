//! `:acquire` and `:release`.

use alloc::string::String;

use super::no_function;
use crate::formats::{Event, EventModel};
use crate::{Mutex, MutexInput, MutexOutput, Outcome};

/// Any client may release the lock, as in Knossos.
impl EventModel for Mutex {
    fn read_input(&self, event: &Event) -> Result<MutexInput, String> {
        match event.function.as_str() {
            "acquire" => Ok(MutexInput::Acquire { owner: None }),
            "release" => Ok(MutexInput::Release { owner: None }),
            _ => no_function(event, "a mutex", ":acquire and :release"),
        }
    }

    fn read_answer(&self, _: &MutexInput, _: &Event) -> Result<Outcome<MutexOutput>, String> {
        Ok(Outcome::Ok(MutexOutput::Granted))
    }
}
