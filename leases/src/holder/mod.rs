//! The holder's side: until when it may act, when to renew, and when to stop.

mod answers;
mod clocks;
mod config;
mod event;
#[cfg(target_has_atomic = "64")]
mod flag;
mod machine;
mod observer;
mod request;
mod schedule;
mod turn;
mod weakness;

#[cfg(all(test, not(loom)))]
mod kill_matrix;

pub use config::{HolderConfig, HolderConfigError};
pub use event::{EndReason, HolderEvent, Progress, Standing};
#[cfg(target_has_atomic = "64")]
pub use flag::{FlagPublisher, LeaseFlag, Pass, Revoked};
pub use machine::LeaseHolder;
pub use observer::Observer;
pub use request::{Ask, HolderRequest, Refusal, RequestId, Ticket};
