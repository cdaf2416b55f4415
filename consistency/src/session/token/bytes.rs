//! A token as bytes.
//!
//! | Field | Encoding | |
//! |---|---|---|
//! | version | byte | 2 |
//! | services | varint | their number × 2, plus 1 when anything may have been seen of the others |
//! | per service, ascending: | | |
//! | service | varint | the first as it is, then the distance to the one before, minus 1 |
//! | shards | varint | the number of those listed × 4, plus what is known of the others: 0 nothing, 1 at most what follows, 2 anything may have been seen |
//! | the others | epochs | with 1 only |
//! | per listed shard, ascending: | | |
//! | shard | varint | as for services |
//! | what was seen | epochs | |
//!
//! Epochs, ascending, are a head for each:
//!
//! | Bits | |
//! |---|---|
//! | 0–2 | 0 nothing was seen (the head is 0 then, and there is no other); 1 read; 2 written; 3 both, and read as far or further; 4 both, and written further |
//! | 3 | another epoch follows |
//! | 4–7 | the epoch, or the distance to the one before minus 1. 15: a varint follows with the rest of it |
//!
//! and then the higher index, as a zigzag varint of the difference to the last such in this service (0 before
//! the first); and with 3 and 4 a varint: how much lower the other one is, with 4 minus 1.
//!
//! A varint is LEB128 in its shortest form. There is exactly one encoding for each token.

use alloc::vec::Vec;

use super::seen::{Known, Seen};
use super::service::{Rest, Service};
use super::{Token, TokenError};
use crate::session::plant::{Plant, planted};
use crate::session::varint::{VARINT_BYTES, after, put, step, take, take_byte};

/// The version of the encoding, by which it begins.
pub(super) const VERSION: u8 = 2;

/// What the longest entry takes: a shard, a head, and three numbers.
const ENTRY_BYTES: usize = 1 + 4 * VARINT_BYTES;

const READ: u8 = 1;
const WRITTEN: u8 = 2;
const READ_MORE: u8 = 3;
const WRITTEN_MORE: u8 = 4;
const ANOTHER: u8 = 8;
/// A distance that does not fit into the head.
const FAR: u64 = 15;

impl Token {
    /// The longest encoding of a token, in bytes. Longer ones are refused unread.
    pub const MAX_BYTES: usize = 1 + VARINT_BYTES + Self::MAX_ENTRIES * ENTRY_BYTES;

    /// The canonical encoding: the same bytes for the same token.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16);
        out.push(VERSION);
        self.put_body(&mut out);
        out
    }

    pub(super) fn put_body(&self, out: &mut Vec<u8>) {
        put(
            out,
            (self.services.len() as u64) << 1 | u64::from(self.others),
        );
        let mut next = 0_u64;
        for (&id, service) in &self.services {
            put(out, id.wrapping_sub(next));
            put_service(out, service);
            // Wraps only after the highest number there is, which is the last.
            next = id.wrapping_add(1);
        }
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    ///
    /// When it is something else. Memory is taken for entries that are there, of which each has two bytes at
    /// least, and not for what a length claims.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TokenError> {
        if bytes.len() > Self::MAX_BYTES {
            return Err(TokenError::TooLong {
                bytes: bytes.len(),
                limit: Self::MAX_BYTES,
            });
        }
        match bytes.split_first() {
            None => Err(TokenError::Truncated),
            Some((&VERSION, body)) => Self::take_body(body),
            Some((version, _)) => Err(TokenError::version(version)),
        }
    }

    pub(super) fn take_body(mut bytes: &[u8]) -> Result<Self, TokenError> {
        let head = take(&mut bytes)?;
        let mut token = Self {
            others: head & 1 == 1,
            ..Self::default()
        };
        let default = token.default_service();
        let mut room = Self::MAX_ENTRIES;
        let mut next = Some(0);
        for _ in 0..head >> 1 {
            take_room(&mut room)?;
            let id = take_number(&mut bytes, &mut next)?;
            let service = take_service(&mut bytes, &mut room)?;
            if service == default {
                return Err(TokenError::NotCanonical);
            }
            token.services.insert(id, service);
        }
        if !bytes.is_empty() {
            return Err(TokenError::NotCanonical);
        }
        Ok(token)
    }
}

fn put_service(out: &mut Vec<u8>, service: &Service) {
    let mut last = 0;
    let rest = match &service.rest {
        Rest::AtMost(rest) if rest.is_empty() => 0,
        Rest::AtMost(_) => 1,
        Rest::Anything => 2,
    };
    let is_left_out = |known: &Known| known.is_empty() && planted(Plant::BytesWithoutNothing);
    let shards = || {
        service
            .shards
            .iter()
            .filter(|(_, known)| !is_left_out(known))
    };
    put(out, (shards().count() as u64) << 2 | rest);
    if let (Rest::AtMost(known), 1) = (&service.rest, rest) {
        put_known(out, known, &mut last);
    }
    let mut next = 0_u64;
    for (&shard, known) in shards() {
        put(out, shard.wrapping_sub(next));
        put_known(out, known, &mut last);
        next = shard.wrapping_add(1);
    }
}

