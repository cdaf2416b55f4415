//! Names of headers, in the lower case that HTTP libraries compare.

/// On a write: run it at most once for this key. A retry gets the first answer again, byte for
/// byte, with [`IDEMPOTENT_REPLAYED`]; another request with the same key is refused with 422, and
/// the same one while the first still runs with 409. Quoted or not, at most 255 bytes. Remembered
/// for 600 s, and for 1,000,000 keys at most; beyond that, writes with new keys answer 503, whose
/// `Retry-After` says when the next is forgotten.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// On an answer: `true` when it is a stored one.
pub const IDEMPOTENT_REPLAYED: &str = "idempotent-replayed";
/// On a write to a key: do it only when the key is at this revision (`"17"`, `17`), at one of a list
/// of up to 64 (`"17", "21"`), or exists (`*`). Weak tags and tags that no answer of this service has
/// told match nothing. On a read of a key or counter: answer 412 unless it is.
pub const IF_MATCH: &str = "if-match";
/// On a write to a key: `*` does it only when the key does not exist. On a read of a key or counter:
/// answer 304 without a body when it is at one of these revisions.
pub const IF_NONE_MATCH: &str = "if-none-match";
/// On a write: `<lease name>:<token>` of the lease under which the client writes. Refused with 412
/// when the key has seen a newer token, or when the lease was granted again, and with 400 when no
/// such grant of that lease is known. What keys and leases saw that are gone is remembered for the
/// newest 65,536 of each; what is older is refused, and a client acquires its lease again. What
/// stands before the last colon is the name, percent-encoded as in a path.
pub const FENCING_TOKEN: &str = "fencing-token";
/// On an answer: the revision in quotes. Not there when there is nothing that has a revision.
pub const ETAG: &str = "etag";
/// On an answer: the index in the log of the write that made what is answered.
pub const REVISION: &str = "revision";
/// On an answer to a read: the level that was really served.
pub const CONSISTENCY_SERVED: &str = "consistency-served";
/// On an answer to a read: how stale it is at most, in milliseconds. Whatever was acknowledged to
/// anyone so long ago, or earlier, is in it. `0` for what is linearizable, `unknown` while nothing
/// is proved, since the node started or for want of a leader.
///
/// It is a proof on every node, and assumes nothing but the rate of that node's own clock: messages
/// that were held back, and a leader that does not know that it was deposed, make it larger and
/// never wrong. On a follower it is two to three heartbeat intervals and a round trip while all goes
/// well.
pub const STALENESS_MS: &str = "staleness-ms";
/// On an answer: what the session has seen so far. A client sends the last one back with every
/// request, and reads at level `session` then never go back in time.
pub const SESSION_TOKEN: &str = "session-token";
/// On an answer: the node that gave it.
pub const NODE: &str = "quorate-node";
