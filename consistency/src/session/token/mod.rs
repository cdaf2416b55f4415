//! What a session has seen, small enough to travel with every request.

mod bytes;
mod coarsen;
mod error;
mod requirement;
mod seal;
mod seen;
mod service;
mod text;

pub use coarsen::Coarsened;
pub use error::{MergeError, TokenError};
pub use requirement::Requirement;
pub use seal::{OpenError, Seal, SealedToken, TagError};

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;

use self::seen::{Known, Seen};
use self::service::{Rest, Service};
use super::plant::{Plant, planted};
use super::{Guarantees, Position};

/// What a session has read and written, in one value that travels with every request and comes back with
/// every answer.
///
/// It is a map from service and shard to how far the session has read there, and how far it has written:
/// by epoch, since positions of two epochs do not compare. [`Session`](super::Session) keeps one and
/// decides by it. Treat it as opaque elsewhere: hand it on, merge it, cut it to size.
///
/// A **service** is a number that tells apart stores whose shards have the same numbers; a client of one
/// store uses 0. A session that uses several carries one token for all of them, and each looks only at what
/// concerns it.
///
/// # The algebra
///
/// Tokens are a join semilattice: for each shard and epoch the higher index wins.
/// [`merge`](Self::merge) is commutative, associative and idempotent, so several connections of one client
/// may update their copies in any order and merge them; and whoever merges in the token of somebody else
/// sees at least what they saw.
///
/// # How large it gets
///
/// There is an entry for each shard that was touched: not for each replica or region, so that it does not
/// grow with the cluster. With indexes up to a million, and writes to one shard in four:
///
/// | Shards | 1 | 10 | 100 | 1,000 |
/// |---|---|---|---|---|
/// | bytes | 10 | 57 | 528 | 5,237 |
/// | characters, as text | 14 | 77 | 705 | 6,984 |
///
/// Indexes are stored as steps from one shard to the next, so nanosecond timestamps of a busy minute take no
/// more than 8 bytes a shard. There are three ways to keep it small:
///
/// - Entries that every replica has reached mean nothing any more: [`drop_stable`](Self::drop_stable).
/// - Entries of epochs that ended are carried over into one: [`Session::follow`](super::Session::follow).
/// - Under a budget of bytes it is [**coarsened**](Self::fit): shards lose their own entries, and all that
///   are not listed share one that is as high as the highest of them. So it may ask for more than the
///   session saw, and make a replica wait that need not have; it never asks for less. At the very worst it
///   says that anything may have been seen. [`is_coarsened`](Self::is_coarsened) says that it is so.
///
/// # Trust
///
/// A token that is not [sealed](SealedToken) can be forged. Whoever does makes its own reads wait or go
/// stale; make sure that a wait is bounded, and that it holds nothing that others need.
///
/// ```
/// use quorate_consistency::session::{Session, Token};
///
/// let mut session = Session::default();
/// session.observe_write(0, 17);
/// session.observe_read(0, 19);
/// let header = session.token().to_string();
/// assert_eq!(header, "2.AgAEAAMmAg");
/// assert_eq!(header.parse().as_ref(), Ok(session.token()));
///
/// // What somebody else saw, in another shard.
/// let mut theirs = Session::default();
/// theirs.observe_read(4, 9);
/// let mut both = session.token().clone();
/// both.merge(theirs.token())?;
/// assert_eq!((both.len(), both.is_coarsened()), (2, false));
/// # Ok::<(), quorate_consistency::session::MergeError>(())
/// ```
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Token {
    /// None is the same as what is known of the others.
    services: BTreeMap<u64, Service>,
    /// Anything may have been seen of the services that are not listed. Otherwise nothing was.
    others: bool,
}

impl Token {
    /// How many entries there can be, over all shards, epochs and services. Who observes more than that gets
    /// a token that is [coarsened](Self::is_coarsened).
    pub const MAX_ENTRIES: usize = 1_024;

    /// Of a session that has seen nothing.
    pub const fn new() -> Self {
        Self {
            services: BTreeMap::new(),
            others: false,
        }
    }

    /// Learns what another token knows: the least that asks for as much as either.
    ///
    /// # Errors
    ///
    /// When there would be more than [`MAX_ENTRIES`](Self::MAX_ENTRIES). Nothing has changed then.
    pub fn merge(&mut self, other: &Self) -> Result<(), MergeError> {
        if self.entries().saturating_add(other.entries()) <= Self::MAX_ENTRIES {
            self.join(other);
            return Ok(());
        }
        let mut both = self.clone();
        both.join(other);
        let entries = both.entries();
        if entries > Self::MAX_ENTRIES {
            return Err(MergeError { entries });
        }
        *self = both;
        Ok(())
    }

    /// Drops what is no more than a position that every replica of the shard has which may ever be asked,
    /// also those that were cut off and have not heard of the epoch, and those of its heirs if it was split
    /// or merged. It is certain to be there, so there is no need to ask for it.
    ///
    /// Only what was seen in the same epoch is dropped.
    ///
    /// ```
    /// use quorate_consistency::session::Session;
    ///
    /// let mut session = Session::default();
    /// session.observe_read(0, 17);
    /// session.observe_read(1, 40);
    /// let mut token = session.into_token();
    /// // The slowest replica of shard 0 has its log up to 20.
    /// token.drop_stable(0, 0, 20.into());
    /// assert_eq!(token.len(), 1);
    /// ```
    pub fn drop_stable(&mut self, service: u64, shard: u64, stable: Position) {
        self.change(service, |service| {
            if let Some(known) = service.known(shard) {
                let mut known = known.clone();
                known.drop_stable(stable);
                service.set(shard, known);
            }
        });
        self.bound();
    }

