//! Messages in a stream of bytes: a header, a checksum, a body.

use core::fmt;

use bytes::{Buf, Bytes, BytesMut};

use crate::{Lane, Wire, WireError};

/// The length of a frame's header.
pub const FRAME_HEADER_BYTES: usize = 12;

/// No body is longer than this, whatever maximum is asked for: 1 GiB.
pub const FRAME_BODY_LIMIT_BYTES: usize = 1 << 30;

/// How much is read from a socket at once, unless a frame needs more.
const READ_BYTES: usize = 64 << 10;

/// Below this much free space, [`FrameDecoder::read_buffer`] makes more.
const READ_BYTES_MIN: usize = 4 << 10;

/// A body shorter than this is copied out of the read buffer, or a small message that is kept would
/// keep all of the buffer. What is kept is then at most about [`READ_BYTES`] for so many bytes of it.
const COPY_BYTES: usize = 8 << 10;

/// One message in a stream of bytes.
///
/// ```text
///  0        4        8         9         10     11     12
///  | length | crc32  | version | channel | lane | kind | body ...
/// ```
///
/// All numbers are little-endian. `length` counts the body alone. The checksum is CRC-32 (IEEE
/// 802.3) over the length, everything after the checksum, and the body, so that no bit of a frame
/// is outside of it. TCP's own sum of 16 bits lets damage through (Stone and Partridge, "When the
/// CRC and TCP checksum disagree", SIGCOMM 2000).
///
/// `version` and `kind` are the message's ([`Wire`]). `channel` tells apart several machines that
/// share a connection.
///
/// ```
/// use bytes::{Bytes, BytesMut};
/// use quorate_transport::{Frame, FrameDecoder, Lane};
///
/// let frame = Frame { version: 1, channel: 0, lane: Lane::Log, kind: 3, body: Bytes::from("hello") };
/// let mut stream = BytesMut::new();
/// frame.encode(1024, &mut stream)?;
///
/// // A stream arrives in pieces of any size.
/// let (early, late) = stream.split_at(7);
/// let mut decoder = FrameDecoder::new(1024);
/// decoder.push(early);
/// assert_eq!(decoder.next_frame()?, None);
/// decoder.push(late);
/// assert_eq!(decoder.next_frame()?, Some(frame));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Frame {
    /// The version of the message's encoding.
    pub version: u8,
    /// Which of the machines behind the connection it is for.
    pub channel: u8,
    /// Which lane it travels in.
    pub lane: Lane,
    /// The number of the message's kind.
    pub kind: u8,
    /// The message. From a [`FrameDecoder`] a large one is a slice of the buffer that it was read
    /// into, which lives as long as it does; one of less than 8 KiB has memory of its own, so that
    /// it may be kept for long.
    pub body: Bytes,
}

impl Frame {
    /// Appends the frame to `out`, and says how many bytes that were.
    ///
    /// # Errors
    ///
    /// The body is longer than `max_body_bytes`. `out` is as it was.
    pub fn encode(&self, max_body_bytes: usize, out: &mut BytesMut) -> Result<usize, EncodeError> {
        check_length(self.body.len(), max_body_bytes)?;
        let start = out.len();
        out.reserve(FRAME_HEADER_BYTES + self.body.len());
        out.extend_from_slice(&[0; FRAME_HEADER_BYTES]);
        out.extend_from_slice(&self.body);
        seal(
            out.get_mut(start..).unwrap_or_default(),
            [self.version, self.channel, self.lane.to_byte(), self.kind],
        );
        Ok(out.len() - start)
    }

    /// The message in the body.
    ///
    /// # Errors
    ///
    /// The body is not a message of that version and kind.
    pub fn decode<M: Wire>(self) -> Result<M, WireError> {
        M::decode(self.version, self.kind, self.body)
    }
}

