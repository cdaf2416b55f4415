//! Every bug has its test: the register of the hall, read from its own source.

use std::collections::BTreeMap;

/// How many bugs there are.
const BUGS: u32 = 84;

/// The rooms of the hall, and those next door.
const ROOMS: [(&str, &str); 15] = [
    ("commits", include_str!("commits.rs")),
    ("disk", include_str!("disk.rs")),
    ("elections", include_str!("elections.rs")),
    ("flow", include_str!("flow.rs")),
    ("hostile", include_str!("hostile.rs")),
    ("joint", include_str!("joint.rs")),
    ("leases", include_str!("leases.rs")),
    ("membership", include_str!("membership.rs")),
    ("reads", include_str!("reads.rs")),
    ("replication", include_str!("replication.rs")),
    ("snapshots", include_str!("snapshots.rs")),
    ("transfer", include_str!("transfer.rs")),
    ("votes", include_str!("votes.rs")),
    ("quorate-raft-log", include_str!("../../log/tests/hall.rs")),
    (
        "quorate-raft-node",
        include_str!("../../node/tests/hall.rs"),
    ),
];

/// Bugs that can not be had here, not even tried, and why. There is none.
const IMPOSSIBLE: [(u32, &str); 0] = [];

/// The number in `b_NN_name`.
fn number_of(function: &str) -> Option<u32> {
    let (number, name) = function.strip_prefix("b_")?.split_once('_')?;
    let is_named = number.len() == 2 && name.split('_').count() >= 3;
    number.parse().ok().filter(|_| is_named)
}

/// What stands above a function, the nearest line first, up to what is no comment and no attribute.
fn above<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let belongs = |line: &&&str| line.starts_with("///") || line.starts_with("#[");
    lines.iter().rev().take_while(belongs).copied().collect()
}

/// The tests of a room by number, each checked to be one, to assert something, and to name its bug and its
/// source.
fn tests_of(room: &str, text: &str) -> Vec<u32> {
    let lines: Vec<_> = text.lines().collect();
    let mut numbers = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let line = line.strip_prefix("async ").unwrap_or(line);
        let Some(rest) = line.strip_prefix("fn ") else {
            continue;
        };
        let function = rest.split('(').next().unwrap();
        let before = above(&lines[..at]);
        let is_test = before.contains(&"#[test]") || before.contains(&"#[tokio::test]");
        let Some(number) = number_of(function) else {
            assert!(!is_test, "{room}: {function} is a test without a number");
            continue;
        };
        assert!(is_test, "{room}: {function} is no test");
        let title = format!("/// B-{number:02}: ");
        let first = before.last().copied().unwrap_or_default();
        assert!(
            first.starts_with(&title),
            "{room}: {function} begins with {first}"
        );
        let has_source = |line: &&str| {
            line.strip_prefix("/// Source: ")
                .is_some_and(|it| it.len() > 5)
        };
        assert!(
            before.iter().any(has_source),
            "{room}: {function} has no source"
        );
        let body = lines[at..].iter().take_while(|line| **line != "}");
        let asserts = body.filter(|line| line.trim_start().starts_with("assert"));
        assert!(asserts.count() > 0, "{room}: {function} asserts nothing");
        numbers.push(number);
    }
    numbers
}

/// Whether a row of the table in `main.rs` names this number, alone or in a range.
fn is_named_in(row: &str, number: u32) -> bool {
    let bugs = row.split('|').nth(2).unwrap_or_default();
    bugs.split_whitespace().any(|word| {
        let ends = word.split_once('–').unwrap_or((word, word));
        let (first, last): (u32, u32) = (ends.0.parse().unwrap(), ends.1.parse().unwrap());
        (first..=last).contains(&number)
    })
}

#[test]
fn every_bug_has_one_test_and_is_where_the_table_says() {
    let contents = include_str!("main.rs");
    let mut places: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    for (room, text) in ROOMS {
        for number in tests_of(room, text) {
            places.entry(number).or_default().push(room);
        }
    }
    for (number, why) in IMPOSSIBLE {
        assert!(!why.is_empty());
        places.entry(number).or_default().push("nowhere");
    }
    for number in 1..=BUGS {
        let rooms = places.remove(&number).unwrap_or_default();
        let [room] = rooms[..] else {
            panic!("B-{number:02} has its test in {rooms:?}, and not in one room")
        };
        let rows = contents.lines().filter(|line| line.starts_with("//! | "));
        let mut rows = rows.filter(|row| !row.contains("| Room |"));
        let row = rows.find(|row| is_named_in(row, number));
        let row = row.unwrap_or_else(|| panic!("B-{number:02} is in no row of the table"));
        assert!(
            row.contains(room),
            "B-{number:02} is in {room}, but in the table in {row}"
        );
    }
    assert!(places.is_empty(), "there are no such bugs: {places:?}");
}

/// A room that is not in the register would not be looked into.
#[test]
fn every_room_is_in_the_register() {
    let rooms = include_str!("main.rs").lines().filter_map(|line| {
        let room = line.strip_prefix("mod ")?.strip_suffix(';')?;
        (!["common", "kit", "register"].contains(&room)).then_some(room)
    });
    let rooms: Vec<_> = rooms.collect();
    assert_eq!(rooms.len(), ROOMS.len() - 2);
    for room in rooms {
        assert!(ROOMS.iter().any(|(known, _)| *known == room), "{room}");
    }
}
