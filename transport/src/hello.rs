//! The first bytes of a connection: who is there, and whom did they mean to reach.

use core::fmt;
use core::ops::RangeInclusive;

use quorate_clocks::{Incarnation, NodeId};

use crate::Lane;

/// The length of a [`Hello`].
pub const HELLO_BYTES: usize = 56;

/// The newline is damaged by whatever treats the stream as text.
const MAGIC: [u8; 8] = *b"quorate\n";

/// The version of the layout below. The message encoding has versions of its own.
const LAYOUT: u8 = 1;

/// The first bytes that each side of a connection sends.
///
/// An address is only a hint of who lives there: addresses are reused, tables are out of date, two
/// clusters share a network. A vote that is counted for the wrong node is a second leader. So each
/// side says who it is and whom it means, and [`verify`](Self::verify) compares before the first
/// message.
///
/// ```text
///  0       8        9     10    11     12       28     36    44            52     56
///  | magic | layout | min | max | group | cluster | node | to | incarnation | crc32 |
/// ```
///
/// All numbers are little-endian; the checksum covers the 52 bytes before it. This is not
/// authentication: whoever can reach the port can claim to be anyone.
///
/// ```
/// use quorate_clocks::{Incarnation, NodeId};
/// use quorate_transport::{Expected, Hello, HelloError, LaneGroup};
///
/// let hello = Hello {
///     versions: 1..=2,
///     group: LaneGroup::Prompt,
///     cluster: 77,
///     node: NodeId(1),
///     to: NodeId(2),
///     incarnation: Incarnation(5),
/// };
/// let arrived = Hello::decode(&hello.encode())?;
///
/// let node_2 = Expected { versions: 2..=3, cluster: 77, local: NodeId(2), peer: None };
/// assert_eq!(arrived.verify(&node_2), Ok(2));
///
/// let other_cluster = Expected { cluster: 78, ..node_2 };
/// assert_eq!(
///     arrived.verify(&other_cluster),
///     Err(HelloError::WrongCluster { expected: 78, found: 77 }),
/// );
/// # Ok::<(), HelloError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Hello {
    /// The versions of the message encoding that the sender both reads and writes.
    pub versions: RangeInclusive<u8>,
    /// Which lanes the connection carries.
    pub group: LaneGroup,
    /// The cluster that the sender belongs to.
    pub cluster: u128,
    /// Who the sender is.
    pub node: NodeId,
    /// Whom the sender means to talk to.
    pub to: NodeId,
    /// Which life of the sender this is.
    pub incarnation: Incarnation,
}

impl Hello {
    /// The hello as it travels.
    pub fn encode(&self) -> [u8; HELLO_BYTES] {
        let tags = [
            LAYOUT,
            *self.versions.start(),
            *self.versions.end(),
            self.group.to_byte(),
        ];
        let mut hello = [0; HELLO_BYTES];
        let mut at = 0;
        let mut put = |field: &[u8]| {
            if let Some(place) = hello.get_mut(at..at + field.len()) {
                place.copy_from_slice(field);
            }
            at += field.len();
            crc32fast::hash(hello.get(..at).unwrap_or_default())
        };
        put(&MAGIC);
        put(&tags);
        put(&self.cluster.to_le_bytes());
        put(&self.node.0.to_le_bytes());
        put(&self.to.0.to_le_bytes());
        let crc = put(&self.incarnation.0.to_le_bytes());
        put(&crc.to_le_bytes());
        hello
    }

    /// Reads what a stranger sent.
    ///
    /// # Errors
    ///
    /// The bytes are not a hello, are of a newer layout, or were damaged.
    pub fn decode(bytes: &[u8; HELLO_BYTES]) -> Result<Self, HelloError> {
        let mut rest: &[u8] = bytes;
        let magic: [u8; 8] = take(&mut rest);
        let [layout, min, max, group] = take(&mut rest);
        let cluster = u128::from_le_bytes(take(&mut rest));
        let node = NodeId(u64::from_le_bytes(take(&mut rest)));
        let to = NodeId(u64::from_le_bytes(take(&mut rest)));
        let incarnation = Incarnation(u64::from_le_bytes(take(&mut rest)));
        let covered = bytes.get(..HELLO_BYTES - rest.len()).unwrap_or_default();
        let crc = u32::from_le_bytes(take(&mut rest));

        // In this order: what is not a hello at all is not called a damaged one.
        if magic != MAGIC {
            return Err(HelloError::NotAHello { found: magic });
        }
        if layout != LAYOUT {
            return Err(HelloError::UnknownLayout {
                layout,
                newest: LAYOUT,
            });
        }
        if crc32fast::hash(covered) != crc {
            return Err(HelloError::Damaged);
        }
        let group = LaneGroup::from_byte(group).ok_or(HelloError::UnknownGroup { group })?;
        Ok(Self {
            versions: min..=max,
            group,
            cluster,
            node,
            to,
            incarnation,
        })
    }

