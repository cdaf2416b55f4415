//! What the targets share: texts made of the words of a format, and a judge of histories.

use quorate_consistency::{
    Checker, Fuel, History, JsonModel, Model, ReadLimits, Verdict, read_history, verify,
    verify_violation, write_history,
};

/// What a file of a stranger may hold, for one that is not large.
pub const LIMITS: ReadLimits = ReadLimits {
    line_bytes: 4_096,
    records: 64,
    depth: 16,
};

/// The bytes as they are, or each as a word of the format, so that many inputs mean something.
pub fn text(words: &[&str], bytes: &[u8]) -> Vec<u8> {
    match bytes.split_first() {
        Some((0..128, words_of)) => {
            let word = |&byte: &u8| words.get(usize::from(byte) % words.len());
            let words = words_of.iter().filter_map(word);
            words.flat_map(|word| word.bytes()).collect()
        }
        Some((_, text)) => text.to_vec(),
        None => Vec::new(),
    }
}

/// Checks a history with little fuel, and what comes of it. Gives whether it holds, if that is known.
pub fn judge<M: Model>(
    model: &M,
    history: &History<M::Input, M::Output>,
    is_general: bool,
) -> Option<bool>
where
    M::Key: core::fmt::Debug,
{
    let mut checker = Checker::new(model, history).memory_bytes(1 << 20);
    if is_general {
        checker = checker.general();
    }
    for _ in 0..20 {
        match checker.run(&mut Fuel::new(500)) {
            None => {}
            Some(Verdict::Holds(order)) => {
                assert_eq!(verify(model, history, &order), Ok(()));
                return Some(true);
            }
            Some(Verdict::Violated(violation)) => {
                let mut fuel = Fuel::new(1_000_000);
                let verified = verify_violation(model, history, &violation, &mut fuel);
                assert_eq!(verified, Ok(()));
                return Some(false);
            }
            Some(Verdict::Unknown(_)) => return None,
        }
    }
    None
}

/// Reads our own format; what is read is written, and read again as the same.
pub fn json_lines<M: JsonModel>(model: &M, text: &[u8])
where
    M::Input: Clone + PartialEq + core::fmt::Debug,
    M::Output: Clone + PartialEq + core::fmt::Debug,
    M::Key: core::fmt::Debug,
{
    let Ok(recording) = read_history::<M>(text, LIMITS) else {
        return;
    };
    let mut written = Vec::new();
    write_history::<M>(&mut written, &recording).expect("what was read can be written");
    let again = read_history::<M>(&written[..], ReadLimits::default());
    assert_eq!(again.expect("what was written can be read"), recording);
    let history = recording
        .into_iter()
        .map(|record| record.operation)
        .collect();
    judge(model, &history, false);
}

/// Bytes that are taken one by one; zeros after the last.
pub struct Input<'a>(pub &'a [u8]);

impl Input<'_> {
    /// The next one.
    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        first
    }

    /// Whether all were taken.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
