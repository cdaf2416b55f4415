//! Was every increment counted once?

use bytes::Bytes;

use crate::{History, KeyValueInput, KeyValueOutput, Outcome};

/// Compares a counter with what its clients were told: the cheapest check there is for updates that
/// were lost or ran twice, over histories that are too long for any other.
///
/// It looks at sums only, so a loss and a duplicate of the same size cancel out. Use amounts that no
/// others add up to where that matters, or [`check`](crate::check).
///
/// ```
/// use quorate_consistency::{CounterAudit, CounterVerdict};
///
/// let mut audit = CounterAudit::new();
/// for _ in 0..10 {
///     audit.acknowledged(1);
/// }
/// audit.unknown(1); // timed out: counted, or not
/// assert_eq!(audit.verdict(10), CounterVerdict::Exact { from_unknown: 0 });
/// assert_eq!(audit.verdict(11), CounterVerdict::Exact { from_unknown: 1 });
/// assert_eq!(audit.verdict(9), CounterVerdict::Lost { at_least: 1 });
/// assert_eq!(audit.verdict(12), CounterVerdict::Duplicated { at_least: 1 });
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct CounterAudit {
    acknowledged: i128,
    unknown_up: i128,
    unknown_down: i128,
}

/// What a [`CounterAudit`] found.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum CounterVerdict {
    /// The counter has a value that it may have.
    Exact {
        /// How much the increments of unknown outcome contributed.
        from_unknown: i128,
    },
    /// The counter is below the least that it may be: acknowledged increments are missing.
    Lost {
        /// By how much.
        at_least: i128,
    },
    /// The counter is above the most that it may be: increments ran more than once.
    Duplicated {
        /// By how much.
        at_least: i128,
    },
}

impl CounterAudit {
    /// An audit of a counter that starts at 0.
    pub const fn new() -> Self {
        Self {
            acknowledged: 0,
            unknown_up: 0,
            unknown_down: 0,
        }
    }

    /// The audit of one counter in a history. Increments that failed count for nothing.
    pub fn of_key(history: &History<KeyValueInput, KeyValueOutput>, counter: &Bytes) -> Self {
        let mut audit = Self::new();
        for operation in &history.operations {
            match (&operation.input, &operation.output) {
                (KeyValueInput::Increment { key, by }, output) if key == counter => match output {
                    Outcome::Ok(_) => audit.acknowledged(*by),
                    Outcome::Unknown => audit.unknown(*by),
                    Outcome::Failed => {}
                },
                _ => {}
            }
        }
        audit
    }

    /// An increment by `by` was acknowledged: it must be counted exactly once.
    pub const fn acknowledged(&mut self, by: i64) {
        self.acknowledged = self.acknowledged.saturating_add(by as i128);
    }

    /// Nobody knows what came of an increment by `by`: it may be counted once, or not.
    pub const fn unknown(&mut self, by: i64) {
        if by > 0 {
            self.unknown_up = self.unknown_up.saturating_add(by as i128);
        } else {
            self.unknown_down = self.unknown_down.saturating_add(by as i128);
        }
    }

    /// The least and the most that the counter may be.
    pub const fn range(&self) -> (i128, i128) {
        (
            self.acknowledged.saturating_add(self.unknown_down),
            self.acknowledged.saturating_add(self.unknown_up),
        )
    }

    /// What the final value says. It is final when it was read after the last increment had returned
    /// and none of unknown outcome can still take effect.
    pub const fn verdict(&self, value: i64) -> CounterVerdict {
        let value = value as i128;
        let (least, most) = self.range();
        if value < least {
            CounterVerdict::Lost {
                at_least: least - value,
            }
        } else if value > most {
            CounterVerdict::Duplicated {
                at_least: value - most,
            }
        } else {
            CounterVerdict::Exact {
                from_unknown: value - self.acknowledged,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Operation;

    #[test]
    fn unknown_amounts_widen_the_range_in_their_direction() {
        let mut audit = CounterAudit::new();
        audit.acknowledged(100);
        audit.unknown(7);
        audit.unknown(-30);
        assert_eq!(audit.range(), (70, 107));
        assert_eq!(audit.verdict(69), CounterVerdict::Lost { at_least: 1 });
        assert_eq!(
            audit.verdict(70),
            CounterVerdict::Exact { from_unknown: -30 }
        );
        assert_eq!(
            audit.verdict(107),
            CounterVerdict::Exact { from_unknown: 7 }
        );
        assert_eq!(
            audit.verdict(110),
            CounterVerdict::Duplicated { at_least: 3 }
        );
    }

    #[test]
    fn the_extremes_do_not_overflow() {
        let mut audit = CounterAudit::new();
        for _ in 0..1_000 {
            audit.acknowledged(i64::MIN);
            audit.unknown(i64::MIN);
        }
        assert!(matches!(
            audit.verdict(i64::MAX),
            CounterVerdict::Duplicated { .. }
        ));
    }

    #[test]
    fn takes_one_counter_out_of_a_history() {
        let add = |key: &'static str, by| KeyValueInput::Increment {
            key: key.into(),
            by,
        };
        let counted = KeyValueOutput::Counted {
            value: None,
            revision: None,
        };
        let history = History::from(alloc::vec![
            Operation::ok(1, add("a", 5), counted.clone(), 0, 1),
            Operation::ok(1, add("b", 50), counted, 2, 3),
            Operation::failed(1, add("a", 500), 4, 5),
            Operation::unknown(1, add("a", 2), 6),
        ]);
        assert_eq!(CounterAudit::of_key(&history, &"a".into()).range(), (5, 7));
    }
}
