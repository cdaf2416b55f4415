//! The tokio driver of `quorate-raft-core`, generic over your state machine.
