//! What is too rare for chance, told one by one. The matrix of mistakes runs these as well.

use alloc::string::ToString;

use core::time::Duration;

use quorate_clocks::{TimeInterval, WallTime};

use crate::session::{
    Admit, Age, Certainty, Guarantees, Indexes, Lineage, LineageBytesError, LineageError, Newest,
    Op, OpenError, Placed, Position, Seal, SealedToken, Session, Token, TokenError, WriteOrder,
};

macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        $(mod $name {
            #[test]
            fn holds() {
                super::$name();
            }
        })*
        pub(super) const CASES: &[(&str, fn())] = &[$((stringify!($name), $name)),*];
    };
}

cases!(
    a_second_failover_takes_from_the_first_epoch_too,
    what_only_one_half_kept_is_lost_of_the_whole,
    what_one_half_forgot_is_unknown_of_the_whole,
    what_is_stable_is_dropped_and_nothing_else,
    a_shared_entry_has_all_epochs,
    what_is_not_seen_of_a_shard_survives_the_bytes_of_a_coarse_token,
    a_full_token_shares_an_entry_and_asks_for_no_less,
    a_token_that_can_tell_nothing_sends_to_a_replica_that_is_current,
    nothing_can_be_added_to_anything,
    a_stable_timestamp_makes_a_coarse_token_exact,
    indexes_and_epochs_at_their_ends,
    lineages_are_bounded,
    a_shard_that_was_disowned_is_not_asked_for,
    what_no_lineage_is_written_like_is_refused,
    what_was_sealed_opens_and_nothing_else,
    no_age_is_certain_that_is_not_so,
    versions_are_counted_within_an_epoch,
    epochs_without_end_are_bounded,
    what_a_coarse_token_is_told_to_drop_is_bounded,
    golden_bytes,
    what_no_token_is_written_like_is_refused,
);

fn a_second_failover_takes_from_the_first_epoch_too() {
    let mut shard = Lineage::new(0, 0);
    shard.failover(1, 15, Indexes::Continue).unwrap();
    shard.failover(2, 10, Indexes::Continue).unwrap();
    let mut session = Session::default();
    session.observe_read(0, 12);
    let lost = Admit::EpochChanged {
        shard: 0,
        seen: Position::new(0, 12),
        kept: Some(10),
    };
    assert_eq!(session.admit_by(Op::Read, &shard, 30), lost);
    // What was in the base of an epoch stays there, whatever the epoch loses later.
    let mut restored = Lineage::new(0, 0);
    restored.failover(1, 15, Indexes::StartOver).unwrap();
    restored.failover(2, 3, Indexes::Continue).unwrap();
    assert_eq!(session.admit_by(Op::Read, &restored, 0), Admit::Serve);
}

/// Two children of a shard that were made of different replicas, and then merged.
fn halves(first: u64, second: u64) -> [Lineage; 2] {
    let parent = Lineage::new(0, 0);
    [(1, first), (2, second)]
        .map(|(shard, kept)| Lineage::heir(shard, 1, &[(&parent, kept)]).unwrap())
}

fn what_only_one_half_kept_is_lost_of_the_whole() {
    for (first, second) in [(40, 35), (35, 40)] {
        let [first, second] = halves(first, second);
        let whole = Lineage::heir(3, 2, &[(&first, 0), (&second, 9)]).unwrap();
        assert_eq!(
            whole.place(0, Position::new(0, 35)),
            Placed::At { index: 0 }
        );
        assert_eq!(
            whole.place(0, Position::new(0, 37)),
            Placed::Lost { kept: 35 }
        );
    }
}

