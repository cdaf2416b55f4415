//! The one table that the types and the data of the models are made of.

/// Hands the table to another macro.
///
/// `above` are the models directly below this one, and `so` those that follow from them. Both are
/// written out, since a trait has to be implemented for each: that they are right is tested.
///
/// The edges are those of the map in Elle's `consistency_model.clj`, with these added, each sound by
/// the definitions of the sources named: a strong model is above the plain one; strong session
/// serializability is above sequential consistency (take transactions of one operation); real-time
/// causal (Mahajan et al., 2011) and bounded staleness are below linearizable; a forward consistent
/// view forbids every cycle with a single anti-dependency, so also those through a cursor (Adya,
/// 1999). Edges that follow from others are left out of `above`.
///
/// Availability is that of Bailis et al. (2013, "Highly Available Transactions", figure 2), and where
/// that has no entry: what forbids lost updates is unavailable (their section 5.2), and so is what has
/// one order that each session sees its own writes in (prefix: two sides of a partition each see
/// their own write and not the other's). Monotonic snapshot read is counted as unavailable, as no
/// store is known that offers it otherwise.
macro_rules! for_each_model {
    ($callback:ident) => {
        $callback! {
            StrictSerializable {
                name "strict-serializable"
                available Unavailable
                buys "Transactions happen one at a time, in an order that agrees with real time"
                costs "a round to a majority per transaction, and waiting or aborting on conflict"
                forbids "every anomaly"
                allows "nothing that one machine would not do"
                source "Papadimitriou 1979; Herlihy and Wing 1990"
                above [StrongSnapshotIsolation StrongSessionSerializable Linearizable]
                so [
                    Serializable ViewSerializable RepeatableRead CursorStability SnapshotIsolation
                    ForwardConsistentView MonotonicSnapshotRead ParallelSnapshotIsolation Prefix
                    TransactionalCausal UpdateAtomic ReadAtomic MonotonicAtomicView ReadCommitted
                    ReadUncommitted Sequential RealTimeCausal BoundedStaleness Causal Pram
                    WritesFollowReads MonotonicReads MonotonicWrites ReadYourWrites Eventual
                ]
            }
            StrongSnapshotIsolation {
                name "strong-snapshot-isolation"
                available Unavailable
                buys "A transaction reads the newest snapshot there is when it begins"
                costs "a timestamp that every site agrees on, and aborts when two write the same key"
                forbids "stale snapshots, lost updates"
                allows "write skew"
                source "Daudjee and Salem 2006"
                above [SnapshotIsolation]
                so [
                    CursorStability ForwardConsistentView MonotonicSnapshotRead
                    ParallelSnapshotIsolation Prefix TransactionalCausal UpdateAtomic ReadAtomic
                    MonotonicAtomicView ReadCommitted ReadUncommitted Eventual
                ]
            }
            StrongSessionSerializable {
                name "strong-session-serializable"
                available Unavailable
                buys "Transactions in one order, which keeps the order within each session"
                costs "a token per session, and what serializability costs"
                forbids "going back in time within a session"
                allows "other sessions' newest transactions unseen"
                source "Daudjee and Salem 2004"
                above [Serializable Sequential]
                so [
                    ViewSerializable RepeatableRead CursorStability SnapshotIsolation
                    ForwardConsistentView MonotonicSnapshotRead ParallelSnapshotIsolation Prefix
                    TransactionalCausal UpdateAtomic ReadAtomic MonotonicAtomicView ReadCommitted
                    ReadUncommitted Causal Pram WritesFollowReads MonotonicReads MonotonicWrites
                    ReadYourWrites Eventual
                ]
            }
            Serializable {
                name "serializable"
                available Unavailable
                buys "Transactions happen one at a time, in some order"
                costs "locks or validation across all keys of a transaction"
                forbids "write skew, lost updates, phantoms"
                allows "an order that contradicts real time: a read of the empty past"
                source "Papadimitriou 1979; Adya 1999 (PL-3)"
                above [RepeatableRead SnapshotIsolation ViewSerializable]
                so [
                    CursorStability ForwardConsistentView MonotonicSnapshotRead
                    ParallelSnapshotIsolation Prefix TransactionalCausal UpdateAtomic ReadAtomic
                    MonotonicAtomicView ReadCommitted ReadUncommitted Eventual
                ]
            }
            ViewSerializable {
                name "view-serializable"
                available Unavailable
                buys "Each transaction reads what it would have read in some one-at-a-time order"
                costs "as much as serializability; to decide it is NP-complete"
                forbids "reads that no order explains"
                allows "blind writes that conflict in cycles"
                source "Papadimitriou 1979; Yannakakis 1984"
                above [Eventual]
                so []
            }
            RepeatableRead {
                name "repeatable-read"
                available Unavailable
                buys "The rows that a transaction has read do not change under it"
                costs "long read locks on rows, or validation of them"
                forbids "lost updates, fuzzy reads, write skew on rows"
                allows "phantoms"
                source "Adya 1999 (PL-2.99)"
                above [CursorStability MonotonicAtomicView]
                so [ReadCommitted ReadUncommitted Eventual]
            }
            CursorStability {
                name "cursor-stability"
                available Unavailable
                buys "A row does not change between a cursor's read and its write"
                costs "a lock on the row under the cursor"
                forbids "lost updates through a cursor"
                allows "fuzzy reads, write skew"
                source "Berenson et al. 1995; Adya 1999 (PL-CS)"
                above [ReadCommitted]
                so [ReadUncommitted Eventual]
            }
            SnapshotIsolation {
                name "snapshot-isolation"
                available Unavailable
                buys "A transaction reads one snapshot, and of two that write the same key one aborts"
                costs "versions, a timestamp that orders commits, aborts"
                forbids "lost updates, fractured reads, long forks"
                allows "write skew; a snapshot that is old"
                source "Berenson et al. 1995; Cerone et al. 2015"
                above [ForwardConsistentView MonotonicSnapshotRead ParallelSnapshotIsolation Prefix]
                so [
                    MonotonicAtomicView CursorStability TransactionalCausal UpdateAtomic ReadAtomic ReadCommitted
                    ReadUncommitted Eventual
                ]
            }
            ForwardConsistentView {
                name "forward-consistent-view"
                available Unavailable
                buys "A transaction reads consistently, and may see what commits after it began"
                costs "checks that no dependency is missed"
                forbids "missed effects, lost updates"
                allows "write skew, reads newer than the begin"
                source "Adya 1999 (PL-FCV)"
                above [CursorStability]
                so [ReadCommitted ReadUncommitted Eventual]
            }
            MonotonicSnapshotRead {
                name "monotonic-snapshot-read"
                available Unavailable
                buys "Each statement reads a snapshot, never older than the last one"
                costs "versions, and an order of commits"
                forbids "statements that see half a transaction"
                allows "two statements that see different snapshots"
                source "Adya 1999 (PL-MSR)"
                above [ReadCommitted]
                so [ReadUncommitted Eventual]
            }
            ParallelSnapshotIsolation {
                name "parallel-snapshot-isolation"
                available Unavailable
                buys "Snapshot isolation in each site, causal order between sites"
                costs "a preferred site or a vote per key that is written"
                forbids "lost updates, fractured reads"
                allows "long forks: two sites that see two writes in opposite orders"
                source "Sovran et al. 2011"
                above [TransactionalCausal UpdateAtomic]
                so [ReadAtomic MonotonicAtomicView ReadCommitted ReadUncommitted Eventual]
            }
            Prefix {
                name "prefix"
                available Unavailable
                buys "Every transaction reads a prefix of one order of all transactions"
                costs "one order of all commits"
                forbids "long forks, fractured reads"
                allows "lost updates"
                source "Burckhardt et al. 2015; Cerone et al. 2015"
                above [TransactionalCausal]
                so [ReadAtomic MonotonicAtomicView ReadCommitted ReadUncommitted Eventual]
            }
            TransactionalCausal {
                name "transactional-causal"
                available Sticky
                buys "A transaction sees all of what it sees some of, and all that led to it"
                costs "dependencies sent with the data, and a client that stays with its replica"
                forbids "effects without their causes, fractured reads"
                allows "lost updates, long forks"
                source "Cerone et al. 2015"
                above [ReadAtomic]
                so [MonotonicAtomicView ReadCommitted ReadUncommitted Eventual]
            }
            UpdateAtomic {
                name "update-atomic"
                available Unavailable
                buys "Read atomic, and of two that write the same key one aborts"
                costs "a vote per key that is written"
                forbids "lost updates, fractured reads"
                allows "effects without their causes"
                source "Cerone et al. 2015"
                above [ReadAtomic]
                so [MonotonicAtomicView ReadCommitted ReadUncommitted Eventual]
            }
            ReadAtomic {
                name "read-atomic"
                available Total
                buys "All of a transaction's writes are seen, or none"
                costs "a list of the other keys with each write"
                forbids "fractured reads"
                allows "lost updates, effects without their causes"
                source "Bailis et al. 2014 (RAMP)"
                above [MonotonicAtomicView]
                so [ReadCommitted ReadUncommitted Eventual]
            }
            MonotonicAtomicView {
                name "monotonic-atomic-view"
                available Total
                buys "Once one write of a transaction is seen, the others are"
                costs "a list of the other keys with each write"
                forbids "later reads that miss what came with an earlier one"
                allows "fuzzy reads, lost updates"
                source "Bailis et al. 2013 (HAT)"
                above [ReadCommitted]
                so [ReadUncommitted Eventual]
            }
            ReadCommitted {
                name "read-committed"
                available Total
                buys "Only what was committed is read"
                costs "writes kept aside until commit"
                forbids "dirty reads"
                allows "fuzzy reads, fractured reads, lost updates"
                source "Berenson et al. 1995; Adya 1999 (PL-2)"
                above [ReadUncommitted]
                so [Eventual]
            }
            ReadUncommitted {
                name "read-uncommitted"
                available Total
                buys "The writes of two transactions do not mix"
                costs "one order of writes by a timestamp"
                forbids "dirty writes"
                allows "dirty reads"
                source "Berenson et al. 1995; Adya 1999 (PL-1)"
                above [Eventual]
                so []
            }
            Linearizable {
                name "linearizable"
                available Unavailable
                buys "Each operation takes effect at one moment between its call and its answer"
                costs "a round to a majority, or a lease and trust in clocks"
                forbids "stale reads, new values that turn old again"
                allows "other orders of concurrent operations"
                source "Herlihy and Wing 1990"
                above [Sequential RealTimeCausal BoundedStaleness]
                so [
                    Causal Pram WritesFollowReads MonotonicReads MonotonicWrites ReadYourWrites
                    Eventual
                ]
            }
            Sequential {
                name "sequential"
                available Unavailable
                buys "All operations are in one order, which keeps the order of each client"
                costs "one order of all writes; a read waits for its own client's writes"
                forbids "clients that disagree on the order of writes"
                allows "reads as old as the client's last operation"
                source "Lamport 1979"
                above [Causal]
                so [Pram WritesFollowReads MonotonicReads MonotonicWrites ReadYourWrites Eventual]
            }
            RealTimeCausal {
                name "real-time-causal"
                available Sticky
                buys "Causal, and what was over is never ordered after what had not begun"
                costs "causal order by what really happened; a client that stays with its replica"
                forbids "time that runs backwards"
                allows "concurrent writes seen in different orders"
                source "Mahajan et al. 2011"
                above [Causal]
                so [Pram WritesFollowReads MonotonicReads MonotonicWrites ReadYourWrites Eventual]
            }
            BoundedStaleness {
                name "bounded-staleness"
                available Unavailable
                buys "Every write that was acknowledged longer ago than the bound is seen"
                costs "a word from the leader more often than the bound"
                forbids "answers older than the bound"
                allows "going back in time, within the bound"
                source "Terry et al. 2013; Golab et al. 2011"
                above [Eventual]
                so []
            }
            Causal {
                name "causal"
                available Sticky
                buys "What led to an operation is seen before it, by everyone"
                costs "dependencies sent with the data, and a client that stays with its replica"
                forbids "answers without their questions"
                allows "concurrent writes seen in different orders, unbounded lag"
                source "Ahamad et al. 1995"
                above [WritesFollowReads Pram]
                so [MonotonicReads MonotonicWrites ReadYourWrites Eventual]
            }
            Pram {
                name "pram"
                available Sticky
                buys "Each client's writes are seen by all in the order in which it made them"
                costs "a first-in first-out link from each replica to each, and a client that stays with its replica"
                forbids "one client's writes out of order"
                allows "writes of two clients out of their causal order"
                source "Lipton and Sandberg 1988"
                above [MonotonicReads MonotonicWrites ReadYourWrites]
                so [Eventual]
            }
            WritesFollowReads {
                name "writes-follow-reads"
                available Total
                buys "A write is seen after what its session had read before"
                costs "dependencies sent with each write"
                forbids "an answer seen before the question"
                allows "own writes unseen"
                source "Terry et al. 1994"
                above [Eventual]
                so []
            }
            MonotonicReads {
                name "monotonic-reads"
                available Total
                buys "A session's reads do not go back"
                costs "a token, or reads from a state that every replica has"
                forbids "a value that turns old again"
                allows "own writes unseen"
                source "Terry et al. 1994"
                above [Eventual]
                so []
            }
            MonotonicWrites {
                name "monotonic-writes"
                available Total
                buys "A session's writes take effect in their order"
                costs "dependencies sent with each write"
                forbids "a second write without the first"
                allows "own writes unseen"
                source "Terry et al. 1994"
                above [Eventual]
                so []
            }
            ReadYourWrites {
                name "read-your-writes"
                available Sticky
                buys "A session sees what it wrote"
                costs "a token, and a replica that has the write"
                forbids "own writes unseen"
                allows "reads that go back in what others wrote"
                source "Terry et al. 1994"
                above [Eventual]
                so []
            }
            Eventual {
                name "eventual"
                available Total
                buys "Only what was written is seen, and in the end all of it"
                costs "nothing"
                forbids "values that nobody wrote"
                allows "old values, for any time, in any order"
                source "Terry et al. 1995; Vogels 2009"
                above []
                so []
            }
        }
    };
}

pub(super) use for_each_model;
