//! The replicated state, as the driver of Raft wants it.

use std::sync::Arc;

use bytes::Bytes;
use quorate_raft_core::Index;
use quorate_raft_node::{RestoreError, StateMachine};

use crate::service::{Answer, LogClock, Service};

/// One node's copy of the service, which tells the node's [`LogClock`] what it applies.
#[derive(Debug, Default)]
pub struct Replica {
    service: Service,
    log_clock: Arc<LogClock>,
}

impl Replica {
    /// An empty copy.
    pub fn new(log_clock: Arc<LogClock>) -> Self {
        Self {
            service: Service::new(),
            log_clock,
        }
    }

    /// The state.
    pub fn service(&self) -> &Service {
        &self.service
    }
}

impl StateMachine for Replica {
    type Response = Answer;

    fn apply(&mut self, index: Index, command: &Bytes) -> Answer {
        let answer = self.service.apply(index.0, command);
        self.log_clock.observe(self.service.now());
        answer
    }

    fn snapshot(&self) -> Bytes {
        self.service.snapshot()
    }

    fn restore(&mut self, data: &Bytes) -> Result<(), RestoreError> {
        self.service =
            Service::restore(data).map_err(|error| RestoreError::new(error.to_string()))?;
        self.log_clock.observe(self.service.now());
        Ok(())
    }
}