fn what_one_half_forgot_is_unknown_of_the_whole() {
    let [first, mut second] = halves(40, 40);
    second.forget(0, 0);
    let whole = Lineage::heir(3, 2, &[(&first, 0), (&second, 0)]).unwrap();
    assert_eq!(whole.place(0, Position::new(0, 1)), Placed::Unknown);
    // A parent that has nothing to do with it need not know.
    let other = Lineage::new(7, 0);
    let whole = Lineage::heir(3, 2, &[(&first, 0), (&other, 0)]).unwrap();
    assert_eq!(whole.place(0, Position::new(0, 1)), Placed::At { index: 0 });
}

fn what_is_stable_is_dropped_and_nothing_else() {
    let mut session = Session::default();
    session.observe_read(0, 12);
    session.observe_write(0, 13);
    session.observe_read(0, Position::new(1, 7));
    let mut token = session.into_token();
    token.drop_stable(0, 0, 12.into());
    let session = Session::default().with_token(token);
    let required = session.requirement(Op::Read, 0);
    assert!(required.positions().eq([13.into(), Position::new(1, 7)]));
}

fn a_shared_entry_has_all_epochs() {
    let mut session = Session::default();
    session.observe_read(0, 90);
    session.observe_read(0, Position::new(1, 5));
    for shard in 1..9 {
        session.observe_read(shard, Position::new(2, 50));
    }
    let mut token = session.token().clone();
    let coarsened = token.fit(30);
    assert!(coarsened.shards > 0 && coarsened.services == 0);
    let coarse = Session::default().with_token(token);
    for (position, wanted) in [
        (Position::new(0, 89), false),
        (Position::new(1, 4), false),
        (Position::new(1, 5), false),
    ] {
        assert_eq!(coarse.admit(Op::Read, 0, position).is_serve(), wanted);
    }
    let mut required = coarse.requirement(Op::Read, 0).positions();
    assert!(required.any(|position| position == Position::new(0, 90)));
}

fn what_is_not_seen_of_a_shard_survives_the_bytes_of_a_coarse_token() {
    let mut session = Session::default();
    for shard in 0..20 {
        session.observe_read(shard, 5 + shard);
    }
    let mut token = session.into_token();
    assert!(!token.fit(40).is_nothing());
    token.drop_stable(0, 3, 1_000.into());
    let token = Token::from_bytes(&token.to_bytes()).unwrap();
    let session = Session::default().with_token(token);
    assert!(session.requirement(Op::Read, 3).is_nothing());
    assert!(!session.requirement(Op::Read, 4).is_nothing());
    assert!(session.requirement(Op::Read, 4).is_coarse());
}

fn a_full_token_shares_an_entry_and_asks_for_no_less() {
    let mut session = Session::default();
    for shard in 0..3_000 {
        session.observe_write(shard, 10 + shard);
        assert!(session.token().to_bytes().len() <= Token::MAX_BYTES);
    }
    assert!(session.token().len() <= Token::MAX_ENTRIES && session.token().is_coarsened());
    for shard in 0..3_000 {
        assert!(!session.admit(Op::Read, shard, 9 + shard).is_serve());
    }
    // The last are exact.
    assert!(session.admit(Op::Read, 2_999, 3_009).is_serve());
}

fn a_token_that_can_tell_nothing_sends_to_a_replica_that_is_current() {
    let mut session = Session::default().with_service(4);
    for epoch in 0..30 {
        session.observe_read(0, Position::new(100 * epoch, 1_000));
    }
    let mut token = session.into_token();
    // Not even one shared entry fits, with so many epochs.
    let coarsened = token.fit(6);
    assert_eq!((coarsened.shards, coarsened.services), (1, 1));
    let here = Session::default().with_service(4).with_token(token.clone());
    assert!(here.requirement(Op::Read, 77).is_anything());
    assert_eq!(here.admit(Op::Read, 77, 9), Admit::Redirect);
    // Of a write nothing was promised.
    assert_eq!(here.admit(Op::Write, 77, 9), Admit::Serve);
    let elsewhere = here.with_service(5);
    assert_eq!(elsewhere.admit(Op::Read, 77, 9), Admit::Serve);

    assert!(!token.fit(0).is_nothing());
    assert_eq!(token.to_bytes().len(), Token::MIN_BYTES);
    let elsewhere = elsewhere.with_token(token);
    assert_eq!(elsewhere.admit(Op::Read, 77, 9), Admit::Redirect);
    assert!(elsewhere.prerequisites().is_empty());
    let causal = Session::new(Guarantees::CAUSAL, WriteOrder::Everywhere).unwrap();
    let causal = causal.with_token(elsewhere.into_token());
    assert!(!causal.prerequisites().is_empty());
}

