//! Choose how fresh a read must be, keep a session's promises, and check what clients saw.
#![no_std]

#[cfg(any(feature = "std", test))]
extern crate std;

extern crate alloc;

mod base64url;
mod counter;
mod history;
#[cfg(feature = "json")]
mod json;
mod level;
mod linearizability;
mod model;
mod sessions;
mod token;

pub use counter::{CounterAudit, CounterVerdict};
pub use history::{
    History, Operation, OperationId, Outcome, Record, Recorder, Recording, linearizable,
};
#[cfg(feature = "json")]
pub use json::{
    JsonModel, ReadHistoryError, ReadLimits, read_history, write_history, write_record,
};
pub use level::{Level, LevelParseError};
pub use linearizability::{
    Blocked, Budget, CertificateError, Explanation, Inconclusive, Linearization, Verdict,
    Violation, check, verify,
};
pub use model::{
    Expected, KeyValue, KeyValueInput, KeyValueOutput, KeyValueState, Model, Register,
    RegisterInput, RegisterOutput,
};
pub use sessions::{
    Access, Guarantee, SessionAccess, SessionViolation, check_sessions, key_value_accesses,
};
pub use token::{Admit, Position, Requirement, SessionToken, TokenParseError};
