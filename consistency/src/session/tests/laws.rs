//! Laws that hold of all tokens.

use alloc::string::ToString;
use alloc::vec::Vec;

use proptest::prelude::*;

use crate::session::{Guarantees, Lineage, Op, Position, Session, Token, WriteOrder};

#[derive(Clone, Debug)]
enum Step {
    Observe(u64, u64, Position, bool),
    Fit(usize),
    Stable(u64, u64, Position),
    StableEverywhere(u64, Position),
}

fn position() -> impl Strategy<Value = Position> {
    (0..3_u64, 0..6_u64).prop_map(|(epoch, index)| Position::new(epoch, index))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..3_u64, 0..4_u64, position(), any::<bool>())
            .prop_map(|(service, shard, at, write)| Step::Observe(service, shard, at, write)),
        1 => (0..40_usize).prop_map(Step::Fit),
        1 => (0..3_u64, 0..4_u64, position())
            .prop_map(|(service, shard, at)| Step::Stable(service, shard, at)),
        1 => (0..3_u64, position()).prop_map(|(service, at)| Step::StableEverywhere(service, at)),
    ]
}

fn take(token: &mut Token, step: Step) {
    match step {
        Step::Observe(service, shard, at, true) => token.observe_write(service, shard, at),
        Step::Observe(service, shard, at, false) => token.observe_read(service, shard, at),
        Step::Fit(bytes) => _ = token.fit(bytes),
        Step::Stable(service, shard, at) => token.drop_stable(service, shard, at),
        Step::StableEverywhere(service, at) => token.drop_stable_everywhere(service, at),
    }
}

/// Tokens over few shards and numbers, so that they collide, with all that can happen to them.
fn token() -> impl Strategy<Value = Token> {
    prop::collection::vec(step(), 0..14).prop_map(|steps| {
        let mut token = Token::new();
        for step in steps {
            take(&mut token, step);
        }
        token
    })
}

fn merged(a: &Token, b: &Token) -> Token {
    let mut both = a.clone();
    both.merge(b).unwrap();
    both
}

/// What the token asks for, in places that were seen and in some that were not.
fn asked(token: &Token) -> Vec<Option<Vec<Position>>> {
    let mut asked = Vec::new();
    for guarantees in [Guarantees::READ_YOUR_WRITES, Guarantees::MONOTONIC_READS] {
        let session = Session::new(guarantees, WriteOrder::Unordered).unwrap();
        let session = session.with_token(token.clone());
        for service in 0..4 {
            let session = session.clone().with_service(service);
            for shard in 0..5 {
                let required = session.requirement(Op::Read, shard);
                let positions = required.positions().collect();
                asked.push((!required.is_anything()).then_some(positions));
            }
        }
    }
    asked
}

