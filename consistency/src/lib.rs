//! Choose how fresh a read must be, keep a session's promises, and check what clients saw.
#![no_std]

#[cfg(any(feature = "std", test))]
extern crate std;

extern crate alloc;

mod base64url;
mod history;
mod level;
mod linearizability;
mod model;
mod token;

pub use history::{History, Operation, OperationId, Outcome, Recorder};
pub use level::{Level, LevelParseError};
pub use linearizability::{
    Blocked, Budget, CertificateError, Explanation, Inconclusive, Linearization, Verdict,
    Violation, check, verify,
};
pub use model::{
    Expected, KeyValue, KeyValueInput, KeyValueOutput, KeyValueState, Model, Register,
    RegisterInput, RegisterOutput,
};
pub use token::{Admit, Position, Requirement, SessionToken, TokenParseError};