fn nothing_can_be_added_to_anything() {
    let mut session = Session::default();
    session.observe_read(0, 5);
    let exact = session.into_token();
    let mut anything = exact.clone();
    assert!(!anything.fit(0).is_nothing());
    let mut both = exact;
    both.merge(&anything).unwrap();
    assert_eq!(both, anything);
    let mut session = Session::default().with_token(anything.clone());
    session.observe_write(9, 1_000);
    assert_eq!(session.into_token(), anything);
}

fn a_stable_timestamp_makes_a_coarse_token_exact() {
    let mut session = Session::default();
    for shard in 0..50 {
        session.observe_write(shard, 1_000 + shard);
    }
    session.observe_write(50, 9_000);
    let mut token = session.into_token();
    assert!(!token.fit(20).is_nothing());
    token.drop_stable_everywhere(0, 5_000.into());
    assert!(!token.is_coarsened());
    assert_eq!(token.len(), 1);
    let session = Session::default().with_token(token);
    assert!(session.requirement(Op::Read, 7).is_nothing());
    assert_eq!(
        session.admit(Op::Read, 50, 8_999),
        Admit::Wait { until_index: 9_000 }
    );
}

fn indexes_and_epochs_at_their_ends() {
    let last = Position::new(u64::MAX, u64::MAX);
    let mut session = Session::default().with_service(u64::MAX);
    session.observe_write(u64::MAX, last);
    session.observe_read(u64::MAX, Position::new(u64::MAX, 0));
    session.observe_read(0, Position::new(0, u64::MAX));
    session.observe_read(0, Position::new(14, 1));
    session.observe_read(0, Position::new(30, u64::MAX - 1));
    assert_eq!(session.admit(Op::Read, u64::MAX, last), Admit::Serve);
    let short = Position::new(u64::MAX, u64::MAX - 1);
    assert_eq!(
        session.admit(Op::Read, u64::MAX, short),
        Admit::Wait {
            until_index: u64::MAX
        }
    );
    let token = session.token();
    assert_eq!(Token::from_bytes(&token.to_bytes()).as_ref(), Ok(token));
    assert_eq!(token.to_string().parse().as_ref(), Ok(token));
    let error = Lineage::new(0, u64::MAX).failover(u64::MAX, 0, Indexes::Continue);
    assert!(error.is_err());
}

fn lineages_are_bounded() {
    let mut shard = Lineage::new(0, 0);
    for epoch in 0..Lineage::MAX_ORIGINS as u64 {
        shard.failover(epoch + 1, 1, Indexes::Continue).unwrap();
    }
    let before = shard.clone();
    let error = shard.failover(1_000, 1, Indexes::Continue).unwrap_err();
    assert_eq!(error, LineageError::TooManyOrigins);
    assert_eq!(
        error.to_string(),
        "the log comes from more than 256 others: forget those of which no session has a token any more"
    );
    assert_eq!(shard, before);
    assert_eq!(Lineage::heir(1, 1_000, &[(&shard, 1)]), Err(error));
    shard.forget(0, 0);
    shard.failover(1_000, 1, Indexes::Continue).unwrap();

    let shards: alloc::vec::Vec<_> = (0..300).map(|number| Lineage::new(number, 0)).collect();
    let parents: alloc::vec::Vec<_> = shards.iter().map(|shard| (shard, 1)).collect();
    assert_eq!(
        Lineage::heir(1_000, 1, &parents),
        Err(LineageError::TooManyOrigins)
    );
    assert!(Lineage::heir(1_000, 1, &parents[..256]).is_ok());

    // A number that has ended does not come back, as what was seen of it before would be mistaken.
    let [first, second] = halves(40, 40);
    let ends = [(&first, 0), (&second, 0)];
    let error = Lineage::heir(0, 2, &ends).unwrap_err();
    assert_eq!(error, LineageError::ShardEnded { shard: 0 });
    assert_eq!(
        error.to_string(),
        "shard 0 has ended, and an heir of its heirs would have its number: take a new one"
    );
    assert!(Lineage::heir(1, 2, &ends).is_ok());
}

