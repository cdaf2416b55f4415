//! Bytes that are appended to.

use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};

use bytes::Bytes;

use super::chain::Chain;
use super::hash::BASE;

/// Bytes that are appended to. To append takes no longer than what is appended is long, however much is
/// there: the pieces are kept as they came, and the hash is of their bytes, whatever their bounds.
#[derive(Clone)]
pub(in crate::model) struct Text {
    /// None of them empty.
    pieces: Chain<Bytes>,
    len: usize,
    /// The last byte plus 1, and the one before plus 1 times [`BASE`], and so on.
    hash: u64,
}

impl Text {
    /// What a text adds to the memory of the one that it came from; it shares the bytes of its pieces with
    /// the history.
    pub(in crate::model) const PIECE_BYTES: usize = Chain::<Bytes>::LINK_BYTES;

    pub(in crate::model) const fn new() -> Self {
        Self {
            pieces: Chain::new(),
            len: 0,
            hash: 0,
        }
    }

    pub(in crate::model) const fn len(&self) -> usize {
        self.len
    }

    pub(in crate::model) fn with(&self, piece: &Bytes) -> Self {
        if piece.is_empty() {
            return self.clone();
        }
        let hash = piece.iter().fold(self.hash, |hash, &byte| {
            hash.wrapping_mul(BASE).wrapping_add(u64::from(byte) + 1)
        });
        Self {
            pieces: self.pieces.push(piece.clone()),
            len: self.len.saturating_add(piece.len()),
            hash,
        }
    }

    /// Whether the bytes are these. The last ones are looked at first, as it is there that two texts
    /// differ.
    pub(in crate::model) fn is(&self, bytes: &[u8]) -> bool {
        self.len == bytes.len() && self.is_after(bytes)
    }

    /// Whether the bytes are these, followed by those.
    pub(in crate::model) fn is_joined(bytes: &[u8], first: &Self, last: &Bytes) -> bool {
        let both = first.len.checked_add(last.len());
        both == Some(bytes.len())
            && bytes
                .strip_suffix(last.as_ref())
                .is_some_and(|bytes| first.is_after(bytes))
    }

    fn is_after(&self, mut bytes: &[u8]) -> bool {
        let mut rest = &self.pieces;
        while let Some(link) = rest.last() {
            match bytes.strip_suffix(link.value().as_ref()) {
                Some(before) => bytes = before,
                None => return false,
            }
            rest = link.before();
        }
        bytes.is_empty()
    }

    pub(in crate::model) fn to_bytes(&self) -> Bytes {
        let pieces = (0..self.pieces.len()).filter_map(|at| self.pieces.link(at));
        let mut bytes = Vec::new();
        for link in pieces {
            bytes.extend_from_slice(link.value());
        }
        bytes.into()
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        if (self.len, self.hash) != (other.len, other.hash) {
            return false;
        }
        // What is left of the two last pieces that are looked at.
        let (mut ours, mut theirs) = (&self.pieces, &other.pieces);
        let (mut one, mut another): (&[u8], &[u8]) = (&[], &[]);
        loop {
            if one.is_empty() && another.is_empty() && ours.is_same(theirs) {
                return true;
            }
            if let (true, Some(link)) = (one.is_empty(), ours.last()) {
                (one, ours) = (link.value(), link.before());
            }
            if let (true, Some(link)) = (another.is_empty(), theirs.last()) {
                (another, theirs) = (link.value(), link.before());
            }
            let both = one.len().min(another.len());
            let (one_before, one_last) = one.split_at(one.len() - both);
            let (another_before, another_last) = another.split_at(another.len() - both);
            if both == 0 || one_last != another_last {
                return false;
            }
            (one, another) = (one_before, another_before);
        }
    }
}

impl Eq for Text {}

impl Hash for Text {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_usize(self.len);
        hasher.write_u64(self.hash);
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_bytes().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::hash_of;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_its_bytes_whatever_the_pieces(
            steps in prop::collection::vec(("[ab]{0,3}", any::<prop::sample::Index>()), 0..30),
        ) {
            let mut all = Vec::from([(Text::new(), Vec::new())]);
            for (piece, from) in steps {
                let (text, mut bytes) = from.get(&all).clone();
                let piece = Bytes::from(piece);
                bytes.extend_from_slice(&piece);
                prop_assert!(Text::is_joined(&bytes, &text, &piece));
                let text = text.with(&piece);
                prop_assert_eq!(&text.to_bytes(), &bytes);
                for (other, same) in &all {
                    prop_assert_eq!(*other == text, *same == bytes);
                    prop_assert_eq!(hash_of(other) == hash_of(&text), *same == bytes);
                    prop_assert_eq!(text.is(same), *same == bytes);
                    let joined = [same.as_slice(), &piece].concat();
                    prop_assert_eq!(Text::is_joined(&bytes, other, &piece), joined == bytes);
                }
                all.push((text, bytes));
            }
        }
    }
}
