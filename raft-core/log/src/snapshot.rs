//! Snapshot files: written beside, then renamed, so that one with its name is whole.
//!
//! | part | bytes |
//! |---|---|
//! | magic, version | 8, 4 |
//! | origin: 0 of this member itself, 1 installed from a leader | 4 |
//! | bytes in a chunk | 4 |
//! | position: term, index | 8, 8 |
//! | length of the data | 8 |
//! | length of the membership | 4 |
//! | crc32 of all that | 4 |
//! | the membership, as on the wire; crc32 of the header's crc32 and of it | that; 4 |
//! | then each chunk: data, crc32 of the header's crc32, the chunk's number and the data | up to 256 KiB, 4 |

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use quorate_raft_core::wire::{decode_membership, encode_membership, membership_len};
use quorate_raft_core::{Index, Membership, Position, Snapshot, Term};

use crate::disk::{Disk, DiskFile};
use crate::format::{UNFINISHED_SUFFIX, VERSION};

pub(crate) const PREFIX: &str = "snapshot-";
const MAGIC: &[u8; 8] = b"QRTSNAP\n";
const HEADER_BYTES: usize = 52;
const CHUNK_BYTES: usize = 256 << 10;
const CRC_BYTES: usize = 4;

/// Whose snapshot it is, which tells what it means when the log does not reach it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Origin {
    /// This member took it of entries that were durable in its log.
    Own,
    /// It came from a leader, in the place of entries that the log did not have.
    Installed,
}

/// Why a snapshot file was not taken.
#[derive(Debug)]
pub(crate) enum BadSnapshot {
    Io(io::Error),
    Version(u32),
    Damaged { offset: u64, what: String },
}