    /// Compares who is there with who should be, and says which version of the message encoding
    /// both sides speak: the newest that they share.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, and both sides of it.
    pub fn verify(&self, expected: &Expected) -> Result<u8, HelloError> {
        if self.cluster != expected.cluster {
            return Err(HelloError::WrongCluster {
                expected: expected.cluster,
                found: self.cluster,
            });
        }
        if self.node == expected.local {
            return Err(HelloError::FromSelf { node: self.node });
        }
        if let Some(peer) = expected.peer
            && self.node != peer
        {
            return Err(HelloError::WrongNode {
                expected: peer,
                found: self.node,
            });
        }
        if self.to != expected.local {
            return Err(HelloError::Misaddressed {
                from: self.node,
                to: self.to,
                local: expected.local,
            });
        }
        let newest = *self.versions.end().min(expected.versions.end());
        if !self.versions.contains(&newest) || !expected.versions.contains(&newest) {
            return Err(HelloError::NoCommonVersion {
                ours: expected.versions.clone(),
                theirs: self.versions.clone(),
            });
        }
        Ok(newest)
    }
}

/// What a [`Hello`] must say to be accepted.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Expected {
    /// The versions of the message encoding that are spoken here.
    pub versions: RangeInclusive<u8>,
    /// The cluster of this node.
    pub cluster: u128,
    /// This node.
    pub local: NodeId,
    /// Who was dialed. Nothing for the side that was dialed: it learns it from the hello.
    pub peer: Option<NodeId>,
}

/// Lanes that share a connection.
///
/// What is small and due now never waits behind a snapshot, because snapshots have a connection of
/// their own.
///
/// ```
/// use quorate_transport::{Lane, LaneGroup};
///
/// assert_eq!(LaneGroup::of(Lane::Urgent), LaneGroup::of(Lane::Log));
/// assert_ne!(LaneGroup::of(Lane::Log), LaneGroup::of(Lane::Bulk));
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum LaneGroup {
    /// [`Lane::Urgent`] and [`Lane::Log`].
    Prompt,
    /// [`Lane::Bulk`].
    Bulk,
}

impl LaneGroup {
    /// Both groups.
    pub const ALL: [Self; 2] = [Self::Prompt, Self::Bulk];

    /// The group that a lane belongs to.
    pub const fn of(lane: Lane) -> Self {
        match lane {
            Lane::Urgent | Lane::Log => Self::Prompt,
            Lane::Bulk => Self::Bulk,
        }
    }

    /// The group as it stands in a hello.
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Prompt => 0,
            Self::Bulk => 1,
        }
    }

    /// The group that a hello names, if there is one of that number.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Prompt),
            1 => Some(Self::Bulk),
            _ => None,
        }
    }
}

impl fmt::Display for LaneGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prompt => "prompt",
            Self::Bulk => "bulk",
        })
    }
}

/// Why a connection is not the one that was meant.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum HelloError {
    /// The bytes are not a hello: something else talks to this port.
    NotAHello {
        /// What stands where the magic number should.
        found: [u8; 8],
    },
    /// The hello is of a layout that is not known here.
    UnknownLayout {
        /// The layout.
        layout: u8,
        /// The newest that is known.
        newest: u8,
    },
    /// The checksum is not that of the hello.
    Damaged,
    /// The hello names a group of lanes that is not known here.
    UnknownGroup {
        /// The number.
        group: u8,
    },
    /// The peer belongs to another cluster.
    WrongCluster {
        /// This node's cluster.
        expected: u128,
        /// The peer's.
        found: u128,
    },
    /// The node that answers is not the node that was dialed.
    WrongNode {
        /// Who was dialed.
        expected: NodeId,
        /// Who answers.
        found: NodeId,
    },
    /// The peer means to talk to another node than this.
    Misaddressed {
        /// Who calls.
        from: NodeId,
        /// Whom it means.
        to: NodeId,
        /// Who is here.
        local: NodeId,
    },
    /// The peer has the id of this very node: it reached itself, or two nodes share an id.
    FromSelf {
        /// The id.
        node: NodeId,
    },
    /// The two sides speak no common version of the message encoding.
    NoCommonVersion {
        /// What is spoken here.
        ours: RangeInclusive<u8>,
        /// What the peer speaks.
        theirs: RangeInclusive<u8>,
    },
}

impl fmt::Display for HelloError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAHello { found } => write!(
                f,
                "this is not a quorate node: it begins with \"{}\"",
                found.escape_ascii()
            ),
            Self::UnknownLayout { layout, newest } => write!(
                f,
                "the peer's hello has layout {layout}, the newest known here is {newest}: upgrade this node"
            ),
            Self::Damaged => write!(f, "the peer's hello was damaged on the way"),
            Self::UnknownGroup { group } => {
                write!(
                    f,
                    "the peer's hello names lane group {group}, the groups are 0 and 1"
                )
            }
            Self::WrongCluster { expected, found } => write!(
                f,
                "the peer belongs to cluster {found:#x}, this node to {expected:#x}: one of them has the wrong cluster id or the wrong address"
            ),
            Self::WrongNode { expected, found } => write!(
                f,
                "{found} answers at the address of {expected}: correct the address table"
            ),
            Self::Misaddressed { from, to, local } => write!(
                f,
                "{from} looks for {to} at the address of {local}: correct the address table of {from}"
            ),
            Self::FromSelf { node } => write!(
                f,
                "the peer says that it is {node}, and so is this node: an address leads back here, or two nodes have the same id"
            ),
            Self::NoCommonVersion { ours, theirs } => write!(
                f,
                "the peer speaks versions {} to {}, this node {} to {}: upgrade the older one",
                theirs.start(),
                theirs.end(),
                ours.start(),
                ours.end()
            ),
        }
    }
}

impl core::error::Error for HelloError {}

/// The next `N` bytes, zeros when there are not as many.
fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    match rest.split_first_chunk::<N>() {
        Some((field, after)) => {
            *rest = after;
            *field
        }
        None => [0; N],
    }
}
