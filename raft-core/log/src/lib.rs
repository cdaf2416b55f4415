//! A durable Raft log: one fdatasync per batch, a checksum per record, snapshots by atomic rename.