/// Appends `message` to `out` as one frame, without a buffer in between, and says how many bytes
/// that were.
///
/// `version` is the encoding that the receiver understands, [`Wire::VERSION`] when it is as new as
/// this node.
///
/// # Errors
///
/// The body is longer than `max_body_bytes`. `out` is as it was.
pub fn encode_frame<M: Wire>(
    message: &M,
    version: u8,
    channel: u8,
    lane: Lane,
    max_body_bytes: usize,
    out: &mut BytesMut,
) -> Result<usize, EncodeError> {
    let expected = message.encoded_len();
    check_length(expected, max_body_bytes)?;
    let start = out.len();
    out.reserve(FRAME_HEADER_BYTES + expected);
    out.extend_from_slice(&[0; FRAME_HEADER_BYTES]);
    message.encode_version(version, out);
    let whole = out.len().saturating_sub(start);
    // An older version may take more bytes than `encoded_len` says.
    if let Err(error) = check_length(whole.saturating_sub(FRAME_HEADER_BYTES), max_body_bytes) {
        out.truncate(start);
        return Err(error);
    }
    seal(
        out.get_mut(start..).unwrap_or_default(),
        [version, channel, lane.to_byte(), message.kind()],
    );
    Ok(whole)
}

/// Finds the frames in a stream of bytes.
///
/// A length is checked against the maximum before a byte is allocated for it. What is buffered is
/// at most one unfinished frame and what the last read brought, when every
/// [`push`](Self::push) is followed by [`next_frame`](Self::next_frame) until it has no more.
///
/// After an error nothing that follows in the stream can be trusted, so the decoder gives the same
/// error forever: close the connection.
#[derive(Clone, Debug)]
pub struct FrameDecoder {
    max_body_bytes: usize,
    buffer: BytesMut,
    failed: Option<FrameError>,
}

impl FrameDecoder {
    /// A decoder of frames whose bodies are at most `max_body_bytes` long, and at most
    /// [`FRAME_BODY_LIMIT_BYTES`].
    pub fn new(max_body_bytes: usize) -> Self {
        Self {
            max_body_bytes: max_body_bytes.min(FRAME_BODY_LIMIT_BYTES),
            buffer: BytesMut::new(),
            failed: None,
        }
    }

    /// Takes the next bytes of the stream, as many or as few as there are. This copies them;
    /// [`read_buffer`](Self::read_buffer) does not.
    pub fn push(&mut self, chunk: &[u8]) {
        if self.failed.is_none() {
            self.buffer.extend_from_slice(chunk);
        }
    }

    /// Where to read the next bytes of the stream to: append to it, never change what is there.
    /// It has room for the rest of the frame whose header has arrived.
    pub fn read_buffer(&mut self) -> &mut BytesMut {
        let missing = match self.header() {
            Some(header) if header.length <= self.max_body_bytes => {
                (FRAME_HEADER_BYTES + header.length).saturating_sub(self.buffer.len())
            }
            _ => 0,
        };
        let free = self.buffer.capacity() - self.buffer.len();
        if free < missing.max(READ_BYTES_MIN) {
            self.buffer.reserve(missing.max(READ_BYTES));
        }
        &mut self.buffer
    }

