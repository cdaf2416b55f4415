//! A table as bytes.
//!
//! All numbers are little-endian, instants and spans are nanoseconds in a u64, and a text is its length
//! in a u16 and its bytes.
//!
//! ```text
//! version u8 = 3 | now | last token u64 | last session u64 | last number drawn u64
//! sessions u32, ascending by id:
//!   id u64 | time to live | ends at | closed 1 + told 2 u8 | watched names u32, texts that ascend
//! names u32, ascending by their bytes:
//!   text | asked to yield up to token u64 | nobody gets it before | number drawn for that u64
//!   grants u32, ascending by token:
//!     owner text | request u128 | token u64 | kind u8 | ends at, session u64, or forget at | lock-delay
//!     kind: 0 held, 1 of a session, 2 expired, 3 released; + 4 shared; + 8 beside the name's own
//!   waiting u32, ascending by number drawn:
//!     number u64 | owner text | request u128 | shared 1 + of a session 2 u8
//!       | time to live or session u64 | lock-delay | waits until
//! tokens u64 of the grants that expired or were released, the first to be forgotten first
//! ```

mod restore;
#[cfg(all(test, not(loom)))]
mod tests;
mod wire;

use alloc::vec::Vec;

use super::LeaseTable;
use super::crowd::{Crowd, Life};
use super::entry::{Entry, Hold};
use super::weakness::Weakness;
use crate::Mode;
pub use wire::RestoreError;
use wire::*;

const VERSION: u8 = 3;
/// About what a name with a grant takes besides its texts.
const RECORD_BYTES: usize = 80;

impl LeaseTable {
    /// The whole state but the limits and the events that were not polled, in canonical bytes: equal
    /// tables have equal bytes, on every machine. The layout is stable within its version, which is
    /// the first byte.
    pub fn snapshot(&self) -> Vec<u8> {
        let names = self.records.sorted();
        let mut out = Vec::with_capacity((names.len() + 1) * RECORD_BYTES);
        out.push(VERSION);
        push_instant(&mut out, self.now);
        push_u64(&mut out, self.last_token.0);
        push_u64(&mut out, self.last_session.0);
        push_u64(&mut out, self.last_number);
        let mut sessions: Vec<_> = self.records.sessions.unordered().collect();
        sessions.sort_unstable_by_key(|(_, session)| session.id);
        push_count(&mut out, sessions.len());
        for (_, session) in sessions {
            push_u64(&mut out, session.id.0);
            push_span(&mut out, session.ttl);
            push_instant(&mut out, session.deadline);
            out.push(u8::from(session.closed) + 2 * u8::from(session.told));
            push_count(&mut out, session.watched.len());
            for name in &session.watched {
                push_text(&mut out, name);
            }
        }
        push_count(&mut out, names.len());
        for (anchor, entry) in names {
            push_text(&mut out, entry.name.as_str());
            self.push_name(&mut out, anchor, entry);
        }
        for entry in self.records.ended() {
            push_u64(&mut out, entry.token.0);
        }
        out
    }

    fn push_name(&self, out: &mut Vec<u8>, anchor: u32, entry: &Entry) {
        let none = Crowd::default();
        let crowd = self
            .records
            .crowds
            .get(&anchor)
            .map_or(&none, |crowd| crowd);
        push_u64(out, crowd.asked.0);
        let delayed = crowd
            .delayed
            .filter(|_| !self.weak(Weakness::SnapshotWithoutDelay));
        let (until, number) = delayed.unwrap_or_default();
        push_instant(out, until);
        push_u64(out, number);
        let further = crowd.requests.values().filter_map(|seat| match seat {
            super::crowd::Seat::At(at) => Some((self.records.entries.get(*at)?, true)),
            super::crowd::Seat::Waiting(_) => None,
        });
        let mut grants: Vec<_> = further.collect();
        if entry.owner().is_some() {
            grants.push((entry, false));
        }
        grants.sort_unstable_by_key(|(entry, _)| entry.token);
        push_count(out, grants.len());
        for (entry, is_further) in grants {
            push_text(out, self.records.owner(entry));
            out.extend(entry.request().to_le_bytes());
            push_u64(out, entry.token.0);
            let (kind, at) = match entry.hold {
                Hold::Until { until, .. } => (0, until.as_nanos()),
                Hold::Session { session, .. } => {
                    let session = self.records.sessions.get(session);
                    (1, session.map_or(0, |session| session.id.0))
                }
                Hold::Ended {
                    released,
                    forget_at,
                    ..
                } => (2 + u8::from(released), forget_at.as_nanos()),
                Hold::Vacant => (2, 0),
            };
            let shared = u8::from(entry.mode() == Mode::Shared);
            out.push(kind + 4 * shared + 8 * u8::from(is_further));
            push_u64(out, at);
            push_span(
                out,
                crowd
                    .lock_delays
                    .get(&entry.token)
                    .copied()
                    .unwrap_or_default(),
            );
        }
        push_count(out, crowd.waiting.len());
        for (number, waiter) in &crowd.waiting {
            push_u64(out, *number);
            push_text(out, self.records.owners.name(waiter.owner));
            out.extend(waiter.request.to_le_bytes());
            let (of_session, life) = match waiter.life {
                Life::For(ttl) => (0, nanos(ttl)),
                Life::With(session) => {
                    let session = self.records.sessions.get(session);
                    (2, session.map_or(0, |session| session.id.0))
                }
            };
            out.push(u8::from(waiter.mode == Mode::Shared) + of_session);
            push_u64(out, life);
            push_span(out, waiter.lock_delay);
            push_instant(out, waiter.until);
        }
    }
}
