use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use proptest::prelude::*;

use super::{DebugLabels, Picture, Times};
use crate::{
    Budget, History, KeyValue, KeyValueInput, KeyValueOutput, Operation, Outcome, Register,
    RegisterInput, RegisterOutput, check,
};

type Registers = History<RegisterInput<u32>, RegisterOutput<u32>>;

fn page(history: &Registers) -> String {
    let register = Register::new();
    let verdict = check(&register, history, Budget::default());
    Picture::new(&register, history, &verdict).to_html(&DebugLabels)
}

/// The tags of a page, each with its attributes; fails where they are not nested as they must be, or a text
/// has a stray mark.
fn tags(page: &str) -> Vec<String> {
    const EMPTY: [&str; 6] = ["meta", "!DOCTYPE", "rect", "path", "circle", "polyline"];
    let mut open: Vec<String> = Vec::new();
    let mut tags = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        assert!(
            !rest[..start].contains('>') || is_raw(&open),
            "a stray > in {:?}",
            &rest[..start]
        );
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "tags are nested");
            continue;
        }
        let name: String = tag.chars().take_while(|c| !" /".contains(*c)).collect();
        let quotes = tag.matches('"').count();
        assert_eq!(quotes % 2, 0, "attributes are quoted: {tag}");
        if name == "style" || name == "script" {
            let close = format!("</{name}>");
            let end = rest.find(&close).expect("it ends");
            rest = &rest[end + close.len()..];
        } else if !EMPTY.contains(&name.as_str()) {
            open.push(name);
        }
        tags.push(tag.into());
    }
    assert!(open.is_empty(), "{open:?} are open");
    tags
}

fn is_raw(open: &[String]) -> bool {
    open.last()
        .is_some_and(|name| name == "style" || name == "script")
}

fn write(
    process: u64,
    value: u32,
    call: u64,
    ret: u64,
) -> Operation<RegisterInput<u32>, RegisterOutput<u32>> {
    Operation::ok(
        process,
        RegisterInput::Write(value),
        RegisterOutput::Written,
        call,
        ret,
    )
}

fn read(
    process: u64,
    value: Option<u32>,
    call: u64,
    ret: u64,
) -> Operation<RegisterInput<u32>, RegisterOutput<u32>> {
    Operation::ok(
        process,
        RegisterInput::Read,
        RegisterOutput::Value(value),
        call,
        ret,
    )
}

#[test]
fn a_stale_read_stands_out() {
    let history = Registers::from(Vec::from([
        write(1, 1, 0, 10),
        read(2, Some(1), 20, 30),
        Operation::unknown(3, RegisterInput::Write(7), 5),
        Operation::failed(4, RegisterInput::Write(8), 6, 9),
        read(2, None, 40, 50),
    ]));
    let page = page(&history);
    let tags = tags(&page);
    let classes = |class: &str| {
        let wanted = format!("g class=\"{class}\"");
        tags.iter().filter(|tag| tag.starts_with(&wanted)).count()
    };
    assert_eq!((classes("bar blocked"), classes("bar kept")), (1, 1));
    assert_eq!(classes("bar failed"), 1);
    assert_eq!(classes("bar") + classes("bar perhaps"), 2);
    assert!(page.contains("not linearizable: 2 operations on ()"));
    assert!(
        page.contains("it would have answered Value(Some(1))"),
        "{page}"
    );
    // Each is in the drawing and in the table.
    for number in 0..5 {
        assert!(page.contains(&format!("<title>#{number} of process")));
        assert!(page.contains(&format!("<td>{number}</td>")));
    }
}

#[test]
fn an_order_is_numbered() {
    let history = Registers::from(Vec::from([write(1, 1, 0, 100), read(2, Some(1), 0, 100)]));
    let page = page(&history);
    assert!(page.contains("is linearizable"));
    let circles = tags(&page)
        .iter()
        .filter(|tag| tag.starts_with("circle"))
        .count();
    assert_eq!(circles, 2);
    assert!(page.contains("<polyline class=\"order\""));
}

