//! How to fence a resource: what a lock service cannot do, what a fence assumes, and recipes for a
//! database, an object store and a log.
//!
//! # Why a lock service alone cannot protect a resource
//!
//! It hands out a lease and takes no part in what is done under it. Between the moment at which a
//! holder last knew that it held the lease and the moment at which its write arrives there is always a
//! gap, in which it may be paused, or the write may wait in a queue of the network. Nothing that the
//! lock service does, and nothing that the holder checks, closes that gap: it is behind both of them.
//! Only the resource is there when the write arrives, so only the resource can refuse it (M. Kleppmann,
//! "How to do distributed locking", 2016).
//!
//! What can be relied on:
//!
//! | | a holder that runs | one that was paused | needs |
//! |---|---|---|---|
//! | a lease | is alone, nearly always | is not | a lock service |
//! | and a deadline from sending | is alone | is not | a bound on clock drift |
//! | and a fence | is alone | is refused, once the next has raised | a check at the resource |
//!
//! The lease and the deadline keep holders from wasting work. The fence keeps them from doing harm.
//!
//! # What a fence assumes
//!
//! 1. **Tokens grow, for ever.** Across releases, restarts and changes of the leader, and when the lock
//!    service is set up anew: see [`LeaseTable::with_tokens_after`](crate::LeaseTable::with_tokens_after).
//!    A count that begins again locks everybody out; one that a mark was never raised to lets two in.
//! 2. **Every effect passes it.** A script that writes past the fence is not fenced.
//! 3. **The check and the effect are one step**: one lock, one transaction, one compare-and-set, one log.
//! 4. **The mark is as durable as the data**, and stored no later.
//! 5. **The new holder raises before it reads.** Until then the old one is let in. [`Armed`](crate::Armed)
//!    asks for it.
//! 6. **Nobody lies.** A token is a number and not a secret. Whoever presents `u64::MAX` locks everybody
//!    out.
//!
//! And it guards *one* resource. A holder of several raises at all of them before it uses any. What
//! cannot be checked where it happens, such as a mail that is sent or a motor that is started, cannot
//! be fenced; put something in front of it that can.
//!
//! # Which one
//!
//! | the guarded data | the fence |
//! |---|---|
//! | in a database or a file, saved in one transaction with the mark | [`Fence`](crate::Fence), as [bytes](crate::Fence::to_bytes) |
//! | where the mark cannot be in the same transaction | [`DurableFence`](crate::DurableFence) |
//! | in memory, behind a lock | [`Fenced`](crate::Fenced) |
//! | in memory, for threads without a lock | [`AtomicFence`](crate::AtomicFence) |
//! | many things, by name | [`FenceSet`](crate::FenceSet) |
//! | where a write must not be done twice | [`StrictFence`](crate::StrictFence) |
//!
//! # Recipe: SQL
//!
//! The mark is a column of the guarded row, a `BIGINT` that begins at 0. A new holder raises it, in a
//! transaction of its own, and goes on when one row was changed:
//!
//! ```sql
//! UPDATE account SET fence = :token WHERE id = :id AND fence <= :token;
//! ```
//!
//! Then it reads. Each write carries the token; no row changed means that the lease is lost:
//!
//! ```sql
//! UPDATE account SET balance = :balance, fence = :token
//!  WHERE id = :id AND fence <= :token;
//! ```
//!
//! `READ COMMITTED` is enough: an `UPDATE` that has waited for another's looks at the row again. A `SELECT`
//! first, and an `UPDATE` without the condition after it, is not.
//!
//! Where a lease guards more than a row, it has a row of its own in a table of fences, and each transaction
//! begins with
//!
//! ```sql
//! UPDATE fence SET token = :token WHERE lease = :lease AND token <= :token;
//! ```
//!
//! and is rolled back when no row was changed. The row stays locked until the commit, which is what makes the
//! check one step with whatever follows. Insert the row when the lease is invented, and never delete it.
//!
//! # Recipe: an object store
//!
//! There is one compare-and-set: a put on the condition that the object is what was read (`If-Match` with
//! the `ETag`; on Google Cloud Storage `x-goog-if-generation-match`). The mark is **in the object**, and not
//! in its metadata: an `ETag` is often computed from the contents alone, and an object whose metadata was
//! raised still has the `ETag` that the old holder waits with.
//!
//! Read the object, let its fence decide, and put it back with the new mark on that condition. Where the
//! condition fails, begin again with reading. The raise is a put like any other: it changes the object, so
//! a put of the old holder that is still on its way fails its condition.
//!
//! ```
//! use quorate_leases::{Fence, FencingToken};
//!
//! /// An object: its contents, and what `If-Match` compares.
//! struct Object {
//!     body: Vec<u8>,
//!     etag: u64,
//! }
//!
//! impl Object {
//!     fn put_if_match(&mut self, etag: u64, body: Vec<u8>) -> bool {
//!         let matches = self.etag == etag;
//!         if matches {
//!             (self.body, self.etag) = (body, etag + 1);
//!         }
//!         matches
//!     }
//! }
//!
//! /// The object with this text, written under this token, or why not. A put that fails its condition is tried
//! /// again; what is refused by the fence is not.
//! fn fenced(object: &Object, token: FencingToken, text: &[u8]) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
//!     let (mark, _) = object.body.split_at(Fence::BYTES);
//!     let mut fence = Fence::from_bytes(mark)?;
//!     fence.check_and_raise(token)?;
//!     Ok([&fence.to_bytes(), text].concat())
//! }
//!
//! let mut object = Object { body: Fence::new().to_bytes().to_vec(), etag: 1 };
//! let (old, new) = (FencingToken(33), FencingToken(34));
//! // The old holder has read, has decided, and its put is on its way.
//! let (late_body, late_etag) = (fenced(&object, old, b"old")?, object.etag);
//! // The new holder raises.
//! let raised = fenced(&object, new, b"")?;
//! assert!(object.put_if_match(object.etag, raised));
//! // The late put fails its condition, and when it is tried again, the fence refuses it.
//! assert!(!object.put_if_match(late_etag, late_body));
//! assert!(fenced(&object, old, b"old").is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Recipe: a log
//!
//! Each entry carries the token under which it was appended, and an entry with an older token than one
//! before it is skipped **when the log is read**, by every reader alike: that is the one place where the
//! order is settled. To refuse it at the append as well saves room. To refuse it only there, on a node
//! that may be an old leader, does not help. A raise is an entry that does nothing else; when it is
//! committed, what was read up to it is final. (Kafka's producer epochs and BookKeeper's fencing of a ledger
//! work like that.)
//!
//! ```
//! use quorate_leases::{Fence, FencingToken};
//!
//! let log = [(33, "a"), (33, "b"), (34, ""), (33, "c"), (34, "d")];
//! let mut fence = Fence::new();
//! let read: String = log
//!     .iter()
//!     .filter(|(token, _)| fence.check_and_raise(FencingToken(*token)).is_ok())
//!     .map(|(_, text)| *text)
//!     .collect();
//! assert_eq!(read, "abd");
//! ```
//!
//! A replicated state machine is such a reader. Its fences are part of its state: a
//! [`FenceSet`](crate::FenceSet) goes into its [snapshot](crate::FenceSet::snapshot). If the leases are granted by
//! the same log, the index of the entry that grants one is a token.
