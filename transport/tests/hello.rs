//! The handshake's bytes, and every way to be the wrong node.

use proptest::prelude::*;
use quorate_clocks::{Incarnation, NodeId};
use quorate_transport::{Expected, HELLO_BYTES, Hello, HelloError, Lane, LaneGroup};

fn hello() -> Hello {
    Hello {
        versions: 1..=2,
        group: LaneGroup::Bulk,
        cluster: 0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10,
        node: NodeId(1),
        to: NodeId(2),
        incarnation: Incarnation(5),
    }
}

fn expected() -> Expected {
    Expected {
        versions: 1..=2,
        cluster: hello().cluster,
        local: NodeId(2),
        peer: Some(NodeId(1)),
    }
}

/// A change here breaks running clusters. Computed with Python's `zlib.crc32`.
#[test]
fn the_golden_hello() {
    let bytes = hello().encode();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, GOLDEN);
    assert_eq!(Hello::decode(&bytes), Ok(hello()));
}

const GOLDEN: &str = "71756f726174650a01010201100f0e0d0c0b0a09080706050403020101000000000000000200000000000000050000000000000096f1f8df";

#[test]
fn the_newest_common_version_is_chosen() {
    for (ours, theirs, common) in [
        (1..=1, 1..=1, Some(1)),
        (1..=3, 2..=5, Some(3)),
        (2..=5, 1..=3, Some(3)),
        (1..=9, 4..=4, Some(4)),
        (1..=2, 3..=4, None),
        (3..=4, 1..=2, None),
        (0..=255, 255..=255, Some(255)),
    ] {
        let hello = Hello {
            versions: theirs.clone(),
            ..hello()
        };
        let expected = Expected {
            versions: ours.clone(),
            ..expected()
        };
        let no_common = HelloError::NoCommonVersion { ours, theirs };
        assert_eq!(hello.verify(&expected), common.ok_or(no_common));
    }
}

#[test]
#[expect(clippy::reversed_empty_ranges, reason = "a lying peer may send one")]
fn an_empty_range_of_versions_has_no_version_in_common() {
    let hello = Hello {
        versions: 2..=1,
        ..hello()
    };
    assert!(matches!(
        hello.verify(&expected()),
        Err(HelloError::NoCommonVersion { .. })
    ));
}

#[test]
fn the_wrong_peer_is_named() {
    let wrong = |hello: Hello| hello.verify(&expected()).unwrap_err();
    assert_eq!(
        wrong(Hello {
            cluster: 9,
            ..hello()
        }),
        HelloError::WrongCluster {
            expected: hello().cluster,
            found: 9
        }
    );
    assert_eq!(
        wrong(Hello {
            node: NodeId(3),
            ..hello()
        }),
        HelloError::WrongNode {
            expected: NodeId(1),
            found: NodeId(3)
        }
    );
    assert_eq!(
        wrong(Hello {
            node: NodeId(2),
            ..hello()
        }),
        HelloError::FromSelf { node: NodeId(2) }
    );
    assert_eq!(
        wrong(Hello {
            to: NodeId(3),
            ..hello()
        }),
        HelloError::Misaddressed {
            from: NodeId(1),
            to: NodeId(3),
            local: NodeId(2)
        }
    );
    // The side that was dialed learns the peer's id from the hello.
    let anyone = Expected {
        peer: None,
        ..expected()
    };
    let from_3 = Hello {
        node: NodeId(3),
        ..hello()
    };
    assert_eq!(from_3.verify(&anyone), Ok(2));
}

#[test]
fn another_protocol_is_called_what_it_is() {
    let mut bytes = [b' '; HELLO_BYTES];
    bytes[..16].copy_from_slice(b"GET / HTTP/1.1\r\n");
    let error = Hello::decode(&bytes).unwrap_err();
    assert_eq!(
        error,
        HelloError::NotAHello {
            found: *b"GET / HT"
        }
    );
    assert_eq!(
        error.to_string(),
        "this is not a quorate node: it begins with \"GET / HT\""
    );

    let mut newer = hello().encode();
    newer[8] = 9;
    assert_eq!(
        Hello::decode(&newer),
        Err(HelloError::UnknownLayout {
            layout: 9,
            newest: 1
        })
    );
}

#[test]
fn every_lane_belongs_to_one_group() {
    assert_eq!(
        Lane::ALL.map(LaneGroup::of),
        [LaneGroup::Prompt, LaneGroup::Prompt, LaneGroup::Bulk]
    );
    for group in LaneGroup::ALL {
        assert_eq!(LaneGroup::from_byte(group.to_byte()), Some(group));
    }
    assert_eq!(LaneGroup::from_byte(2), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_hello_survives_the_wire(
        (min, max, bulk) in any::<(u8, u8, bool)>(),
        cluster in any::<u128>(),
        [node, to, incarnation] in any::<[u64; 3]>(),
    ) {
        let hello = Hello {
            versions: min..=max,
            group: if bulk { LaneGroup::Bulk } else { LaneGroup::Prompt },
            cluster,
            node: NodeId(node),
            to: NodeId(to),
            incarnation: Incarnation(incarnation),
        };
        prop_assert_eq!(Hello::decode(&hello.encode()), Ok(hello));
    }

    #[test]
    fn one_flipped_bit_is_noticed(bit in 0..HELLO_BYTES * 8) {
        let mut bytes = hello().encode();
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(Hello::decode(&bytes).is_err());
    }

    #[test]
    fn arbitrary_bytes_are_refused(mut bytes in prop::collection::vec(any::<u8>(), HELLO_BYTES), magic in any::<bool>()) {
        if magic {
            bytes[..9].copy_from_slice(b"quorate\n\x01");
        }
        let bytes: [u8; HELLO_BYTES] = bytes.try_into().unwrap();
        prop_assert!(Hello::decode(&bytes).is_err());
    }
}
