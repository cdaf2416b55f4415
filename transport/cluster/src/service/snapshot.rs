//! The whole state as bytes.
//!
//! ```text
//! version u8 = 2 | now u64 (ns)
//! values u32, each: key | revision u64 | length u32, bytes
//! counters u32, each: name | revision u64 | sum i64
//! fences u32, each: space u8 (0 value, 1 counter) | name | newest token u64
//! fence floor u64
//! fences of names that are gone u32, each: as above
//! ended leases u32, each: name | last token u64
//! length u32, the lease table's own snapshot
//! length u32, the key store's own snapshot
//! ```
//!
//! Numbers are little-endian, names have their length in front as a `u16`, and each list ascends
//! strictly. Equal states have equal bytes, and what is taken is written back the same.

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes, BytesMut};
use quorate_clocks::Instant;
use quorate_idempotency::KeyStore;
use quorate_leases::{Fence, FencingToken, LeaseTable};

use super::codec::{CodecError, Reader, put_bytes, put_text};
use super::fencing::{MAX_ENDED_LEASES, MAX_GONE_FENCES};
use super::state::{
    Counter, MAX_HELD_BYTES, Service, Space, Value, entry_bytes, key_limits, key_policy,
    lease_limits,
};
use crate::api::{MAX_NAME_BYTES, MAX_VALUE_BYTES};

const VERSION: u8 = 2;

impl Service {
    /// The state as canonical bytes.
    pub fn snapshot(&self) -> Bytes {
        let leases = self.leases.snapshot();
        let keys = self.keys.snapshot();
        let held = usize::try_from(self.held_bytes).unwrap_or(0);
        let mut out = BytesMut::with_capacity(64 + held + leases.len() + keys.len());
        out.put_u8(VERSION);
        out.put_u64_le(self.now.as_nanos());
        put_count(&mut out, self.values.len());
        for (key, value) in &self.values {
            put_text(&mut out, key);
            out.put_u64_le(value.revision);
            put_bytes(&mut out, &value.bytes);
        }
        put_count(&mut out, self.counters.len());
        for (name, counter) in &self.counters {
            put_text(&mut out, name);
            out.put_u64_le(counter.revision);
            out.put_i64_le(counter.sum);
        }
        put_count(&mut out, self.fences.len());
        for (name, fence) in &self.fences {
            put_fence(&mut out, name, fence.newest());
        }
        out.put_u64_le(self.fence_floor.0);
        put_count(&mut out, self.gone_fences.len());
        for (name, token) in self.gone_fences.iter() {
            put_fence(&mut out, name, token);
        }
        put_count(&mut out, self.ended_leases.len());
        for (name, token) in self.ended_leases.iter() {
            put_text(&mut out, name);
            out.put_u64_le(token.0);
        }
        put_bytes(&mut out, &leases);
        put_bytes(&mut out, &keys);
        out.freeze()
    }