fn a_shard_that_was_disowned_is_not_asked_for() {
    let [mut child, _] = halves(40, 40);
    let mut session = Session::default();
    session.observe_read(0, 50);
    let lost = Admit::EpochChanged {
        shard: 0,
        seen: 50.into(),
        kept: Some(40),
    };
    assert_eq!(session.admit_by(Op::Read, &child, 1), lost);
    child.disown(0);
    assert_eq!(session.admit_by(Op::Read, &child, 1), Admit::Serve);
}

fn what_no_lineage_is_written_like_is_refused() {
    let [mut child, _] = halves(40, 300);
    child.failover(2, 7, Indexes::Continue).unwrap();
    let bytes = [1, 1, 2, 1, 0, 1, 2, 0, 0, 40, 0, 1, 1, 7, 1];
    assert_eq!(child.to_bytes(), bytes);
    assert_eq!(Lineage::from_bytes(&bytes), Ok(child));
    use LineageBytesError::{NotALineage, TooMany, Truncated, Version};
    for end in 1..bytes.len() {
        assert_eq!(Lineage::from_bytes(&bytes[..end]), Err(Truncated));
    }
    for (bytes, error) in [
        (&[][..], Truncated),
        (&[2, 0, 0, 0, 0], Version { found: 2 }),
        // More than there is.
        (&[1, 0, 0, 0, 0, 0], NotALineage),
        // Its own ancestor; one that it was before it began; one that ends in a later epoch, or in none.
        (&[1, 0, 3, 1, 0, 1, 0], NotALineage),
        (&[1, 0, 3, 1, 5, 4, 0], NotALineage),
        (&[1, 0, 3, 1, 5, 0, 0], NotALineage),
        // Twice the same.
        (&[1, 0, 3, 2, 5, 1, 5, 1, 0], NotALineage),
        (&[1, 0, 3, 0, 2, 0, 1, 9, 1, 0, 1, 9, 1], NotALineage),
        // Of the present epoch, and of a shard that is no ancestor, or not then.
        (&[1, 0, 3, 0, 1, 0, 3, 9, 1], NotALineage),
        (&[1, 0, 3, 0, 1, 5, 1, 9, 1], NotALineage),
        (&[1, 0, 3, 1, 5, 1, 1, 5, 1, 9, 1], NotALineage),
        // Indexes that neither continue nor start over.
        (&[1, 0, 3, 0, 1, 0, 1, 9, 2], NotALineage),
        (&[1, 0, 3, 0xFF, 0x7F], TooMany { count: 16_383 }),
    ] {
        assert_eq!(Lineage::from_bytes(bytes), Err(error), "{bytes:?}");
    }
}

struct Sum(u8);

impl Seal for Sum {
    type Tag = alloc::vec::Vec<u8>;

    fn tag(&self, bytes: &[u8]) -> Self::Tag {
        let sum = |sum: u8, byte: &u8| sum.rotate_left(1).wrapping_add(*byte);
        alloc::vec![bytes.iter().fold(self.0, sum)]
    }

    fn verify(&self, bytes: &[u8], tag: &[u8]) -> bool {
        tag == self.tag(bytes)
    }
}