    /// The same for all shards of a service, where one position means the same in each: a hybrid or global
    /// timestamp up to which all is stable. What was coarsened becomes exact again by it.
    pub fn drop_stable_everywhere(&mut self, service: u64, stable: Position) {
        self.change(service, |service| {
            for known in service.shards.values_mut() {
                known.drop_stable(stable);
            }
            if let Rest::AtMost(rest) = &mut service.rest {
                rest.drop_stable(stable);
            }
            service.drop_what_is_rest();
        });
    }

    /// Whether the session has seen nothing.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty() && !self.others
    }

    /// How many shards are listed, over all services.
    pub fn len(&self) -> usize {
        self.services
            .values()
            .map(|service| service.shards.len())
            .sum()
    }

    /// Whether it may ask for more than the session has seen, of some shards, as it had to fit a budget or had
    /// too many [entries](Self::MAX_ENTRIES).
    pub fn is_coarsened(&self) -> bool {
        let exact = Rest::default();
        self.others || self.services.values().any(|service| service.rest != exact)
    }

    /// What has to come before a write, as something that was read.
    pub(super) fn prerequisites(&self, guarantees: Guarantees) -> Self {
        if guarantees.by_store().is_empty() || planted(Plant::NoPrerequisites) {
            return Self::new();
        }
        let services = self.services.iter();
        let mut prerequisites = Self {
            services: services
                .map(|(&id, service)| (id, service.prerequisites(guarantees)))
                .collect(),
            others: self.others,
        };
        prerequisites.drop_what_is_default();
        prerequisites
    }

    pub(super) fn observe_read(&mut self, service: u64, shard: u64, at: Position) {
        self.observe(service, shard, at, Seen::read(at.index));
    }

    pub(super) fn observe_write(&mut self, service: u64, shard: u64, at: Position) {
        self.observe(service, shard, at, Seen::written(at.index));
    }

    fn observe(&mut self, service: u64, shard: u64, at: Position, seen: Seen) {
        if at.is_beginning() {
            return;
        }
        let service = if planted(Plant::ServicesAreAlike) {
            0
        } else {
            service
        };
        let has_more = self.change(service, |service| service.observe(shard, at.epoch, seen));
        // To count them takes longer than to observe.
        if has_more {
            self.bound();
        }
    }

    /// Says that nothing was seen of an epoch of a shard.
    pub(super) fn forget(&mut self, service: u64, shard: u64, epoch: u64) {
        self.change(service, |service| {
            if let Some(known) = service.known(shard) {
                let mut known = known.clone();
                known.change(|other, seen| if other == epoch { Seen::NOTHING } else { seen });
                service.set(shard, known);
            }
        });
        self.bound();
    }

    /// Carries what was seen of one shard over to another, or to a later epoch of it.
    pub(super) fn carry(
        &mut self,
        service: u64,
        from: u64,
        to: u64,
        place: impl Fn(Position) -> Option<Position>,
    ) {
        self.change(service, |service| {
            let Some(mut left) = service.shards.get(&from).cloned() else {
                return;
            };
            let mut carried = Known::default();
            left.change(|epoch, seen| {
                // How far was read and how far was written may lie on both sides of where it ended.
                let mut carry = |index: Option<u64>, seen: fn(u64) -> Seen| {
                    let index = index?;
                    let Some(at) = place(Position { epoch, index }) else {
                        return Some(index).filter(|_| !planted(Plant::FollowDropsTheLost));
                    };
                    carried.observe(at.epoch, seen(at.index));
                    None
                };
                Seen {
                    read: carry(seen.read, Seen::read),
                    written: carry(seen.written, Seen::written),
                }
            });
            if from == to {
                left.join(&carried);
                service.set(from, left);
            } else if let Some(known) = service.known(to) {
                carried.join(known);
                service.set(to, carried);
            }
        });
        self.bound();
    }

    /// Coarsens it, if it has too many entries, so far that this is not needed again soon.
    fn bound(&mut self) {
        if self.entries() > Self::MAX_ENTRIES {
            self.fit_entries(Self::MAX_ENTRIES / 4 * 3);
        }
    }

    /// Does something to what is known of a service.
    fn change<T>(&mut self, id: u64, change: impl FnOnce(&mut Service) -> T) -> T {
        let default = self.default_service();
        let service = self.services.entry(id).or_insert_with(|| default.clone());
        let result = change(service);
        if *service == default {
            self.services.remove(&id);
        }
        result
    }

    fn join(&mut self, other: &Self) {
        let (ours, theirs) = (self.default_service(), other.default_service());
        for (id, service) in &mut self.services {
            service.join(other.services.get(id).unwrap_or(&theirs));
        }
        for (&id, service) in &other.services {
            if let Entry::Vacant(place) = self.services.entry(id) {
                place.insert(ours.clone()).join(service);
            }
        }
        self.others |= other.others;
        self.drop_what_is_default();
    }

    fn drop_what_is_default(&mut self) {
        let default = self.default_service();
        self.services.retain(|_, service| *service != default);
    }

    /// What is known of a service that is not listed.
    fn default_service(&self) -> Service {
        if self.others && !planted(Plant::UnlistedServiceIsNew) {
            Service::ANYTHING
        } else {
            Service::default()
        }
    }

    fn entries(&self) -> usize {
        let services = self.services.values().map(Service::entries);
        services.fold(0, usize::saturating_add)
    }
}