/// Whether one asks for all that the other asks for.
fn asks_for_all_of(more: &Token, less: &Token) -> bool {
    let covers = |more: &[Position], less: &Position| more.iter().any(|of_more| of_more >= less);
    asked(more)
        .into_iter()
        .zip(asked(less))
        .all(|(more, less)| match (more, less) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(more), Some(less)) => less.iter().all(|less| covers(&more, less)),
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn merge_is_a_join(a in token(), b in token(), c in token()) {
        prop_assert_eq!(merged(&a, &a), a.clone());
        prop_assert_eq!(merged(&a, &Token::new()), a.clone());
        prop_assert_eq!(merged(&a, &b), merged(&b, &a));
        prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
        let both = merged(&a, &b);
        prop_assert!(asks_for_all_of(&both, &a) && asks_for_all_of(&both, &b));
        // The least such: whatever asks for as much as both asks for as much as that.
        let above = merged(&merged(&c, &a), &b);
        prop_assert!(asks_for_all_of(&above, &both));
        for (both, (a, b)) in asked(&both).into_iter().zip(asked(&a).into_iter().zip(asked(&b))) {
            if let (Some(both), Some(a), Some(b)) = (&both, &a, &b) {
                prop_assert!(both.iter().all(|at| a.contains(at) || b.contains(at)));
            } else {
                prop_assert!(both.is_none() && (a.is_none() || b.is_none()));
            }
        }
    }

    #[test]
    fn a_coarse_token_asks_for_no_less_and_says_what_it_is(token in token(), bytes in 0..40_usize) {
        let mut coarse = token.clone();
        let coarsened = coarse.fit(bytes);
        prop_assert!(coarse.to_bytes().len() <= bytes.max(Token::MIN_BYTES));
        prop_assert!(asks_for_all_of(&coarse, &token));
        prop_assert_eq!(coarsened.is_nothing(), token.to_bytes().len() <= bytes.max(Token::MIN_BYTES));
        prop_assert!(!coarsened.is_nothing() || coarse == token);
        prop_assert!(coarsened.is_nothing() || coarse.is_coarsened());
        // What asks for more stays so when both are seen later.
        prop_assert!(asks_for_all_of(&merged(&coarse, &token), &token));
        let mut in_text = token.clone();
        let _ = in_text.fit_text(bytes);
        prop_assert!(in_text.to_string().len() <= bytes.max(5));
    }

    #[test]
    fn what_was_seen_is_asked_for_until_it_is_stable(
        token in token(), service in 0..3_u64, shard in 0..4_u64, at in position(), stable in position(),
    ) {
        let mut session = Session::default().with_service(service).with_token(token.clone());
        session.observe_read(shard, at);
        let mut seen = Token::new();
        seen.observe_read(service, shard, at);
        prop_assert!(asks_for_all_of(session.token(), &seen));
        prop_assert!(asks_for_all_of(session.token(), &token));
        let mut left = session.into_token();
        left.drop_stable(service, shard, stable);
        prop_assert!(at <= stable || asks_for_all_of(&left, &seen));
        let mut less = token.clone();
        less.drop_stable(service, shard, stable);
        prop_assert!(asks_for_all_of(&token, &less));
    }

    #[test]
    fn every_token_survives_its_bytes_and_its_text(token in token()) {
        let bytes = token.to_bytes();
        prop_assert_eq!(Token::from_bytes(&bytes), Ok(token.clone()));
        prop_assert_eq!(token.to_string().parse(), Ok(token));
        prop_assert!(bytes.len() <= Token::MAX_BYTES);
    }

    #[test]
    fn large_numbers_survive_too(
        seen in prop::collection::vec((any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>()), 0..30),
    ) {
        let mut token = Token::new();
        for (service, shard, epoch, index) in seen {
            token.observe_read(service, shard, Position::new(epoch, index));
            token.observe_write(service, shard, Position::new(epoch, index.rotate_left(9)));
        }
        prop_assert_eq!(Token::from_bytes(&token.to_bytes()), Ok(token));
    }

    #[test]
    fn any_bytes_are_refused_or_the_only_ones_of_their_token(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40),
            prop::collection::vec(0..16_u8, 0..16).prop_map(|mut bytes| { bytes.insert(0, 2); bytes }),
        ],
    ) {
        if let Ok(token) = Token::from_bytes(&bytes) {
            prop_assert_eq!(token.to_bytes(), bytes);
        }
    }

    #[test]
    fn bytes_that_were_changed_are_refused_or_another_token(
        token in token(), at in any::<prop::sample::Index>(), flip in 1..=255_u8,
    ) {
        let mut bytes = token.to_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(other) = Token::from_bytes(&bytes) {
            prop_assert_eq!(other.to_bytes(), bytes);
            prop_assert_ne!(other, token);
        }
    }

    #[test]
    fn any_bytes_are_refused_or_the_only_ones_of_their_lineage(
        bytes in prop::collection::vec(0..6_u8, 0..24),
    ) {
        let mut bytes = bytes;
        bytes.insert(0, 1);
        if let Ok(lineage) = Lineage::from_bytes(&bytes) {
            prop_assert_eq!(lineage.to_bytes(), bytes);
        }
    }

    #[test]
    fn any_text_is_refused_or_the_only_one_of_its_token(
        text in prop_oneof!["\\PC{0,60}", "2\\.[A-Za-z0-9_-]{0,40}", "2\\.[A-D][A-H]A{0,3}[A-Za-z0-9_-]{0,10}"],
    ) {
        if let Ok(token) = text.parse::<Token>() {
            prop_assert_eq!(token.to_string(), text);
        }
    }
}