/// Makes tags of so many bytes.
struct Long(usize);

impl Seal for Long {
    type Tag = alloc::vec::Vec<u8>;

    fn tag(&self, _: &[u8]) -> Self::Tag {
        alloc::vec![7; self.0]
    }

    fn verify(&self, _: &[u8], tag: &[u8]) -> bool {
        tag.len() == self.0
    }
}

fn what_was_sealed_opens_and_nothing_else() {
    let mut session = Session::default();
    session.observe_write(3, 170);
    let text = SealedToken::seal(session.token(), &Sum(1))
        .unwrap()
        .to_string();
    let sealed: SealedToken = text.parse().unwrap();
    assert_eq!(sealed.open(&Sum(1)).as_ref(), Ok(session.token()));
    assert_eq!(sealed.open(&Sum(2)), Err(OpenError::Forged));
    for at in 2..text.len() {
        let mut other = text.clone().into_bytes();
        other[at] = if other[at] == b'A' { b'B' } else { b'A' };
        let other = alloc::string::String::from_utf8(other).unwrap();
        let opened = other
            .parse::<SealedToken>()
            .and_then(|sealed| sealed.open(&Sum(1)));
        assert!(opened.is_err(), "{other}");
    }
    // A token that was made up opens as little as one that is none.
    assert_eq!(
        "2.AgAEAAIi".parse::<SealedToken>(),
        Err(OpenError::NotSealed)
    );
    let empty = "2.AgAEAAIi.".parse::<SealedToken>();
    assert_eq!(empty, Err(OpenError::Forged));
    let nonsense: SealedToken = "2._w.BwcH".parse().unwrap();
    let error = OpenError::Token(TokenError::Truncated);
    assert_eq!(nonsense.open(&Long(3)), Err(error));
    for (bytes, is_sent) in [(0, false), (1, true), (64, true), (65, false)] {
        let sealed = SealedToken::seal(session.token(), &Long(bytes));
        assert_eq!(sealed.is_ok(), is_sent);
        if let Ok(sealed) = sealed {
            let text = sealed.to_string();
            assert_eq!(text.parse().as_ref(), Ok(&sealed));
            assert!(text.len() <= SealedToken::MAX_TEXT_BYTES);
        }
    }
    let long = "2".repeat(SealedToken::MAX_TEXT_BYTES + 1);
    assert!(long.parse::<SealedToken>().is_err());
}

/// All that can be known, of all there can be, on a clock with seven ticks.
fn no_age_is_certain_that_is_not_so() {
    let date = WallTime::from_nanos;
    let mut intervals = alloc::vec::Vec::new();
    for earliest in 0..6 {
        for latest in earliest..6 {
            intervals.push((earliest, latest));
        }
    }
    let interval = |(earliest, latest)| TimeInterval::new(date(earliest), date(latest)).unwrap();
    for &complete in &intervals {
        for &now in intervals.iter().filter(|now| now.1 >= complete.0) {
            for bound in 0..6 {
                let limit = Duration::from_nanos(bound);
                // At worst the clock that said so was at its beginning, and ours is at its end.
                let oldest = now.1 - complete.0;
                let age = Age::unknown().complete_until(interval(complete));
                let is_within = age.is_within(limit, interval(now));
                assert_eq!(is_within.is_yes(), oldest <= bound);
                assert_ne!(is_within, Certainty::No);
                // At best what is missing was acknowledged at the end, and it is the beginning now.
                let youngest = now.0.saturating_sub(complete.1);
                let age = Age::unknown().missing(interval(complete));
                let is_within = age.is_within(limit, interval(now));
                assert_eq!(is_within == Certainty::No, youngest > bound);
                assert!(!is_within.is_yes());
            }
        }
    }
    let age = Age::unknown();
    assert_eq!(
        age.is_within(Duration::MAX, TimeInterval::ALWAYS),
        Certainty::Unknown
    );
}

