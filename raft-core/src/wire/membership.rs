//! A membership as bytes.
//!
//! | part | bytes |
//! |---|---|
//! | flags: 1 joint, 2 leaves alone | 1 |
//! | the voters; the outgoing voters if it is joint | a set each |
//! | learners, witnesses | a list each: number 4, then 8 each |
//!
//! A set is the number of its parts (4), then each part: its weight (4), 0 and a member (1, 8) or 1 and a set.

use alloc::format;
use alloc::vec::Vec;

use bytes::{BufMut, Bytes, BytesMut};
use quorate_clocks::NodeId;
use quorate_transport::WireError;

use super::{invalid, need, take_u8, take_u32, take_u64};
use crate::quorum::{MAX_DEPTH, Part, Who};
use crate::{Membership, QuorumSet};

const JOINT: u8 = 1;
const LEAVES_ALONE: u8 = 2;

const MEMBER: u8 = 0;
const GROUP: u8 = 1;

/// The bytes of the smallest part of a set: a group needs more.
const PART_BYTES: usize = 13;

/// How many bytes [`encode_membership`] appends.
pub fn membership_len(membership: &Membership) -> usize {
    let lists = membership.learners().len() + membership.witnesses().len();
    1 + set_len(membership.voters()) + membership.outgoing().map_or(0, set_len) + 8 + lists * 8
}

fn set_len(set: &QuorumSet) -> usize {
    let parts = set.parts.iter();
    let lens = parts.map(|part| match &part.who {
        Who::Member(_) => PART_BYTES,
        Who::Group(group) => 5 + set_len(group),
    });
    4 + lens.sum::<usize>()
}

/// Appends a membership to `out`.
pub fn encode_membership(membership: &Membership, out: &mut BytesMut) {
    let joint = u8::from(membership.is_joint()) * JOINT;
    let leaves_alone = u8::from(membership.leaves_alone()) * LEAVES_ALONE;
    out.put_u8(joint | leaves_alone);
    put_set(membership.voters(), out);
    if let Some(outgoing) = membership.outgoing() {
        put_set(outgoing, out);
    }
    for list in [membership.learners(), membership.witnesses()] {
        put_count(list.len(), out);
        for id in list {
            out.put_u64_le(id.0);
        }
    }
}

fn put_set(set: &QuorumSet, out: &mut BytesMut) {
    put_count(set.parts.len(), out);
    for part in &set.parts {
        out.put_u32_le(part.weight);
        match &part.who {
            Who::Member(member) => {
                out.put_u8(MEMBER);
                out.put_u64_le(member.0);
            }
            Who::Group(group) => {
                out.put_u8(GROUP);
                put_set(group, out);
            }
        }
    }
}

/// There are never more than 1,024 of anything.
fn put_count(count: usize, out: &mut BytesMut) {
    out.put_u32_le(u32::try_from(count).unwrap_or(u32::MAX));
}

/// Takes a membership off the front of `bytes`. Only what [`encode_membership`] makes is one.
///
/// # Errors
///
/// When they end early, or say what no membership can be.
pub fn decode_membership(bytes: &mut Bytes) -> Result<Membership, WireError> {
    let flags = take_u8(bytes)?;
    if flags & !(JOINT | LEAVES_ALONE) != 0 || flags == LEAVES_ALONE {
        return Err(invalid(format!("a membership has the flags {flags:#04x}")));
    }
    let voters = take_set(bytes, MAX_DEPTH)?;
    let outgoing = match flags & JOINT != 0 {
        true => Some(take_set(bytes, MAX_DEPTH)?),
        false => None,
    };
    let learners = take_list(bytes)?;
    let witnesses = take_list(bytes)?;
    let leaves_alone = flags & LEAVES_ALONE != 0;
    Membership::from_parts(voters, outgoing, leaves_alone, learners, witnesses)
        .map_err(|error| invalid(format!("a membership in which {error}")))
}

fn take_set(bytes: &mut Bytes, depth: usize) -> Result<QuorumSet, WireError> {
    if depth == 0 {
        return Err(invalid(format!(
            "a set of voters more than {MAX_DEPTH} deep"
        )));
    }
    let count = take_u32(bytes)? as usize;
    // As many parts as are claimed must be there before room is made for them.
    need(bytes, count.saturating_mul(PART_BYTES))?;
    let mut parts = Vec::with_capacity(count);
    for _ in 0..count {
        let weight = take_u32(bytes)?;
        let who = match take_u8(bytes)? {
            MEMBER => Who::Member(NodeId(take_u64(bytes)?)),
            GROUP => Who::Group(take_set(bytes, depth - 1)?),
            kind => {
                return Err(invalid(format!(
                    "a part of a set of kind {kind}; it may be 0 or 1"
                )));
            }
        };
        parts.push(Part { weight, who });
    }
    let set = QuorumSet::of(parts.iter().cloned())
        .map_err(|error| invalid(format!("a set of voters in which {error}")))?;
    // There is one encoding for each.
    match set.parts == parts {
        true => Ok(set),
        false => Err(invalid("a set of voters that is not in order".into())),
    }
}

fn take_list(bytes: &mut Bytes) -> Result<Vec<NodeId>, WireError> {
    let count = take_u32(bytes)? as usize;
    need(bytes, count.saturating_mul(8))?;
    let list: Vec<NodeId> = (0..count)
        .map(|_| take_u64(bytes).map(NodeId))
        .collect::<Result<_, _>>()?;
    match list.is_sorted_by(|one, other| one < other) {
        true => Ok(list),
        false => Err(invalid("a list of members that is not in order".into())),
    }
}
