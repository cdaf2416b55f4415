//! What is on its way between members, and the change of members that a script asks for.

use quorate_raft_core::{Message, Transition};

use crate::script::Command;

/// What is on its way: a message, or a proposal that a follower passes on.
pub(crate) enum Parcel {
    Message(Message),
    Proposal(String),
    Change(Change),
}

/// A change of the members, as a script asks for it.
#[derive(Clone)]
pub(crate) struct Change {
    pub(crate) ops: Vec<(char, u64)>,
    pub(crate) through: Transition,
    pub(crate) text: String,
}

impl Parcel {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Proposal(_) | Self::Change(_) => "MsgProp",
            Self::Message(message) => match message {
                Message::PreVote(_) => "MsgPreVote",
                Message::PreVoteReply(_) => "MsgPreVoteResp",
                Message::Vote(_) => "MsgVote",
                Message::VoteReply(_) => "MsgVoteResp",
                Message::Append(_) | Message::Commit(_) => "MsgApp",
                Message::AppendReply(_) | Message::SnapshotReply(_) => "MsgAppResp",
                Message::TimeoutNow(_) => "MsgTimeoutNow",
                Message::ReadRequest(_) => "MsgReadIndex",
                Message::ReadReply(_) => "MsgReadIndexResp",
                Message::Heartbeat(_) => "MsgHeartbeat",
                Message::HeartbeatReply(_) => "MsgHeartbeatResp",
                Message::SnapshotChunk(_) => "MsgSnap",
                _ => "MsgOther",
            },
        }
    }
}

pub(crate) fn parse_change(command: &Command) -> Result<Change, String> {
    let ops = command.input.split_whitespace().map(|word| {
        let op = word.chars().next().filter(|op| "vlruw".contains(*op));
        let id = word.get(1..).and_then(|id| id.parse().ok());
        op.zip(id).ok_or_else(|| format!("{word:?} is no change"))
    });
    let ops = ops.collect::<Result<Vec<(char, u64)>, String>>()?;
    let is_v1 = command.flag("v1")?;
    let through = match command.pair("transition") {
        _ if is_v1 => Transition::Shortest,
        None | Some("" | "auto") if ops.len() > 1 => Transition::Joint,
        None | Some("" | "auto") => Transition::Shortest,
        Some("implicit") => Transition::Joint,
        Some("explicit") => Transition::JointUntilLeft,
        Some(other) => return Err(format!("there is no transition {other}")),
    };
    let name = if is_v1 {
        "EntryConfChange"
    } else {
        "EntryConfChangeV2"
    };
    let words: Vec<&str> = command.input.split_whitespace().collect();
    let text = format!("{name} {}", words.join(" "));
    Ok(Change {
        ops,
        through,
        text: text.trim_end().to_owned(),
    })
}
