//! Which outcomes a store remembers, and for how long.

use core::fmt;
use core::time::Duration;

use crate::limits::cut;

/// What came of an attempt, as its caller judges it.
///
/// The classes say what a retry could change, which the store cannot see in a response. What is
/// remembered of each is the [`Policy`].
///
/// | It is | such as | Has it had an effect? | Would a retry do better? |
/// |---|---|---|---|
/// | [`Success`](Self::Success) | HTTP 200, 201 | yes | no: it must not run |
/// | [`Rejection`](Self::Rejection) | HTTP 400, 404, 422; not enough money | no | no: it would be rejected again |
/// | [`Transient`](Self::Transient) | HTTP 429, 503 before anything was done | no | yes |
/// | [`Indeterminate`](Self::Indeterminate) | HTTP 500, a timeout further down | nobody knows | it may |
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Class {
    /// The effect is there.
    Success,
    /// Refused for good, without an effect.
    Rejection,
    /// Refused for now, without an effect other than the recorded
    /// [steps](crate::KeyStore::step).
    Transient,
    /// It may have had an effect, wholly or in part. With this, a caller can give up the lease at once,
    /// and need not let it run out.
    Indeterminate,
}

/// What is remembered of an outcome.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Remember {
    /// The response: retries are answered with it for so long.
    Replay {
        /// From the completion on. Must be longer than clients retry.
        retain: Duration,
    },
    /// Only that it was applied: retries are told [`Claim::AlreadyApplied`](crate::Claim::AlreadyApplied)
    /// for so long. For responses that are large, secret or can be read again.
    Applied {
        /// From the completion on. Must be longer than clients retry.
        retain: Duration,
    },
    /// What was asked and how far it came: a retry runs at once, and goes on after the last recorded
    /// [step](crate::KeyStore::step).
    Resume,
    /// Nothing: the key is free, also for another request. Unless there is something that a retry must
    /// know: a recorded step, or an earlier attempt that is in doubt. Then it is as
    /// [`Resume`](Self::Resume).
    Free,
    /// That it is in doubt: a retry may take over at once, and is told so.
    InDoubt,
}

/// Which outcomes replay, which resume and which free the key; and the times.
///
/// It takes part in what a store decides, so every replica must have the same: it travels in the
/// snapshot, and changes by [`KeyStore::set_policy`](crate::KeyStore::set_policy) at the same place in
/// the log everywhere. What is remembered already stays as it was.
///
/// ```
/// use core::time::Duration;
/// use quorate_idempotency::{KeyStore, Limits, Policy, Remember};
///
/// let day = Duration::from_secs(86_400);
/// let mut store = KeyStore::new(Limits::default());
/// // As Stripe's first version has it: whatever was answered is answered again, errors too.
/// store.set_policy(Policy {
///     indeterminate: Remember::Replay { retain: day },
///     ..Policy::default()
/// })?;
/// # Ok::<(), quorate_idempotency::PolicyError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Policy {
    /// What is remembered of a [`Class::Success`]. Default: replay for 24 hours.
    pub success: Remember,
    /// What is remembered of a [`Class::Rejection`]. Default: replay for 24 hours.
    pub rejection: Remember,
    /// What is remembered of a [`Class::Transient`]. Default: resume.
    pub transient: Remember,
    /// What is remembered of a [`Class::Indeterminate`]. Default: that it is in doubt.
    pub indeterminate: Remember,
    /// How long an attempt may run before another may take over, when its request does not say. Default
    /// 30 seconds.
    pub lease: Duration,
    /// How long a key is remembered that nobody completed, from the end of its lease on: until then a
    /// retry learns that the work may have been done. Default 24 hours.
    pub abandoned: Duration,
    /// For keys that [say when they were made](crate::Request::born_at): how old a request may be that
    /// is not known. An older one is [`TooOld`](crate::Claim::TooOld) and never runs; so keys of this
    /// kind are remembered at least until they are so old. Default 24 hours.
    pub key_age: Duration,
    /// How far in the future such a key may be made, by clocks that are wrong. Default 5 minutes.
    pub key_skew: Duration,
    /// What to do when there is no room. Default: drop responses.
    pub pressure: Pressure,
}