fn put_known(out: &mut Vec<u8>, known: &Known, last: &mut u64) {
    let mut left = known.len();
    if left == 0 {
        out.push(0);
    }
    let mut next = 0_u64;
    for (epoch, seen) in known.epochs() {
        left = left.saturating_sub(1);
        let (kind, high, less) = match (seen.read, seen.written) {
            (Some(read), Some(written)) if written <= read => {
                if planted(Plant::BytesWithoutWrites) {
                    (READ, read, None)
                } else {
                    (READ_MORE, read, Some(read.saturating_sub(written)))
                }
            }
            (Some(read), Some(written)) => {
                let less = written.saturating_sub(read).saturating_sub(1);
                (WRITTEN_MORE, written, Some(less))
            }
            (Some(read), None) => (READ, read, None),
            // At least one of the two is known of an epoch that is kept.
            (None, written) => (WRITTEN, written.unwrap_or_default(), None),
        };
        let another = if left > 0 { ANOTHER } else { 0 };
        let distance = epoch.wrapping_sub(next);
        out.push(kind | another | (distance.min(FAR) as u8) << 4);
        if distance >= FAR {
            put(out, distance.saturating_sub(FAR));
        }
        put(out, step(*last, high));
        *last = high;
        if let Some(less) = less {
            put(out, less);
        }
        next = epoch.wrapping_add(1);
    }
}

fn take_service(bytes: &mut &[u8], room: &mut usize) -> Result<Service, TokenError> {
    let mut last = 0;
    let head = take(bytes)?;
    let rest = match head & 3 {
        0 => Rest::default(),
        1 => match take_known(bytes, room, &mut last)? {
            nothing if nothing.is_empty() => return Err(TokenError::NotCanonical),
            known => Rest::AtMost(known),
        },
        2 => Rest::Anything,
        _ => return Err(TokenError::NotCanonical),
    };
    let mut service = Service {
        rest,
        ..Service::default()
    };
    let mut next = Some(0);
    for _ in 0..head >> 2 {
        let shard = take_number(bytes, &mut next)?;
        let known = take_known(bytes, room, &mut last)?;
        if matches!(&service.rest, Rest::AtMost(rest) if *rest == known) {
            return Err(TokenError::NotCanonical);
        }
        service.shards.insert(shard, known);
    }
    Ok(service)
}

fn take_known(bytes: &mut &[u8], room: &mut usize, last: &mut u64) -> Result<Known, TokenError> {
    let mut known = Known::default();
    let mut next = Some(0_u64);
    loop {
        take_room(room)?;
        let head = take_byte(bytes)?;
        if head == 0 && known.is_empty() {
            return Ok(known);
        }
        let mut distance = u64::from(head >> 4);
        if distance == FAR {
            let more = take(bytes)?;
            distance = FAR.checked_add(more).ok_or(TokenError::NotCanonical)?;
        }
        let epoch = advance(&mut next, distance)?;
        let high = after(*last, take(bytes)?);
        *last = high;
        let seen = match head & 7 {
            READ => Seen::read(high),
            WRITTEN => Seen::written(high),
            kind @ (READ_MORE | WRITTEN_MORE) => {
                let less = take(bytes)?;
                let one = u64::from(kind == WRITTEN_MORE);
                let low = less
                    .checked_add(one)
                    .and_then(|less| high.checked_sub(less));
                let low = Some(low.ok_or(TokenError::NotCanonical)?);
                let (read, written) = match kind {
                    READ_MORE => (Some(high), low),
                    _ => (low, Some(high)),
                };
                Seen { read, written }
            }
            _ => return Err(TokenError::NotCanonical),
        };
        // In epoch 0 everything begins: to have seen that is to have seen nothing.
        if epoch == 0 && (seen.read == Some(0) || seen.written == Some(0)) {
            return Err(TokenError::NotCanonical);
        }
        known.observe(epoch, seen);
        if head & ANOTHER == 0 {
            return Ok(known);
        }
    }
}

fn take_number(bytes: &mut &[u8], next: &mut Option<u64>) -> Result<u64, TokenError> {
    let distance = take(bytes)?;
    advance(next, distance)
}

/// The number that is so far after the one before.
fn advance(next: &mut Option<u64>, distance: u64) -> Result<u64, TokenError> {
    let number = next.and_then(|next| next.checked_add(distance));
    let number = number.ok_or(TokenError::NotCanonical)?;
    *next = number.checked_add(1);
    Ok(number)
}

fn take_room(room: &mut usize) -> Result<(), TokenError> {
    *room = room.checked_sub(1).ok_or(TokenError::TooManyEntries)?;
    Ok(())
}