impl From<io::Error> for BadSnapshot {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The index comes first, so that names are sorted as positions of one log are.
pub(crate) fn name(position: Position) -> String {
    let Position { term, index } = position;
    format!("{PREFIX}{:020}-{:020}.snapshot", index.0, term.0)
}

/// The position in a name that [`name`] has made.
pub(crate) fn position(file: &str) -> Option<Position> {
    let (index, term) = file
        .strip_prefix(PREFIX)?
        .strip_suffix(".snapshot")?
        .split_once('-')?;
    let position = Position {
        term: Term(term.parse().ok()?),
        index: Index(index.parse().ok()?),
    };
    (name(position) == file).then_some(position)
}

/// Writes a snapshot. It is durable, under its name, when this returns.
pub(crate) fn write(disk: &dyn Disk, snapshot: &Snapshot, origin: Origin) -> io::Result<()> {
    let name = name(snapshot.position);
    let unfinished = format!("{name}{UNFINISHED_SUFFIX}");
    let file = disk.create(&unfinished)?;
    let header = header(snapshot, origin);
    let mut start = BytesMut::from(&header[..]);
    encode_membership(&snapshot.membership, &mut start);
    start.put_u32_le(membership_crc(&header, &start[HEADER_BYTES..]));
    file.write_all_at(&start, 0)?;
    let mut offset = start.len() as u64;
    let mut piece = Vec::new();
    for (number, chunk) in (0_u64..).zip(snapshot.data.chunks(CHUNK_BYTES)) {
        piece.clear();
        piece.put_slice(chunk);
        piece.put_u32_le(chunk_crc(&header, number, chunk));
        file.write_all_at(&piece, offset)?;
        offset += piece.len() as u64;
    }
    file.sync()?;
    disk.rename(&unfinished, &name)?;
    disk.sync_names()
}

/// Reads the snapshot at `position` and checks all of it.
pub(crate) fn read(disk: &dyn Disk, position: Position) -> Result<Snapshot, BadSnapshot> {
    let file = disk.open(&name(position))?;
    let header = read_header(&*file, position)?;
    let crcs = header
        .data_len
        .div_ceil(header.chunk_bytes)
        .saturating_mul(CRC_BYTES as u64);
    let announced = header
        .data_len
        .saturating_add(crcs)
        .saturating_add(header.data_at());
    // Before room is made for the data.
    let len = file.len()?;
    if announced != len {
        let what = format!("the header announces {announced} bytes, the file has {len}");
        return Err(damaged(0, &what));
    }
    let membership = read_membership(&*file, &header)?;
    let data = read_chunks(&*file, &header)?;
    Ok(Snapshot {
        position,
        membership,
        data,
    })
}

/// Reads whose snapshot the one at `position` is, and checks no more than that.
pub(crate) fn origin(disk: &dyn Disk, position: Position) -> Result<Origin, BadSnapshot> {
    let file = disk.open(&name(position))?;
    Ok(read_header(&*file, position)?.origin)
}

struct Header {
    bytes: [u8; HEADER_BYTES],
    origin: Origin,
    chunk_bytes: u64,
    data_len: u64,
    membership_len: u32,
}

impl Header {
    /// Where the data begins.
    const fn data_at(&self) -> u64 {
        (HEADER_BYTES + CRC_BYTES) as u64 + self.membership_len as u64
    }
}

fn read_header(file: &dyn DiskFile, position: Position) -> Result<Header, BadSnapshot> {
    if file.len()? < HEADER_BYTES as u64 {
        return Err(damaged(0, "the file is shorter than its header"));
    }
    let mut bytes = [0; HEADER_BYTES];
    file.read_exact_at(&mut bytes, 0)?;
    let (checked, mut crc) = bytes.split_at(HEADER_BYTES - CRC_BYTES);
    let Some(mut fields) = checked.strip_prefix(MAGIC) else {
        return Err(damaged(0, "this is not a snapshot"));
    };
    let version = fields.get_u32_le();
    if version != VERSION {
        return Err(BadSnapshot::Version(version));
    }
    if crc.get_u32_le() != crc32fast::hash(checked) {
        return Err(damaged(0, "the header does not match its checksum"));
    }
    let origin = match fields.get_u32_le() {
        0 => Origin::Own,
        1 => Origin::Installed,
        other => return Err(damaged(0, &format!("there is no origin {other}"))),
    };
    let chunk_bytes = u64::from(fields.get_u32_le()).max(1);
    let found = Position {
        term: Term(fields.get_u64_le()),
        index: Index(fields.get_u64_le()),
    };
    if found != position {
        return Err(damaged(
            0,
            &format!("the file holds the snapshot at {found}"),
        ));
    }
    let data_len = fields.get_u64_le();
    let membership_len = fields.get_u32_le();
    Ok(Header {
        bytes,
        origin,
        chunk_bytes,
        data_len,
        membership_len,
    })
}

/// What the header says was checked against the length of the file.
fn read_membership(file: &dyn DiskFile, header: &Header) -> Result<Membership, BadSnapshot> {
    let at = HEADER_BYTES as u64;
    let mut bytes = vec![0; header.membership_len as usize + CRC_BYTES];
    file.read_exact_at(&mut bytes, at)?;
    let crc = bytes.split_off(header.membership_len as usize);
    if crc.as_slice().get_u32_le() != membership_crc(&header.bytes, &bytes) {
        return Err(damaged(at, "the membership does not match its checksum"));
    }
    let mut bytes = Bytes::from(bytes);
    let membership =
        decode_membership(&mut bytes).map_err(|error| damaged(at, &error.to_string()))?;
    match bytes.is_empty() {
        true => Ok(membership),
        false => Err(damaged(at, "the membership has bytes after its end")),
    }
}

fn read_chunks(file: &dyn DiskFile, header: &Header) -> Result<Bytes, BadSnapshot> {
    let too_long = |_| damaged(0, "the snapshot does not fit into memory");
    let mut data = vec![0; usize::try_from(header.data_len).map_err(too_long)?];
    let chunk_len = usize::try_from(header.chunk_bytes).map_err(too_long)?;
    let mut offset = header.data_at();
    for (number, chunk) in (0_u64..).zip(data.chunks_mut(chunk_len)) {
        file.read_exact_at(chunk, offset)?;
        let mut crc = [0; CRC_BYTES];
        file.read_exact_at(&mut crc, offset + chunk.len() as u64)?;
        if u32::from_le_bytes(crc) != chunk_crc(&header.bytes, number, chunk) {
            let what = format!("chunk {number} does not match its checksum");
            return Err(damaged(offset, &what));
        }
        offset += (chunk.len() + CRC_BYTES) as u64;
    }
    Ok(data.into())
}

fn header(snapshot: &Snapshot, origin: Origin) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    let mut out = &mut header[..];
    out.put_slice(MAGIC);
    out.put_u32_le(VERSION);
    out.put_u32_le(match origin {
        Origin::Own => 0,
        Origin::Installed => 1,
    });
    out.put_u32_le(CHUNK_BYTES as u32);
    out.put_u64_le(snapshot.position.term.0);
    out.put_u64_le(snapshot.position.index.0);
    out.put_u64_le(snapshot.data.len() as u64);
    // A membership has at most some thousand members.
    out.put_u32_le(membership_len(&snapshot.membership) as u32);
    let crc = crc32fast::hash(&header[..HEADER_BYTES - CRC_BYTES]);
    header[HEADER_BYTES - CRC_BYTES..].copy_from_slice(&crc.to_le_bytes());
    header
}

/// Binds a membership to its file.
fn membership_crc(header: &[u8; HEADER_BYTES], membership: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&header[HEADER_BYTES - CRC_BYTES..]);
    hasher.update(membership);
    hasher.finalize()
}

/// Binds a chunk to its file and its place in it.
fn chunk_crc(header: &[u8; HEADER_BYTES], number: u64, chunk: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&header[HEADER_BYTES - CRC_BYTES..]);
    hasher.update(&number.to_le_bytes());
    hasher.update(chunk);
    hasher.finalize()
}

fn damaged(offset: u64, what: &str) -> BadSnapshot {
    BadSnapshot::Damaged {
        offset,
        what: what.to_owned(),
    }
}
