//! What must hold of sequence windows. All widths to 130 are tried beside their ring.

use expect_test::expect;
use proptest::collection::vec;
use proptest::prelude::*;
use quorate_idempotency::{Observed, SequenceWindow, WindowDecodeError};

const NEW: Observed = Observed::New { lost: 0 };

/// A gap of any size takes constant time and no memory, and what was skipped is told.
#[test]
fn trap_15_huge_gap() {
    let mut window = SequenceWindow::<2>::new();
    assert_eq!(window.observe(5), NEW);
    let far = 5 + (1 << 40);
    assert_eq!(
        window.observe(far),
        Observed::New {
            lost: far - 127 - 1
        }
    );
    let farther = 1 << 60;
    let lost = (farther - 127) - (far - 127) - 1;
    assert_eq!(window.losing(farther).flatten().take(3).count(), 3);
    assert_eq!(window.losing(farther).count(), 2); // on both sides of `far`
    assert_eq!(window.observe(farther), Observed::New { lost });
    assert_eq!(
        window.observe(far),
        Observed::TooOld {
            oldest: farther - 127
        }
    );
    assert_eq!(size_of_val(&window), 24);
}

fn edges<const WORDS: usize>() {
    let width = SequenceWindow::<WORDS>::WIDTH;
    let mut window = SequenceWindow::<WORDS>::new();
    assert_eq!(window.highest(), None);
    assert_eq!(window.missing().count(), 0);
    assert_eq!(window.observe(0), NEW, "the first number is 0");
    assert_eq!(window.observe(0), Observed::Duplicate);
    // The window is full of numbers and nothing slides out that did not come.
    assert_eq!(window.observe(width), NEW);
    assert_eq!(window.observe(0), Observed::TooOld { oldest: 1 });
    assert_eq!(window.observe(1), NEW);
    // To the end of all numbers.
    let Observed::New { lost } = window.observe(u64::MAX) else {
        panic!("the last number is new")
    };
    assert_eq!(lost, (u64::MAX - (width - 1)) - 3);
    assert_eq!(window.observe(u64::MAX), Observed::Duplicate);
    let oldest = u64::MAX - (width - 1);
    assert_eq!(window.oldest(), oldest);
    assert_eq!(window.observe(oldest), NEW);
    assert_eq!(window.observe(oldest), Observed::Duplicate);
    assert_eq!(window.observe(oldest - 1), Observed::TooOld { oldest });
    assert_eq!(
        window.missing().collect::<Vec<_>>(),
        [oldest + 1..=u64::MAX - 1]
    );
    assert_eq!(window.losing(u64::MAX).count(), 0);
}

#[test]
fn trap_16_window_edges() {
    edges::<1>();
    edges::<2>();
    edges::<3>();
    edges::<64>();
}

/// A slide by the width or more leaves nothing behind that is taken for a number which came.
#[test]
fn trap_16_slide_by_the_width_and_more() {
    for by in [63, 64, 65, 127, 128, 129, 1_000] {
        let mut window = SequenceWindow::<1>::new();
        for number in 0..64 {
            assert_eq!(window.observe(number), NEW);
        }
        let to = 63 + by;
        assert_eq!(
            window.observe(to),
            Observed::New {
                lost: by.saturating_sub(64)
            }
        );
        for number in window.oldest()..to {
            let expected = if number < 64 {
                Observed::Duplicate
            } else {
                NEW
            };
            assert_eq!(window.check(number), expected, "{number} after {to}");
        }
    }
}

/// A check for a message that turns out to be forged leaves no trace.
#[test]
fn a_check_changes_nothing() {
    let mut window = SequenceWindow::<2>::new();
    window.observe(9);
    let before = window.clone();
    for number in [0, 9, 127, 128, u64::MAX] {
        let checked = window.check(number);
        assert_eq!(window, before);
        let mut observing = window.clone();
        assert_eq!(observing.observe(number), checked);
    }
}

/// Windows outlive the program that wrote them: these bytes may never change their meaning.
#[test]
fn version_1_is_pinned() {
    let mut window = SequenceWindow::<1>::new();
    for number in [0, 63, 66] {
        window.observe(number);
    }
    let hex: String = window
        .to_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    expect!["010100000042000000000000000400000000000080"].assert_eq(&hex);
    expect![[
        r#"SequenceWindow { width: 64, oldest: 3, highest: Some(66), missing: [3..=62, 64..=65] }"#
    ]]
    .assert_eq(&format!("{window:?}"));
}

/// Bytes that no window writes are refused, and say why.
#[test]
fn trap_23_damaged_bytes() {
    type Window = SequenceWindow<2>;
    let mut window = Window::new();
    window.observe(1_000);
    let bytes = window.to_bytes();
    assert_eq!(Window::from_bytes(&bytes), Ok(window));
    for len in 0..bytes.len() {
        let error = Window::from_bytes(&bytes[..len]).unwrap_err();
        assert_eq!(error, WindowDecodeError::WrongLength { len, expected: 29 });
    }
    let longer = [&bytes[..], &[0]].concat();
    assert!(Window::from_bytes(&longer).is_err());
    let changed = |at: usize, with: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at..at + with.len()].copy_from_slice(with);
        Window::from_bytes(&bytes).unwrap_err().to_string()
    };
    expect!["the window has version 2, and versions up to 1 are understood"]
        .assert_eq(&changed(0, &[2]));
    expect!["the window is 274877906880 numbers wide, and is read as one of 128; read it with the width that wrote it"].assert_eq(&changed(1, &[0xff; 4]));
    expect!["the window is damaged: it moved to 999, which never came"]
        .assert_eq(&changed(5, &[0xe7]));
    expect!["the window is damaged: it ends at 104, and an empty one ends at 127"]
        .assert_eq(&changed(5, &[104, 0]));
}

proptest! {
    /// Whatever is read is written back the same, and works.
    #[test]
    fn what_is_read_is_canonical(
        top in prop_oneof![0..300u64, any::<u64>()],
        words in any::<[u64; 2]>(),
        next in any::<u64>(),
    ) {
        let mut bytes = vec![1, 2, 0, 0, 0];
        bytes.extend_from_slice(&top.to_le_bytes());
        words.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
        if let Ok(mut window) = SequenceWindow::<2>::from_bytes(&bytes) {
            prop_assert_eq!(window.to_bytes(), bytes);
            window.observe(next);
            prop_assert_eq!(SequenceWindow::from_bytes(&window.to_bytes()), Ok(window));
        }
    }

    /// Any bytes at all.
    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..40)) {
        if let Ok(window) = SequenceWindow::<2>::from_bytes(&bytes) {
            prop_assert_eq!(window.to_bytes(), bytes);
        }
    }

    /// Each number is new once at most, and what is lost plus what came is all there was.
    #[test]
    fn each_number_is_new_once(numbers in vec(0..500u64, 0..400)) {
        let mut window = SequenceWindow::<1>::new();
        let mut new = std::collections::BTreeSet::new();
        let mut lost_in_all = 0;
        for number in numbers {
            let losing: u64 = window.losing(number).map(|range| range.end() - range.start() + 1).sum();
            if let Observed::New { lost } = window.observe(number) {
                prop_assert!(new.insert(number));
                prop_assert_eq!(lost, losing);
                lost_in_all += lost;
            }
            let below = new.range(..window.oldest()).count() as u64;
            prop_assert_eq!(below + lost_in_all, window.oldest());
        }
    }
}