    /// The next whole frame, or nothing while it has not arrived.
    ///
    /// # Errors
    ///
    /// The stream is not a stream of frames, or was damaged. Every later call says the same.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let result = self.take_frame();
        if let Err(error) = &result {
            self.failed = Some(error.clone());
            self.buffer = BytesMut::new();
        }
        result
    }

    /// How many bytes of an unfinished frame are waiting for the rest.
    pub fn buffered_bytes(&self) -> usize {
        self.buffer.len()
    }

    fn take_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        // The length alone is enough to refuse: do not wait for the rest of the header.
        if let Some(length) = self.buffer.first_chunk::<4>() {
            check_announced(u32::from_le_bytes(*length), self.max_body_bytes)?;
        }
        let Some(header) = self.header() else {
            return Ok(None);
        };
        let whole = FRAME_HEADER_BYTES + header.length;
        if self.buffer.len() < whole {
            return Ok(None);
        }
        let body = if header.length < COPY_BYTES {
            let frame = self.buffer.get(..whole).unwrap_or_default();
            let body = Bytes::copy_from_slice(frame.get(FRAME_HEADER_BYTES..).unwrap_or_default());
            self.buffer.advance(whole);
            body
        } else {
            let frame = self.buffer.split_to(whole).freeze();
            frame.slice(FRAME_HEADER_BYTES..)
        };
        let found = checksum(header.length, header.tags, &body);
        if found != header.crc {
            return Err(FrameError::Damaged {
                announced: header.crc,
                found,
            });
        }
        let [version, channel, lane, kind] = header.tags;
        let lane = Lane::from_byte(lane).ok_or(FrameError::UnknownLane { lane })?;
        Ok(Some(Frame {
            version,
            channel,
            lane,
            kind,
            body,
        }))
    }

    fn header(&self) -> Option<Header> {
        let [l0, l1, l2, l3, c0, c1, c2, c3, version, channel, lane, kind] =
            *self.buffer.first_chunk::<FRAME_HEADER_BYTES>()?;
        Some(Header {
            length: u32::from_le_bytes([l0, l1, l2, l3]) as usize,
            crc: u32::from_le_bytes([c0, c1, c2, c3]),
            tags: [version, channel, lane, kind],
        })
    }
}

/// Why a stream of bytes is not a stream of frames.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum FrameError {
    /// The header announces a body that is longer than the maximum.
    TooLarge {
        /// What the header announces.
        bytes: usize,
        /// What is allowed.
        limit: usize,
    },
    /// The checksum is not that of the frame.
    Damaged {
        /// The checksum in the header.
        announced: u32,
        /// The checksum of what arrived.
        found: u32,
    },
    /// The checksum is right, and there is no lane of that number.
    UnknownLane {
        /// The number.
        lane: u8,
    },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes, limit } => write!(
                f,
                "a frame announces a body of {bytes} bytes, the limit is {limit}: the peer has a larger limit, or does not send frames"
            ),
            Self::Damaged { announced, found } => write!(
                f,
                "a frame was damaged on the way: its checksum is {announced:#010x}, that of its bytes is {found:#010x}"
            ),
            Self::UnknownLane { lane } => write!(
                f,
                "a frame names lane {lane}, the lanes are 0 to 2: the peer speaks a newer protocol"
            ),
        }
    }
}

impl core::error::Error for FrameError {}

/// Why a message was not made a frame.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The body is longer than the maximum.
    TooLarge {
        /// How long it is.
        bytes: usize,
        /// What is allowed.
        limit: usize,
    },
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes, limit } => write!(
                f,
                "a message of {bytes} bytes does not fit into a frame, the limit is {limit}"
            ),
        }
    }
}

impl core::error::Error for EncodeError {}

#[derive(Clone, Copy)]
struct Header {
    length: usize,
    crc: u32,
    tags: [u8; 4],
}

fn check_length(bytes: usize, max_body_bytes: usize) -> Result<(), EncodeError> {
    let limit = max_body_bytes.min(FRAME_BODY_LIMIT_BYTES);
    if bytes > limit {
        return Err(EncodeError::TooLarge { bytes, limit });
    }
    Ok(())
}

fn check_announced(length: u32, limit: usize) -> Result<(), FrameError> {
    let bytes = usize::try_from(length).unwrap_or(usize::MAX);
    if bytes > limit {
        return Err(FrameError::TooLarge { bytes, limit });
    }
    Ok(())
}

/// Writes the header of a frame whose body is in place.
fn seal(frame: &mut [u8], tags: [u8; 4]) {
    let Some((header, body)) = frame.split_first_chunk_mut::<FRAME_HEADER_BYTES>() else {
        return;
    };
    let crc = checksum(body.len(), tags, body).to_le_bytes();
    // The limit of a body is far below 4 GiB.
    let length = (body.len() as u32).to_le_bytes();
    let mut parts = length.into_iter().chain(crc).chain(tags);
    header.fill_with(|| parts.next().unwrap_or_default());
}