fn versions_are_counted_within_an_epoch() {
    for newest in 0..5_u64 {
        for have in 0..5_u64 {
            for versions in 0..5 {
                let is_near = newest.saturating_sub(have) <= versions;
                let exactly = Newest::Exactly(newest.into()).is_within(versions, have);
                let at_least = Newest::AtLeast(newest.into()).is_within(versions, have);
                assert_eq!(exactly.is_yes(), is_near);
                assert_eq!(exactly == Certainty::No, !is_near);
                assert_eq!(at_least == Certainty::No, !is_near);
                assert!(!at_least.is_yes());
                let other = Position::new(1, have);
                let across = Newest::Exactly(newest.into()).is_within(versions, other);
                assert_eq!(across, Certainty::Unknown);
            }
        }
    }
}

fn epochs_without_end_are_bounded() {
    let mut session = Session::default();
    for epoch in 0..5_000 {
        session.observe_read(0, Position::new(epoch, 5));
    }
    let bytes = session.token().to_bytes();
    assert!(bytes.len() <= Token::MAX_BYTES);
    assert_eq!(Token::from_bytes(&bytes).as_ref(), Ok(session.token()));
    assert!(
        !session
            .admit(Op::Read, 0, Position::new(4_999, 9))
            .is_serve()
    );
}

fn what_a_coarse_token_is_told_to_drop_is_bounded() {
    let mut session = Session::default();
    for shard in 0..10 {
        session.observe_read(shard, 5);
    }
    session.observe_read(10, 6);
    let mut token = session.into_token();
    assert!(!token.fit(10).is_nothing());
    for shard in 100..5_000 {
        token.drop_stable(0, shard, 1_000.into());
    }
    let bytes = token.to_bytes();
    assert_eq!(Token::from_bytes(&bytes).as_ref(), Ok(&token));
    let session = Session::default().with_token(token);
    for shard in 0..11 {
        assert!(!session.admit(Op::Read, shard, 4).is_serve());
    }
}

fn golden_bytes() {
    let check = |token: &Token, bytes: &[u8], text: &str| {
        assert_eq!(token.to_bytes(), bytes);
        assert_eq!(token.to_string(), text);
        assert_eq!(Token::from_bytes(bytes).as_ref(), Ok(token));
        assert_eq!(text.parse().as_ref(), Ok(token));
    };
    let mut session = Session::default();
    check(session.token(), &[2, 0], "2.AA");
    session.observe_write(0, 17);
    check(session.token(), &[2, 2, 0, 4, 0, 2, 34], "2.AgAEAAIi");
    session.observe_read(0, 19);
    check(session.token(), &[2, 2, 0, 4, 0, 3, 38, 2], "2.AgAEAAMmAg");
    session.observe_write(0, 300);
    // Written 300, which is 281 more than read.
    let more = [2, 2, 0, 4, 0, 4, 0xD8, 4, 0x98, 2];
    check(session.token(), &more, "2.AgAEAATYBJgC");
    // Another shard: 298 is two back. Another epoch of it: 99 is 16 on, of which the head has 15.
    session.observe_read(3, 298);
    session.observe_read(3, Position::new(17, 298));
    let two = [2, 2, 0, 8, 0, 4, 0xD8, 4, 0x98, 2, 2, 9, 3, 0xF1, 1, 0];
    check(session.token(), &two, "2.AgAIAATYBJgCAgkD8QEA");
    // A service of its own, of which anything may have been seen but of one shard.
    let mut session = Session::default().with_service(2);
    for epoch in 0..20 {
        session.observe_read(1, Position::new(20 * epoch, 5_000));
    }
    let mut token = session.into_token();
    assert!(!token.fit(6).is_nothing());
    check(&token, &[2, 2, 2, 2], "2.AgIC");
    token.drop_stable(2, 9, 0.into());
    check(&token, &[2, 2, 2, 2], "2.AgIC");
    assert!(!token.fit(2).is_nothing());
    check(&token, &[2, 1], "2.AQ");
    // What most shards share, and one of which nothing was seen.
    let mut session = Session::default();
    for shard in 0..4 {
        session.observe_read(shard, 8 + shard);
    }
    let mut token = session.into_token();
    assert!(!token.fit(11).is_nothing());
    check(&token, &[2, 2, 0, 5, 1, 20, 3, 1, 2], "2.AgAFARQDAQI");
    token.drop_stable(0, 1, 10.into());
    check(
        &token,
        &[2, 2, 0, 9, 1, 20, 1, 0, 1, 1, 2],
        "2.AgAJARQBAAEBAg",
    );
}

