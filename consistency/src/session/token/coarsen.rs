//! A token that has to fit a budget.

use alloc::vec::Vec;

use super::Token;
use super::service::{Rest, Service};
use crate::session::plant::{Plant, planted};

/// What [`Token::fit`] did to make a token smaller.
///
/// ```
/// use quorate_consistency::session::{Admit, Op, Session};
///
/// let mut session = Session::default();
/// for shard in 0..100 {
///     session.observe_read(shard, 1_000 + 10 * shard);
/// }
/// let mut token = session.token().clone();
/// assert_eq!(token.to_bytes().len(), 306);
/// let coarsened = token.fit(100);
/// assert!(token.to_bytes().len() <= 100 && token.is_coarsened());
/// assert_eq!((coarsened.shards, coarsened.services), (69, 0));
///
/// // The 69 of which the least was seen share the highest index of them all.
/// let coarse = Session::default().with_token(token);
/// assert_eq!(session.admit(Op::Read, 7, 1_500), Admit::Serve);
/// assert_eq!(coarse.admit(Op::Read, 7, 1_500), Admit::Wait { until_index: 1_680 });
/// // So does one that was never seen. The others are as exact as before.
/// assert_eq!(coarse.admit(Op::Read, 555, 1_500), Admit::Wait { until_index: 1_680 });
/// assert_eq!(coarse.admit(Op::Read, 99, 1_990), Admit::Serve);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[must_use = "what was coarsened makes sessions wait for more than they saw"]
pub struct Coarsened {
    /// How many shards share one entry now with all that are not listed.
    pub shards: usize,
    /// How many services there are of which anything may have been seen now.
    pub services: usize,
}

impl Coarsened {
    /// Whether it was small enough, and is what it was.
    pub const fn is_nothing(self) -> bool {
        self.shards == 0 && self.services == 0
    }
}

impl Token {
    /// The fewest bytes that a token can be made to fit into.
    pub const MIN_BYTES: usize = 2;

    /// Makes it no longer than so many [bytes](Self::to_bytes), by forgetting on the safe side: shards lose
    /// their own entries, and all that are not listed share one that is as high as the highest of them. Those
    /// go first of which the least was seen. If that is not enough, anything may have been seen of a service.
    ///
    /// A budget below [`MIN_BYTES`](Self::MIN_BYTES) counts as that.
    ///
    /// Where the indexes of shards have nothing to do with each other, the shared entry may be one that a
    /// quiet shard never reaches: bound how long a session waits, and serve it a linearizable read after
    /// that. It means the most where indexes are timestamps.
    pub fn fit(&mut self, bytes: usize) -> Coarsened {
        self.coarsen(&|token| token.to_bytes().len() <= bytes.max(Self::MIN_BYTES))
    }

    /// The same for its text.
    ///
    /// ```
    /// use quorate_consistency::session::Session;
    ///
    /// let mut session = Session::default();
    /// for shard in 0..200 {
    ///     session.observe_read(shard, 500 * shard);
    /// }
    /// let mut token = session.into_token();
    /// assert!(token.to_string().len() > 256);
    /// assert!(!token.fit_text(256).is_nothing());
    /// assert!(token.to_string().len() <= 256);
    /// ```
    pub fn fit_text(&mut self, bytes: usize) -> Coarsened {
        let enough = bytes.max(Self::text_bytes(Self::MIN_BYTES));
        self.coarsen(&|token| Self::text_bytes(token.to_bytes().len()) <= enough)
    }

    /// Makes room for new entries.
    pub(super) fn fit_entries(&mut self, entries: usize) {
        let _ = self.coarsen(&|token| token.entries() <= entries);
    }

    fn coarsen(&mut self, fits: &dyn Fn(&Self) -> bool) -> Coarsened {
        if fits(self) {
            return Coarsened::default();
        }
        let by_age = self.by_age();
        let listed = by_age.len();
        let collapsed = least(listed, |shards| {
            let mut token = self.clone();
            token.collapse(by_age.iter().take(shards));
            fits(&token).then_some(token)
        });
        if let Some((shards, token)) = collapsed {
            *self = token;
            return Coarsened {
                shards,
                services: 0,
            };
        }
        let mut token = self.clone();
        token.collapse(by_age.iter());
        // Those whose shared entry is the longest.
        let mut by_size: Vec<_> = token.services.iter().collect();
        by_size.sort_by_key(|&(id, service)| (core::cmp::Reverse(service.entries()), *id));
        let by_size: Vec<u64> = by_size.into_iter().map(|(&id, _)| id).collect();
        let given_up = least(by_size.len(), |services| {
            let mut token = token.clone();
            for &id in by_size.iter().take(services) {
                token.change(id, |service| *service = Service::ANYTHING);
            }
            fits(&token).then_some(token)
        });
        let (services, token) = given_up.unwrap_or_else(|| {
            let mut all = Self::new();
            all.others = !planted(Plant::UnlistedServiceIsNew);
            (by_size.len(), all)
        });
        *self = token;
        Coarsened {
            shards: listed,
            services,
        }
    }

    /// The listed shards, from the one of which the least was seen. Where all others may be anything, to
    /// lose an entry is to lose everything, so those come last.
    fn by_age(&self) -> Vec<(u64, u64)> {
        let mut by_age = Vec::new();
        for (&id, service) in &self.services {
            let is_last = service.rest == Rest::Anything;
            let shards = service.shards.iter();
            by_age.extend(shards.map(|(&shard, known)| (is_last, known.age(), id, shard)));
        }
        by_age.sort_unstable();
        by_age
            .into_iter()
            .map(|(.., service, shard)| (service, shard))
            .collect()
    }

    fn collapse<'a>(&mut self, shards: impl Iterator<Item = &'a (u64, u64)>) {
        for &(id, shard) in shards {
            if let Some(service) = self.services.get_mut(&id) {
                service.collapse(shard);
            }
        }
        for service in self.services.values_mut() {
            service.drop_what_is_rest();
        }
        self.drop_what_is_default();
    }
}

/// The least number up to `most` that will do, where more will do if fewer do, and what comes of it.
fn least<T>(most: usize, does: impl Fn(usize) -> Option<T>) -> Option<(usize, T)> {
    let mut found = (most, does(most)?);
    let mut low = 0;
    while low < found.0 {
        let middle = usize::midpoint(low, found.0);
        match does(middle) {
            Some(done) => found = (middle, done),
            None => low = middle.saturating_add(1),
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_token_has_the_fewest_bytes() {
        let mut token = Token::new();
        assert_eq!(token.to_bytes().len(), Token::MIN_BYTES);
        token.others = true;
        assert_eq!(token.to_bytes().len(), Token::MIN_BYTES);
        assert_eq!(
            alloc::string::ToString::to_string(&token).len(),
            Token::text_bytes(Token::MIN_BYTES)
        );
    }

    #[test]
    fn the_least_that_will_do_is_found() {
        for most in 0..20 {
            for enough in 0..25 {
                let does = |number| (number >= enough).then_some(number);
                let expected = (enough <= most).then_some((enough, enough));
                assert_eq!(least(most, does), expected);
            }
        }
    }
}
