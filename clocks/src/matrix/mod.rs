//! What everybody is known to have seen.

mod certificate;
mod clock;
mod error;
mod wire;

pub use certificate::StabilityCertificate;
pub use clock::MatrixClock;
pub use error::{MatrixJoinError, MatrixRecordError, MatrixRemoveError};
