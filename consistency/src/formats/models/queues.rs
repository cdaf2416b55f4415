//! `:enqueue` and `:dequeue`, `:push` and `:pop`, `:insert` and `:delete-min`.

use alloc::string::String;

use super::{bytes_of, integer, no_function, optional};
use crate::formats::{Event, EventModel};
use crate::{
    Outcome, PriorityQueue, PriorityQueueInput, PriorityQueueOutput, Queue, QueueInput,
    QueueOutput, Stack, StackInput, StackOutput,
};

impl EventModel for Queue {
    fn read_input(&self, event: &Event) -> Result<QueueInput, String> {
        match event.function.as_str() {
            "enqueue" => Ok(QueueInput::Enqueue(bytes_of(&event.value))),
            "dequeue" => Ok(QueueInput::Dequeue),
            "peek" => Ok(QueueInput::Peek),
            _ => no_function(event, "a queue", ":enqueue, :dequeue and :peek"),
        }
    }

    fn read_answer(
        &self,
        input: &QueueInput,
        event: &Event,
    ) -> Result<Outcome<QueueOutput>, String> {
        Ok(Outcome::Ok(match input {
            QueueInput::Enqueue(_) => QueueOutput::Enqueued,
            QueueInput::Dequeue | QueueInput::Peek => QueueOutput::Value(optional(&event.value)),
            QueueInput::Len => QueueOutput::Len(length(event)?),
        }))
    }
}

impl EventModel for Stack {
    fn read_input(&self, event: &Event) -> Result<StackInput, String> {
        match event.function.as_str() {
            "push" => Ok(StackInput::Push(bytes_of(&event.value))),
            "pop" => Ok(StackInput::Pop),
            "peek" => Ok(StackInput::Peek),
            _ => no_function(event, "a stack", ":push, :pop and :peek"),
        }
    }

    fn read_answer(
        &self,
        input: &StackInput,
        event: &Event,
    ) -> Result<Outcome<StackOutput>, String> {
        Ok(Outcome::Ok(match input {
            StackInput::Push(_) => StackOutput::Pushed,
            StackInput::Pop | StackInput::Peek => StackOutput::Value(optional(&event.value)),
            StackInput::Len => StackOutput::Len(length(event)?),
        }))
    }
}

impl EventModel for PriorityQueue {
    fn read_input(&self, event: &Event) -> Result<PriorityQueueInput, String> {
        match event.function.as_str() {
            "insert" => Ok(PriorityQueueInput::Insert(integer(
                &event.value,
                "the value",
            )?)),
            "delete-min" => Ok(PriorityQueueInput::DeleteMin),
            "min" => Ok(PriorityQueueInput::Min),
            _ => no_function(event, "a priority queue", ":insert, :delete-min and :min"),
        }
    }

    fn read_answer(
        &self,
        input: &PriorityQueueInput,
        event: &Event,
    ) -> Result<Outcome<PriorityQueueOutput>, String> {
        Ok(Outcome::Ok(match input {
            PriorityQueueInput::Insert(_) => PriorityQueueOutput::Inserted,
            PriorityQueueInput::DeleteMin | PriorityQueueInput::Min => {
                PriorityQueueOutput::Value(if event.value.is_nil() {
                    None
                } else {
                    Some(integer(&event.value, "the value")?)
                })
            }
            PriorityQueueInput::Len => PriorityQueueOutput::Len(length(event)?),
        }))
    }
}

fn length(event: &Event) -> Result<u64, String> {
    let number = integer(&event.value, "the length")?;
    u64::try_from(number).map_err(|_| alloc::format!("the length {number} is below zero"))
}