/// What a store does when there is no room for a new key.
///
/// In either case it first forgets what is over, and it never touches what runs.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Pressure {
    /// It refuses the new one.
    Refuse,
    /// It drops responses of the same scope, acknowledged and oldest ones first, and remembers of each
    /// in 40 bytes that it was applied. When there is no room for that either, it forgets the oldest of
    /// those that say when they were made, and takes no request any more that is as old. Then it
    /// refuses.
    DropResponses,
}

impl Default for Policy {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        Self {
            success: Remember::Replay { retain: DAY },
            rejection: Remember::Replay { retain: DAY },
            transient: Remember::Resume,
            indeterminate: Remember::InDoubt,
            lease: Duration::from_secs(30),
            abandoned: DAY,
            key_age: DAY,
            key_skew: Duration::from_secs(5 * 60),
            pressure: Pressure::DropResponses,
        }
    }
}

impl Policy {
    /// What is remembered of this class of outcome.
    pub const fn of(&self, class: Class) -> Remember {
        match class {
            Class::Success => self.success,
            Class::Rejection => self.rejection,
            Class::Transient => self.transient,
            Class::Indeterminate => self.indeterminate,
        }
    }

    /// The shortest time that anything is kept after its completion.
    pub(crate) fn shortest_retain(&self) -> Duration {
        let classes = [
            self.success,
            self.rejection,
            self.transient,
            self.indeterminate,
        ];
        let retains = classes.into_iter().filter_map(|remember| match remember {
            Remember::Replay { retain } | Remember::Applied { retain } => Some(retain),
            Remember::Resume | Remember::Free | Remember::InDoubt => None,
        });
        retains.min().unwrap_or(Duration::MAX)
    }

    /// The same with every span short enough to be told in nanoseconds, if it makes sense.
    pub(crate) fn checked(self) -> Result<Self, PolicyError> {
        for class in [
            Class::Success,
            Class::Rejection,
            Class::Transient,
            Class::Indeterminate,
        ] {
            if let Remember::Replay { retain } | Remember::Applied { retain } = self.of(class)
                && retain.is_zero()
            {
                return Err(PolicyError::ZeroRetain { class });
            }
        }
        if let Remember::Resume | Remember::Free | Remember::InDoubt = self.success {
            return Err(PolicyError::SuccessRunsAgain);
        }
        if self.lease.is_zero() {
            return Err(PolicyError::ZeroLease);
        }
        let of = |remember| match remember {
            Remember::Replay { retain } => Remember::Replay {
                retain: cut(retain),
            },
            Remember::Applied { retain } => Remember::Applied {
                retain: cut(retain),
            },
            other => other,
        };
        Ok(Self {
            success: of(self.success),
            rejection: of(self.rejection),
            transient: of(self.transient),
            indeterminate: of(self.indeterminate),
            lease: cut(self.lease),
            abandoned: cut(self.abandoned),
            key_age: cut(self.key_age),
            key_skew: cut(self.key_skew),
            ..self
        })
    }
}

/// Why a policy was not taken. The earlier one holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PolicyError {
    /// An outcome would be kept for no time, and the next retry would run again.
    ZeroRetain {
        /// Of which class.
        class: Class,
    },
    /// A request that has succeeded would run again.
    SuccessRunsAgain,
    /// The lease is zero: every retry would take over at once.
    ZeroLease,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ZeroRetain { class } => write!(
                f,
                "an outcome of class {class:?} would be kept for no time; say how long retries may come"
            ),
            Self::SuccessRunsAgain => write!(
                f,
                "a request that has succeeded would run again; replay it, or remember that it was applied"
            ),
            Self::ZeroLease => write!(
                f,
                "the lease is zero; say how long an attempt may run before another may take over"
            ),
        }
    }
}

impl core::error::Error for PolicyError {}
