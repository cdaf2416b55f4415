//! Frames survive any chunking, and damage never gets through.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use proptest::prelude::*;
use quorate_transport::{
    EncodeError, FRAME_HEADER_BYTES, Frame, FrameDecoder, FrameError, Lane, Wire, WireError,
    encode_frame,
};

const MAX_BODY_BYTES: usize = 2_048;

/// The encoding of every released version of the frame. A change here breaks running clusters.
/// Computed with Python's `zlib.crc32`, not with the code under test.
#[test]
fn the_golden_frame() {
    let frame = Frame {
        version: 1,
        channel: 2,
        lane: Lane::Log,
        kind: 3,
        body: Bytes::from("hello"),
    };
    let mut stream = BytesMut::new();
    assert_eq!(frame.encode(MAX_BODY_BYTES, &mut stream), Ok(17));
    assert_eq!(hex(&stream), GOLDEN);

    let mut decoder = FrameDecoder::new(MAX_BODY_BYTES);
    decoder.push(&stream);
    assert_eq!(decoder.next_frame(), Ok(Some(frame)));
    assert_eq!(decoder.next_frame(), Ok(None));
}

const GOLDEN: &str = "050000002eced4970102010368656c6c6f";

#[test]
fn a_message_of_the_maximum_fits_and_one_byte_more_does_not() {
    let mut out = BytesMut::from("before");
    let fits = Blob(vec![1; MAX_BODY_BYTES]);
    let written = encode_frame(&fits, 1, 0, Lane::Bulk, MAX_BODY_BYTES, &mut out);
    assert_eq!(written, Ok(MAX_BODY_BYTES + FRAME_HEADER_BYTES));
    assert_eq!(out.len(), 6 + MAX_BODY_BYTES + FRAME_HEADER_BYTES);

    let before = out.clone();
    let larger = Blob(vec![1; MAX_BODY_BYTES + 1]);
    assert_eq!(
        encode_frame(&larger, 1, 0, Lane::Bulk, MAX_BODY_BYTES, &mut out),
        Err(EncodeError::TooLarge {
            bytes: MAX_BODY_BYTES + 1,
            limit: MAX_BODY_BYTES
        })
    );
    assert_eq!(out, before);
}

/// `encoded_len` is about the newest version; an older one that takes more is still checked.
#[test]
fn an_older_version_that_is_longer_is_checked_against_the_maximum() {
    let blob = Blob(vec![1; MAX_BODY_BYTES - 1]);
    let mut out = BytesMut::from("before");
    assert_eq!(
        encode_frame(&blob, 0, 0, Lane::Log, MAX_BODY_BYTES, &mut out),
        Err(EncodeError::TooLarge {
            bytes: MAX_BODY_BYTES + 1,
            limit: MAX_BODY_BYTES
        })
    );
    assert_eq!(out, "before");
    assert!(encode_frame(&blob, 1, 0, Lane::Log, MAX_BODY_BYTES, &mut out).is_ok());
}

