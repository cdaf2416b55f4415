//! Tests of the state machine: what each command does, and what must hold of any commands.

mod fencing;
mod golden;
mod laws;
mod once;
mod operations;

use quorate_clocks::Instant;

use super::{Answer, Command, Condition, Guard, Operation, Outcome, Service};

/// A service with its log: gives each command the next index and a stamp.
struct Harness {
    service: Service,
    index: u64,
    now_ms: u64,
}

impl Harness {
    fn new() -> Self {
        Self {
            service: Service::new(),
            index: 0,
            now_ms: 0,
        }
    }

    fn apply(&mut self, key: Option<&str>, operation: Operation) -> Answer {
        self.index += 1;
        let command = Command {
            stamp: Instant::from_millis(self.now_ms),
            idempotency_key: key.map(str::to_owned),
            operation,
        };
        self.service.apply(self.index, &command.encode())
    }

    fn run(&mut self, operation: Operation) -> Outcome {
        match self.apply(None, operation) {
            Answer::Ran(outcome) => outcome,
            other => panic!("{other:?}"),
        }
    }

    fn put(&mut self, key: &str, value: &str) -> Outcome {
        self.run(put(key, value))
    }

    fn acquire(&mut self, name: &str, owner: &str, ttl_ms: u64) -> Outcome {
        self.run(Operation::Acquire {
            name: name.into(),
            owner: owner.into(),
            ttl_ms,
        })
    }

    fn token(&mut self, name: &str, owner: &str, ttl_ms: u64) -> u64 {
        match self.acquire(name, owner, ttl_ms) {
            Outcome::Granted { token, .. } => token,
            other => panic!("{other:?}"),
        }
    }

    fn value(&self, key: &str) -> Option<String> {
        let (_, value) = self.service.get(key)?;
        Some(String::from_utf8(value.to_vec()).unwrap())
    }
}

fn put(key: &str, value: &str) -> Operation {
    put_if(key, value, Condition::Always)
}

fn put_if(key: &str, value: &str, condition: Condition) -> Operation {
    Operation::Put {
        key: key.into(),
        value: value.to_owned().into(),
        condition,
        guard: None,
    }
}

fn put_under(key: &str, value: &str, lease: &str, token: u64) -> Operation {
    Operation::Put {
        key: key.into(),
        value: value.to_owned().into(),
        condition: Condition::Always,
        guard: Some(Guard {
            lease: lease.into(),
            token,
        }),
    }
}
