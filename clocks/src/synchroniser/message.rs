//! What machines say to each other about the time.

use core::time::Duration;

use crate::wire::{DecodeError, Reader};
use crate::{TimeInterval, WallTime};

/// A message of a [`TimeSynchroniser`](crate::TimeSynchroniser).
///
/// # Bytes
///
/// Thirty-three, numbers big-endian. A request is as long as its answer, so that nobody can use a
/// source to send a victim more than was sent to it.
///
/// | Bytes | Request | Response |
/// |---|---|---|
/// | 1 | 1 | 2 |
/// | 8 | nonce | nonce |
/// | 8 | 0 | earliest, nanoseconds since 1970 |
/// | 8 | 0 | latest |
/// | 8 | 0 | held, nanoseconds |
///
/// ```
/// use quorate_clocks::TimeMessage;
///
/// let request = TimeMessage::Request { nonce: 7 };
/// let bytes = request.to_bytes();
/// assert_eq!(bytes[..10], [1, 0, 0, 0, 0, 0, 0, 0, 7, 0]);
/// assert_eq!(TimeMessage::from_bytes(&bytes)?, request);
/// # Ok::<(), quorate_clocks::DecodeError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum TimeMessage {
    /// What time is it?
    Request {
        /// Comes back with the answer, so that it is known what it answers.
        nonce: u64,
    },
    /// The answer.
    Response {
        /// That of the request.
        nonce: u64,
        /// Between which dates the true time was at a moment when the request had arrived and this had
        /// not been sent: an interval from before the request makes who asked wrong.
        sent: TimeInterval,
        /// For how long, at least, the request had been there at that moment: NTP's third timestamp less
        /// the second. Zero is always right.
        held: Duration,
    },
}

/// How many bytes a message is.
const LEN: usize = 33;

impl TimeMessage {
    /// Its canonical [bytes](Self#bytes). A `held` of more than 584 years becomes that.
    pub fn to_bytes(self) -> [u8; LEN] {
        let (kind, nonce, sent, held) = match self {
            Self::Request { nonce } => (1, nonce, [0; 16], 0),
            Self::Response { nonce, sent, held } => {
                let held = u64::try_from(held.as_nanos()).unwrap_or(u64::MAX);
                (2, nonce, sent.to_bytes(), held)
            }
        };
        let mut bytes = [0; LEN];
        bytes[0] = kind;
        bytes[1..9].copy_from_slice(&nonce.to_be_bytes());
        bytes[9..25].copy_from_slice(&sent);
        bytes[25..].copy_from_slice(&held.to_be_bytes());
        bytes
    }

    /// Reads its [bytes](Self#bytes).
    ///
    /// # Errors
    ///
    /// When they are not those of a message.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let kind = reader.byte()?;
        let mut number = || reader.u64();
        let (nonce, earliest, latest, held) = (number()?, number()?, number()?, number()?);
        reader.end()?;
        match kind {
            1 if (earliest, latest, held) == (0, 0, 0) => Ok(Self::Request { nonce }),
            1 => Err(DecodeError::NotCanonical {
                what: "the padding of a request is not zero",
            }),
            2 => {
                let ends = (WallTime::from_nanos(earliest), WallTime::from_nanos(latest));
                let sent = TimeInterval::try_from(ends).map_err(|_| DecodeError::Invalid {
                    what: "an interval ends before it begins",
                })?;
                let held = Duration::from_nanos(held);
                Ok(Self::Response { nonce, sent, held })
            }
            _ => Err(DecodeError::Invalid {
                what: "a message about the time is neither a request nor a response",
            }),
        }
    }
}