#[test]
fn a_lane_that_does_not_exist_is_refused() {
    let mut frame = vec![0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 9, 0];
    let crc = crc32(&[&frame[..4], &frame[8..]].concat());
    frame[4..8].copy_from_slice(&crc.to_le_bytes());
    let mut decoder = FrameDecoder::new(10);
    decoder.push(&frame);
    assert_eq!(
        decoder.next_frame(),
        Err(FrameError::UnknownLane { lane: 9 })
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn frames_come_out_as_they_went_in_whatever_the_chunks(
        frames in prop::collection::vec(frame(), 0..12),
        chunks in prop::collection::vec(1_usize..700, 1..40),
        read in any::<bool>(),
    ) {
        let mut stream = BytesMut::new();
        for frame in &frames {
            frame.encode(MAX_BODY_BYTES, &mut stream).unwrap();
        }
        let mut decoder = FrameDecoder::new(MAX_BODY_BYTES);
        let mut arrived = Vec::new();
        let mut chunks = chunks.into_iter().cycle();
        while stream.has_remaining() {
            let chunk = stream.split_to(chunks.next().unwrap().min(stream.len()));
            if read {
                decoder.read_buffer().extend_from_slice(&chunk);
            } else {
                decoder.push(&chunk);
            }
            while let Some(frame) = decoder.next_frame().unwrap() {
                arrived.push(frame);
            }
            prop_assert!(decoder.buffered_bytes() < FRAME_HEADER_BYTES + MAX_BODY_BYTES);
        }
        prop_assert_eq!(arrived, frames);
        prop_assert_eq!(decoder.buffered_bytes(), 0);
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_never_allocate_beyond_the_maximum(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20),
        small_length in any::<bool>(),
    ) {
        let mut decoder = FrameDecoder::new(MAX_BODY_BYTES);
        for mut chunk in chunks {
            // A length that is allowed, so that the rest of the header is looked at too.
            if small_length && chunk.len() >= 4 {
                chunk[2] = 0;
                chunk[3] = 0;
            }
            decoder.push(&chunk);
            while let Ok(Some(_)) = decoder.next_frame() {}
            prop_assert!(decoder.buffered_bytes() < FRAME_HEADER_BYTES + MAX_BODY_BYTES);
            prop_assert!(decoder.read_buffer().capacity() <= 256 << 10);
        }
    }

    #[test]
    fn one_flipped_bit_never_gives_a_frame(frame in frame(), at in any::<prop::sample::Index>()) {
        let mut stream = BytesMut::new();
        frame.encode(MAX_BODY_BYTES, &mut stream).unwrap();
        let bit = at.index(stream.len() * 8);
        stream[bit / 8] ^= 1 << (bit % 8);
        let mut decoder = FrameDecoder::new(MAX_BODY_BYTES);
        decoder.push(&stream);
        // A longer length waits for bytes that do not come; what comes next fails the checksum.
        let result = decoder.next_frame();
        prop_assert!(matches!(result, Ok(None) | Err(_)), "{:?}", result);
        decoder.push(&[0; FRAME_HEADER_BYTES + MAX_BODY_BYTES]);
        prop_assert!(decoder.next_frame().is_err());
    }

    #[test]
    fn a_message_makes_the_same_frame_as_its_body(body in prop::collection::vec(any::<u8>(), 0..100)) {
        let mut direct = BytesMut::new();
        encode_frame(&Blob(body.clone()), 1, 4, Lane::Urgent, MAX_BODY_BYTES, &mut direct).unwrap();
        let frame = Frame { version: 1, channel: 4, lane: Lane::Urgent, kind: 7, body: body.clone().into() };
        let mut indirect = BytesMut::new();
        frame.encode(MAX_BODY_BYTES, &mut indirect).unwrap();
        prop_assert_eq!(direct, indirect);
        prop_assert_eq!(frame.decode::<Blob>(), Ok(Blob(body)));
    }
}

fn frame() -> impl Strategy<Value = Frame> {
    let body = prop::collection::vec(any::<u8>(), 0..MAX_BODY_BYTES);
    (any::<[u8; 3]>(), 0_u8..3, body).prop_map(|([version, channel, kind], lane, body)| Frame {
        version,
        channel,
        lane: Lane::from_byte(lane).unwrap(),
        kind,
        body: body.into(),
    })
}

/// Version 0 has two bytes more than version 1.
#[derive(Clone, Debug, PartialEq)]
struct Blob(Vec<u8>);

impl Wire for Blob {
    const VERSION: u8 = 1;
    const OLDEST: u8 = 0;

    fn kind(&self) -> u8 {
        7
    }

    fn encoded_len(&self) -> usize {
        self.0.len()
    }

    fn encode(&self, out: &mut BytesMut) {
        out.put_slice(&self.0);
    }

    fn encode_version(&self, version: u8, out: &mut BytesMut) {
        if version == 0 {
            out.put_u16_le(0);
        }
        self.encode(out);
    }

    fn decode(_version: u8, _kind: u8, body: Bytes) -> Result<Self, WireError> {
        Ok(Self(body.to_vec()))
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & 0_u32.wrapping_sub(crc & 1));
        }
    }
    !crc
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