fn checksum(length: usize, tags: [u8; 4], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&(length as u32).to_le_bytes());
    hasher.update(&tags);
    hasher.update(body);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn a_lying_length_allocates_nothing() {
        let mut decoder = FrameDecoder::new(1 << 20);
        decoder.push(&u32::MAX.to_le_bytes());
        assert_eq!(
            decoder.next_frame(),
            Err(FrameError::TooLarge {
                bytes: u32::MAX as usize,
                limit: 1 << 20
            })
        );
        assert_eq!(decoder.buffer.capacity(), 0);
        // The decoder stays failed, and takes nothing more.
        decoder.push(&[0; 100]);
        assert_eq!(decoder.buffered_bytes(), 0);
        assert!(decoder.next_frame().is_err());
    }

    #[test]
    fn the_read_buffer_has_room_for_the_announced_frame_and_no_more_than_the_limit_asks_for() {
        let mut decoder = FrameDecoder::new(1 << 20);
        assert!(decoder.read_buffer().capacity() <= 2 * READ_BYTES);
        let mut header = [0; FRAME_HEADER_BYTES];
        header[..4].copy_from_slice(&(1_u32 << 20).to_le_bytes());
        decoder.push(&header);
        assert_eq!(decoder.next_frame(), Ok(None));
        let capacity = decoder.read_buffer().capacity();
        assert!((1 << 20..2 << 20).contains(&capacity), "{capacity}");
    }

    /// Whether the body of a frame that was read shares the buffer that it was read into.
    fn shares_the_buffer(body_bytes: usize) -> bool {
        let frame = Frame {
            version: 1,
            channel: 0,
            lane: Lane::Bulk,
            kind: 0,
            body: vec![7; body_bytes].into(),
        };
        let mut stream = BytesMut::new();
        frame.encode(1 << 20, &mut stream).unwrap();
        let mut decoder = FrameDecoder::new(1 << 20);
        decoder.read_buffer().extend_from_slice(&stream);
        let whole = decoder.buffer.as_ptr_range();
        let body = decoder.next_frame().unwrap().unwrap().body;
        assert_eq!(body, frame.body);
        assert_eq!(decoder.buffered_bytes(), 0);
        whole.contains(&body.as_ptr())
    }

    #[test]
    fn a_large_body_is_a_slice_of_the_read_buffer_and_a_small_one_is_not() {
        for small in [1, 100, COPY_BYTES - 1] {
            assert!(!shares_the_buffer(small), "{small} bytes");
        }
        for large in [COPY_BYTES, 100_000] {
            assert!(shares_the_buffer(large), "{large} bytes");
        }
    }

    /// What keeps small messages keeps them alone: the decoder goes on in the buffer that it has.
    #[test]
    fn messages_that_are_kept_do_not_keep_read_buffers() {
        let frame = Frame {
            version: 1,
            channel: 0,
            lane: Lane::Log,
            kind: 0,
            body: Bytes::from_static(&[7; 100]),
        };
        let mut stream = BytesMut::new();
        frame.encode(1_000, &mut stream).unwrap();
        let mut decoder = FrameDecoder::new(1_000);
        let buffer = decoder.read_buffer().as_ptr_range();
        let end = buffer.start.wrapping_add(READ_BYTES);
        let mut kept = Vec::new();
        // Far more than fits into one buffer, each in a read of its own.
        for _ in 0..4 * READ_BYTES / stream.len() {
            decoder.read_buffer().extend_from_slice(&stream);
            assert!((buffer.start..end).contains(&decoder.buffer.as_ptr()));
            kept.extend(decoder.next_frame().unwrap());
        }
        assert!(kept.iter().all(|kept| *kept == frame));
    }
}