    /// The state whose [`snapshot`](Self::snapshot) these bytes are.
    ///
    /// Values are copied, so that they do not hold the snapshot's memory. Refuses whatever no state
    /// writes.
    pub fn restore(bytes: &Bytes) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes);
        let found = reader.u8()?;
        if found != VERSION {
            return Err(CodecError::Version {
                found,
                newest: VERSION,
            });
        }
        let now = Instant::from_nanos(reader.u64()?);
        let mut held_bytes = 0_u64;
        let values = list(&mut reader, "keys", |reader| {
            let key = name(reader)?;
            let revision = revision(reader)?;
            let bytes = reader.bytes("a value", MAX_VALUE_BYTES)?;
            let value = Value {
                revision,
                bytes: Bytes::copy_from_slice(&bytes),
            };
            held_bytes = held_bytes.saturating_add(value.size(&key));
            Ok((key, value))
        })?;
        let counters = list(&mut reader, "counters", |reader| {
            let name = name(reader)?;
            let counter = Counter {
                revision: revision(reader)?,
                sum: reader.i64()?,
            };
            held_bytes = held_bytes.saturating_add(entry_bytes(&name));
            Ok((name, counter))
        })?;
        let mut fence = |reader: &mut Reader| {
            let space = Space::from_byte(reader.u8()?)?;
            let name = name(reader)?;
            held_bytes = held_bytes.saturating_add(entry_bytes(&name));
            Ok(((space, name), FencingToken(reader.u64()?)))
        };
        let fences = list(&mut reader, "fences", |reader| {
            fence(reader).map(|(name, token)| (name, Fence::restore(token)))
        })?;
        let fence_floor = FencingToken(reader.u64()?);
        let gone_fences = list(&mut reader, "fences of names that are gone", fence)?;
        let ended_leases = list(&mut reader, "ended leases", |reader| {
            Ok((name(reader)?, FencingToken(reader.u64()?)))
        })?;
        if held_bytes > MAX_HELD_BYTES {
            return Err(CodecError::invalid(format!(
                "the state counts {held_bytes} bytes, and may count {MAX_HELD_BYTES}"
            )));
        }
        let leases = reader.bytes("the lease table", usize::MAX)?;
        let keys = reader.bytes("the key store", usize::MAX)?;
        reader.finish()?;
        let leases = LeaseTable::restore(lease_limits(), &leases)
            .map_err(|error| CodecError::invalid(format!("the lease table: {error}")))?;
        let keys = KeyStore::restore(&keys)
            .map_err(|error| CodecError::invalid(format!("the key store: {error}")))?;
        let service = Self {
            now,
            values,
            counters,
            fences,
            gone_fences: gone_fences.into_iter().collect(),
            fence_floor,
            leases,
            ended_leases: ended_leases.into_iter().collect(),
            keys,
            held_bytes,
        };
        service.check_parts()?;
        Ok(service)
    }

    /// Whether the parts are of one state: each is sound by itself.
    fn check_parts(&self) -> Result<(), CodecError> {
        if self.leases.now() != self.now || self.keys.now() != self.now {
            return Err(CodecError::invalid("the parts are of different times"));
        }
        if *self.keys.limits() != key_limits() || *self.keys.policy() != key_policy() {
            return Err(CodecError::invalid(
                "the key store has other limits or another policy",
            ));
        }
        if self.keys.running() != 0 {
            return Err(CodecError::invalid("an attempt is left running"));
        }
        self.check_fences()
    }

    fn check_fences(&self) -> Result<(), CodecError> {
        let invalid = |what: &str| Err(CodecError::invalid(what));
        let newest = self.leases.last_token();
        let seen = self.fences.values().map(Fence::newest);
        let gone = self.gone_fences.iter().map(|(_, token)| token);
        let ended = self.ended_leases.iter().map(|(_, token)| token);
        let granted = |token: FencingToken| (FencingToken(1)..=newest).contains(&token);
        if !seen.chain(gone).chain(ended).all(granted) || self.fence_floor > newest {
            return invalid("a fence has seen a token that was never granted");
        }
        let exists = |(space, name): &(Space, String)| match space {
            Space::Value => self.values.contains_key(name),
            Space::Counter => self.counters.contains_key(name),
        };
        if !self.fences.keys().all(exists) || self.gone_fences.iter().any(|(name, _)| exists(name))
        {
            return invalid("a fence is not listed where its name belongs");
        }
        if self.gone_fences.len() > MAX_GONE_FENCES || self.ended_leases.len() > MAX_ENDED_LEASES {
            return invalid("more is remembered of what is gone than may be");
        }
        let held = |name: &str| self.leases.get(self.now, name).is_some();
        if self.ended_leases.iter().any(|(name, _)| held(name)) {
            return invalid("a lease has ended and is held");
        }
        Ok(())
    }
}

impl Space {
    const fn to_byte(self) -> u8 {
        match self {
            Self::Value => 0,
            Self::Counter => 1,
        }
    }

    fn from_byte(byte: u8) -> Result<Self, CodecError> {
        match byte {
            0 => Ok(Self::Value),
            1 => Ok(Self::Counter),
            _ => Err(CodecError::invalid(format!(
                "a fence is of a value (0) or a counter (1), not {byte}"
            ))),
        }
    }
}

fn put_fence(out: &mut BytesMut, (space, name): &(Space, String), token: FencingToken) {
    out.put_u8(space.to_byte());
    put_text(out, name);
    out.put_u64_le(token.0);
}

/// Appends how many elements follow. The bound of the state keeps them far below 2^32.
fn put_count(out: &mut BytesMut, count: usize) {
    out.put_u32_le(u32::try_from(count).unwrap_or(u32::MAX));
}

/// Reads as many elements as are told in front. Nothing is allocated for those that are not there.
fn list<K: Ord, V>(
    reader: &mut Reader,
    what: &str,
    mut element: impl FnMut(&mut Reader) -> Result<(K, V), CodecError>,
) -> Result<BTreeMap<K, V>, CodecError> {
    let count = reader.u32()?;
    let mut map = BTreeMap::new();
    for _ in 0..count {
        let (key, value) = element(reader)?;
        if map.last_key_value().is_some_and(|(last, _)| *last >= key) {
            return Err(CodecError::invalid(format!("the {what} do not ascend")));
        }
        map.insert(key, value);
    }
    Ok(map)
}

fn name(reader: &mut Reader) -> Result<String, CodecError> {
    let name = reader.text("a name", MAX_NAME_BYTES)?;
    if name.is_empty() {
        return Err(CodecError::invalid("a name is empty"));
    }
    Ok(name)
}

fn revision(reader: &mut Reader) -> Result<u64, CodecError> {
    match reader.u64()? {
        0 => Err(CodecError::invalid("a revision is zero")),
        revision => Ok(revision),
    }
}
