//! `Transport` over tokio TCP: a handshake, bounded queues per peer and lane, redial with backoff.