fn what_no_token_is_written_like_is_refused() {
    use TokenError::{Character, NotCanonical, Sealed, Truncated};
    for (bytes, error) in [
        (&[][..], Truncated),
        (&[1, 0], TokenError::Version { found: "1".into() }),
        (&[2], Truncated),
        (&[2, 2], Truncated),
        (&[2, 2, 0, 4, 0, 2], Truncated),
        // More than there is.
        (&[2, 0, 0], NotCanonical),
        // A service of which nothing is known; or all, where all is known of none.
        (&[2, 2, 0, 0], NotCanonical),
        (&[2, 3, 0, 2], NotCanonical),
        // Kinds that there are not.
        (&[2, 2, 0, 3], NotCanonical),
        (&[2, 2, 0, 4, 0, 5, 2], NotCanonical),
        // Nothing is shared, and written out; a shard has what is shared.
        (&[2, 2, 0, 1, 0], NotCanonical),
        (&[2, 2, 0, 5, 1, 20, 0, 1, 0], NotCanonical),
        // Another epoch follows, and does not.
        (&[2, 2, 0, 4, 0, 9, 34], Truncated),
        (&[2, 2, 0, 4, 0, 9, 34, 0, 0], NotCanonical),
        // The beginning of all.
        (&[2, 2, 0, 4, 0, 1, 0], NotCanonical),
        // Written more than was ever read, by more than there is.
        (&[2, 2, 0, 4, 0, 3, 34, 18], NotCanonical),
        (&[2, 2, 0, 4, 0, 4, 34, 17], NotCanonical),
        // Numbers that are longer than they have to be.
        (&[2, 0x80, 0], NotCanonical),
        (&[2, 2, 0, 4, 0, 2, 0xA2, 0], NotCanonical),
    ] {
        assert_eq!(Token::from_bytes(bytes), Err(error), "{bytes:?}");
    }
    // A number of shards does not take room before they are there.
    let many = [
        2, 2, 0, 0xFC, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1,
    ];
    assert_eq!(Token::from_bytes(&many), Err(Truncated));
    let mut many = alloc::vec![2, 2, 0, 0x84, 0x40];
    for _ in 0..2_000 {
        many.extend([0, 2, 34]);
    }
    assert_eq!(Token::from_bytes(&many), Err(TokenError::TooManyEntries));
    let long = alloc::vec![2; Token::MAX_BYTES + 1];
    assert!(matches!(
        Token::from_bytes(&long),
        Err(TokenError::TooLong { .. })
    ));
    for (text, error) in [
        ("", TokenError::Version { found: "".into() }),
        ("1.AgAAExE", TokenError::Version { found: "1".into() }),
        ("2.", Truncated),
        ("2.AgAEAAIi.hw", Sealed),
        ("2.AgAE*AIi", Character { position: 6 }),
    ] {
        assert_eq!(text.parse::<Token>(), Err(error), "{text:?}");
    }
    let long = "2".repeat(Token::MAX_TEXT_BYTES + 1);
    assert!(matches!(
        long.parse::<Token>(),
        Err(TokenError::TooLong { .. })
    ));
}
