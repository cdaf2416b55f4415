//! Numbers in as few bytes as they need: LEB128, in its shortest form only.

use alloc::vec::Vec;

/// Why there is no varint.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum VarintError {
    /// The bytes end before it does.
    Truncated,
    /// It does not fit, or takes more bytes than it has to.
    NotShortest,
}

/// The longest varint of a `u64`.
pub(super) const VARINT_BYTES: usize = 10;

pub(super) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(super) fn take(bytes: &mut &[u8]) -> Result<u64, VarintError> {
    let mut number = 0_u64;
    for at in 0..VARINT_BYTES as u32 {
        let byte = take_byte(bytes)?;
        let bits = u64::from(byte & 0x7F);
        // The tenth byte has room for one bit, and a last byte of zero adds nothing.
        if (at == 9 && bits > 1) || (at > 0 && byte == 0) {
            return Err(VarintError::NotShortest);
        }
        number |= bits << (7 * at);
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(VarintError::NotShortest)
}

pub(super) fn take_byte(bytes: &mut &[u8]) -> Result<u8, VarintError> {
    let (&byte, rest) = bytes.split_first().ok_or(VarintError::Truncated)?;
    *bytes = rest;
    Ok(byte)
}

/// How to get from one number to another: small for steps in both directions. It wraps, so that every
/// number is a step from every other, and exactly one.
pub(super) const fn step(from: u64, to: u64) -> u64 {
    let step = to.wrapping_sub(from) as i64;
    ((step << 1) ^ (step >> 63)) as u64
}

/// Where a step leads.
pub(super) const fn after(from: u64, step: u64) -> u64 {
    let step = (step >> 1) as i64 ^ -((step & 1) as i64);
    from.wrapping_add(step as u64)
}
