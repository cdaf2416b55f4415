//! Asks other machines for the time, and says how wrong the answer can be.

mod config;
mod event;
mod machine;
mod message;
mod source;

pub use config::{TimeSyncConfig, TimeSyncConfigError};
pub use event::TimeEvent;
pub use machine::TimeSynchroniser;
pub use message::TimeMessage;
