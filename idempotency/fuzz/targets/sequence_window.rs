//! An encoded `SequenceWindow`, as it is and damaged, and numbers that a peer chooses.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_idempotency::SequenceWindow;

fn numbers(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.chunks(3).map(|chunk| match *chunk {
        [far, at, bit] if far > 250 => u64::from(at).rotate_right(u32::from(bit)),
        [_, at, bit] => u64::from(at) << 2 | u64::from(bit & 3),
        _ => u64::MAX,
    })
}

fn read(bytes: &[u8], calls: &[u8]) {
    let Ok(mut window) = SequenceWindow::<2>::from_bytes(bytes) else {
        return;
    };
    assert_eq!(window.to_bytes(), bytes, "a window with two encodings");
    for number in numbers(calls) {
        let _ = window.losing(number).take(3).count();
        assert_eq!(window.check(number), window.observe(number));
    }
    let again = SequenceWindow::from_bytes(&window.to_bytes());
    assert_eq!(again.as_ref(), Ok(&window));
}

fuzz_target!(|bytes: &[u8]| {
    read(bytes, bytes);
    let (calls, damage) = bytes.split_at(bytes.len() / 2);
    let mut window = SequenceWindow::<2>::new();
    for number in numbers(calls) {
        window.observe(number);
    }
    let mut damaged = window.to_bytes();
    for change in damage.chunks_exact(2).take(2) {
        let len = damaged.len();
        if let [at, value] = *change
            && let Some(byte) = damaged.get_mut(usize::from(at) % len)
        {
            *byte = value;
        }
    }
    read(&damaged, calls);
});