#[test]
fn what_a_stranger_writes_stays_text() {
    let evil = "</title></svg><script>alert(1)</script>\" onload=\"x' &amp; \u{202e}";
    let key = Bytes::from(evil);
    let put = KeyValueInput::Put {
        key: key.clone(),
        value: key,
    };
    let written = KeyValueOutput::Written { revision: None };
    let history = History::from(Vec::from([Operation::ok(1, put, written, 0, 1)]));
    let verdict = check(&KeyValue, &history, Budget::default());
    struct Plain;
    impl super::Labels<KeyValue> for Plain {
        fn object(&self, key: &Bytes, to: &mut dyn core::fmt::Write) -> core::fmt::Result {
            to.write_str(core::str::from_utf8(key).unwrap())
        }

        fn input(&self, input: &KeyValueInput, to: &mut dyn core::fmt::Write) -> core::fmt::Result {
            self.object(input.key(), to)
        }

        fn output(&self, _: &KeyValueOutput, to: &mut dyn core::fmt::Write) -> core::fmt::Result {
            to.write_str("<b>")
        }
    }
    let page = Picture::new(&KeyValue, &history, &verdict)
        .title(evil)
        .to_html(&Plain);
    let tags = tags(&page);
    assert_eq!(
        tags.iter().filter(|tag| tag.starts_with("script")).count(),
        1
    );
    assert!(!tags.iter().any(|tag| tag.contains("onload=\"x")));
    assert!(!page.contains("<b>") && !page.contains('\u{202e}'));
}

#[test]
fn of_a_long_history_what_is_near_to_the_violation_is_drawn() {
    let mut operations: Vec<_> = (0..1_000)
        .map(|number| {
            write(
                1,
                number,
                u64::from(number) * 10,
                u64::from(number) * 10 + 5,
            )
        })
        .collect();
    operations.push(read(2, Some(3), 9_996, 9_999));
    let history = Registers::from(operations);
    let register = Register::new();
    let verdict = check(&register, &history, Budget::default());
    let picture = Picture::new(&register, &history, &verdict).operations(20);
    let page = picture.to_html(&DebugLabels);
    tags(&page);
    assert!(page.contains("20 of 1001 operations are drawn; 981 are left out"));
    assert!(page.contains("<title>#1000 of process 2"));
    let all = picture.operations(2_000).to_html(&DebugLabels);
    assert!(all.len() < 2_000 * 2_000, "{} bytes", all.len());
}

#[test]
fn numbers_and_times_can_be_those_of_a_file() {
    let history = Registers::from(Vec::from([write(1, 1, 0, 3)]));
    let register = Register::new();
    let verdict = check(&register, &history, Budget::default());
    let page = Picture::new(&register, &history, &verdict)
        .times(Times::Events)
        .numbers(&[77])
        .to_html(&DebugLabels);
    assert!(page.contains("#77 of process 1") && page.contains("3 events"));
    let reason = "its time is over <i>";
    let undecided = Picture::undecided(&register, &history, &reason).to_html(&DebugLabels);
    assert!(undecided.contains("its time is over &lt;i&gt;"));
}

fn operation() -> impl Strategy<Value = Operation<RegisterInput<u32>, RegisterOutput<u32>>> {
    let time = prop_oneof![
        0_u64..40,
        Just(u64::MAX),
        Just(u64::MAX - 1),
        0_u64..1 << 40
    ];
    (
        0_u64..4,
        0_u32..3,
        any::<bool>(),
        0_u8..6,
        time.clone(),
        time,
    )
        .prop_map(|(process, value, is_read, end, call, ret)| {
            let (input, output) = match is_read {
                true => (RegisterInput::Read, RegisterOutput::Value(Some(value))),
                false => (RegisterInput::Write(value), RegisterOutput::Written),
            };
            let output = match end {
                0 => Outcome::Unknown,
                1 => Outcome::Failed,
                _ => Outcome::Ok(output),
            };
            // Also what no history should hold.
            Operation {
                process,
                input,
                output,
                call,
                ret,
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever the times are: the page is well formed, each operation is in it once, and bars of one row do
    /// not lie over each other.
    #[test]
    fn any_history_can_be_drawn(operations in prop::collection::vec(operation(), 0..14)) {
        let history = Registers::from(operations);
        let page = page(&history);
        let tags = tags(&page);
        let drawn = tags.iter().filter(|tag| tag.starts_with("g class=\"bar")).count();
        prop_assert_eq!(drawn, history.len());
        let mut corners = BTreeSet::new();
        for tag in tags.iter().filter(|tag| tag.starts_with("rect class=\"body\"")) {
            let value = |name: &str| {
                let from = tag.find(&format!(" {name}=\"")).unwrap() + name.len() + 3;
                String::from(tag[from..].split('"').next().unwrap())
            };
            prop_assert!(corners.insert((value("x"), value("y"))), "{}", tag);
        }
    }
}
