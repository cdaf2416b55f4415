//! `:txn` with a list of `[:read key nil]` and `[:write key value]`; a `:read` or `:write` of a map of
//! keys to values is the same in short.

use alloc::string::String;
use alloc::vec::Vec;

use super::{bytes_of, no_function, optional};
use crate::formats::{Edn, Event, EventModel};
use crate::{MicroInput, MicroOutput, MultiRegister, Outcome};

/// What a transaction does to one register.
struct Micro<'a> {
    is_write: bool,
    key: &'a Edn,
    value: &'a Edn,
}

fn micros(event: &Event) -> Result<Vec<Micro<'_>>, String> {
    let is_write = match event.function.as_str() {
        "txn" => None,
        "read" => Some(false),
        "write" => Some(true),
        _ => return no_function(event, "a set of registers", ":txn, :read and :write"),
    };
    match (is_write, &event.value) {
        (Some(is_write), Edn::Map(entries)) => Ok(entries
            .iter()
            .map(|(key, value)| Micro {
                is_write,
                key,
                value,
            })
            .collect()),
        (_, value) => {
            let Some(all) = value.elements() else {
                return Err(alloc::format!(
                    "a transaction is a list such as [[:read :x nil]], and not {value}"
                ));
            };
            all.iter().map(micro).collect()
        }
    }
}

fn micro(micro: &Edn) -> Result<Micro<'_>, String> {
    let wrong = || {
        Err(alloc::format!(
            "{micro} is neither [:read key value] nor [:write key value]"
        ))
    };
    let Some([function, key, value]) = micro.elements() else {
        return wrong();
    };
    let is_write = match function.keyword() {
        Some("r" | "read") => false,
        Some("w" | "write") => true,
        _ => return wrong(),
    };
    Ok(Micro {
        is_write,
        key,
        value,
    })
}

impl EventModel for MultiRegister {
    fn read_input(&self, event: &Event) -> Result<Vec<MicroInput>, String> {
        let read = |micro: Micro<'_>| {
            if micro.is_write {
                MicroInput::Write(bytes_of(micro.key), bytes_of(micro.value))
            } else {
                MicroInput::Read(bytes_of(micro.key))
            }
        };
        Ok(micros(event)?.into_iter().map(read).collect())
    }

    fn read_answer(
        &self,
        input: &Vec<MicroInput>,
        event: &Event,
    ) -> Result<Outcome<Vec<MicroOutput>>, String> {
        let told = micros(event)?;
        let is_same = |(asked, told): (&MicroInput, &Micro<'_>)| {
            *asked.key() == bytes_of(told.key)
                && matches!(asked, MicroInput::Write(..)) == told.is_write
        };
        if told.len() != input.len() || !input.iter().zip(&told).all(is_same) {
            return Err(alloc::format!(
                "{} answers another transaction than was asked for",
                event.value
            ));
        }
        let read = |micro: Micro<'_>| match (micro.is_write, optional(micro.value)) {
            (true, _) => MicroOutput::Written,
            (false, None) => MicroOutput::Untold,
            (false, value) => MicroOutput::Value(value),
        };
        Ok(Outcome::Ok(told.into_iter().map(read).collect()))
    }
}
