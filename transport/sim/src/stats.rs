//! How often what happened.

use core::fmt;

macro_rules! stats {
    ($($(#[doc = $doc:expr])* $name:ident,)*) => {
        /// How often everything has happened so far: a fault that never fired was not tested.
        ///
        /// ```
        /// use quorate_sim::Stats;
        ///
        /// assert_eq!(Stats::default().to_string(), "nothing happened");
        /// ```
        #[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
        pub struct Stats {
            $($(#[doc = $doc])* pub $name: u64,)*
        }

        impl Stats {
            /// Every count, by name.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)*].into_iter()
            }

            /// Adds the counts of another run.
            pub fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)*
            }
        }
    };
}

stats! {
    /// Things that happened, one after the other.
    steps,
    /// Calls of the test.
    calls,
    /// Messages sent.
    sent,
    /// Messages delivered.
    delivered,
    /// Messages delivered after one that was sent later on the same link.
    reordered,
    /// Messages delivered a second time.
    duplicated,
    /// Messages lost by chance.
    lost,
    /// Messages that took the slow delay.
    slowed,
    /// Messages lost on a cut link.
    cut,
    /// Messages lost as their receiver was down, unknown, or paused for too long.
    undeliverable,
    /// Senders told that a peer cannot be reached.
    hints,
    /// Timers that went off.
    timeouts,
    /// Things that machines made durable.
    writes,
    /// Syncs: each makes all writes durable that waited when it began.
    syncs,
    /// Syncs that said that they were done and were not.
    lying_syncs,
    /// Nodes that crashed.
    crashes,
    /// Nodes that started again.
    restarts,
    /// Writes lost in a crash before they were durable.
    lost_writes,
    /// Writes durable after a crash though nobody was told.
    kept_writes,
    /// Nodes that stood still.
    pauses,
    /// Nodes that went on.
    resumes,
    /// Partitions.
    partitions,
    /// Partitions that cut one direction only.
    one_way_partitions,
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for (name, count) in self.iter().filter(|(_, count)| *count > 0) {
            let comma = if first { "" } else { ", " };
            write!(f, "{comma}{name} {count}")?;
            first = false;
        }
        if first {
            f.write_str("nothing happened")?;
        }
        Ok(())
    }
}
