//! Requests of clients that number them.

mod answer;
mod error;
mod lifecycle;
mod limits;
mod machine;
mod record;
mod sorted;
mod table;
mod view;
mod weakness;
mod wire;

#[cfg(test)]
mod kill_matrix;

pub use answer::{SessionBegin, SessionCompleted, SessionId, SessionRequest};
pub use error::{
    SessionBeginError, SessionCloseError, SessionCompleteError, SessionKeepAliveError,
    SessionOpenError, SessionReopenError,
};
pub use limits::SessionLimits;
pub use machine::ClientSessions;
pub use wire::SessionRestoreError;
