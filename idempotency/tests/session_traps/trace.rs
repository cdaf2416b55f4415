//! Random commands, with all that must hold of their answers.

use std::collections::{BTreeMap, BTreeSet};
use std::string::String;
use std::time::Duration;
use std::{format, vec};

use bytes::Bytes;
use quorate_clocks::Instant;
use quorate_idempotency::{
    ClientSessions, Fingerprint, SessionBegin, SessionId, SessionLimits, SessionRequest,
};

use super::{Replicas, limits};

#[derive(Clone, Debug)]
enum Command {
    Open,
    Reopen(SessionId),
    Begin(SessionRequest),
    Complete(SessionId, u64, Bytes),
    KeepAlive(SessionId, u64),
    Close(SessionId),
    Expire(usize),
    SetLimits(SessionLimits),
}

/// Numbers that look random (xorshift, Marsaglia 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }

    /// A command about one of the latest sessions and requests.
    fn command(&mut self, opened: u64, step: u64) -> Command {
        let session = SessionId((opened + 1).saturating_sub(self.below(4)));
        let base = step / 40;
        let sequence = base + self.below(6);
        match self.below(100) {
            0..6 => Command::Open,
            6..8 => Command::Reopen(session),
            8..60 => Command::Begin(SessionRequest {
                session,
                sequence,
                first_unacknowledged: base.saturating_sub(self.below(3)),
                fingerprint: [None, Some(Fingerprint(1)), Some(Fingerprint(2))]
                    [self.below(3) as usize],
            }),
            60..86 => {
                let len = self.below(9) as usize;
                let response = format!("{:09}", self.below(1_000_000_000));
                Command::Complete(session, sequence, Bytes::from(response).slice(..len))
            }
            86..90 => Command::KeepAlive(session, base),
            90..91 => Command::Close(session),
            91..98 => Command::Expire(self.below(4) as usize),
            _ => Command::SetLimits(SessionLimits {
                sessions: 2 + self.below(4),
                window: 2 + self.below(8),
                responses_per_session: self.below(4),
                response_bytes: self.below(40),
                idle: Duration::from_secs(20 + self.below(90)),
                ..limits()
            }),
        }
    }
}

fn run(sessions: &mut ClientSessions, now: Instant, command: &Command) -> String {
    match command.clone() {
        Command::Open => format!("{:?}", sessions.open(now)),
        Command::Reopen(session) => format!("{:?}", sessions.reopen(now, session)),
        Command::Begin(request) => format!("{:?}", sessions.begin(now, &request)),
        Command::Complete(session, sequence, response) => {
            format!("{:?}", sessions.complete(now, session, sequence, response))
        }
        Command::KeepAlive(session, to) => format!("{:?}", sessions.keep_alive(now, session, to)),
        Command::Close(session) => format!("{:?}", sessions.close(now, session)),
        Command::Expire(most) => format!("{:?}", sessions.expire(now, most)),
        Command::SetLimits(limits) => {
            sessions.set_limits(limits);
            String::new()
        }
    }
}

/// Who ran, and what they were answered.
#[derive(Default)]
struct History {
    ran: BTreeSet<(SessionId, u64)>,
    answers: BTreeMap<(SessionId, u64), Bytes>,
    /// What each session's client has no more questions below.
    acknowledged: BTreeMap<SessionId, u64>,
    /// The highest session that was opened.
    opened: u64,
}

impl History {
    /// Notes an acknowledgement, if the session is there, and returns the furthest one.
    fn acknowledge(&mut self, sessions: &ClientSessions, session: SessionId, to: u64) -> u64 {
        let furthest = self.acknowledged.entry(session).or_default();
        if let Some(told) = sessions.first_unacknowledged(session) {
            *furthest = to.max(*furthest);
            assert_eq!(told, *furthest, "{session}");
        }
        *furthest
    }

    /// Checks an answer against all that came before.
    fn check(&mut self, sessions: &mut ClientSessions, now: Instant, command: &Command) -> String {
        match command {
            Command::Begin(request) => {
                let key = (request.session, request.sequence);
                let begun = sessions.begin(now, request);
                // Whatever is said of the request, its session has heard the acknowledgement.
                let to = self.acknowledge(sessions, request.session, request.first_unacknowledged);
                if begun.is_ok() {
                    let too_old = matches!(begun, Ok(SessionBegin::TooOld { .. }));
                    assert_eq!(too_old, request.sequence < to, "{key:?}");
                }
                match &begun {
                    Ok(SessionBegin::Run) => {
                        assert!(self.ran.insert(key), "{key:?} ran twice");
                        assert!(key.0.0 <= self.opened, "{key:?} was never opened");
                    }
                    Ok(SessionBegin::Replay(response)) => {
                        assert_eq!(self.answers.get(&key), Some(response));
                    }
                    Ok(SessionBegin::InProgress) => {
                        assert!(self.ran.contains(&key) && !self.answers.contains_key(&key));
                    }
                    Ok(SessionBegin::AlreadyApplied) => {
                        assert!(self.answers.contains_key(&key));
                    }
                    Ok(SessionBegin::TooOld { .. }) | Err(_) => {}
                }
                format!("{begun:?}")
            }
            Command::Complete(session, sequence, response) => {
                let completed = sessions.complete(now, *session, *sequence, response.clone());
                if completed.is_ok() {
                    let key = (*session, *sequence);
                    assert!(self.ran.contains(&key), "{key:?} never ran");
                    let first = self.answers.insert(key, response.clone());
                    assert_eq!(first, None, "{key:?} was completed twice");
                }
                format!("{completed:?}")
            }
            Command::Open => {
                let opened = sessions.open(now);
                if let Ok(id) = opened {
                    assert!(id.0 > self.opened, "{id} was given before");
                    self.opened = id.0;
                }
                format!("{opened:?}")
            }
            Command::Reopen(earlier) => {
                let opened = sessions.reopen(now, *earlier);
                if let Ok(id) = opened {
                    assert!(id.0 > self.opened, "{id} was given before");
                    self.opened = id.0;
                }
                format!("{opened:?}")
            }
            Command::KeepAlive(session, to) => {
                let answer = run(sessions, now, command);
                self.acknowledge(sessions, *session, *to);
                answer
            }
            other => run(sessions, now, other),
        }
    }
}

/// After each command the sessions are written, restored, and get the next commands too: answers and bytes
/// are the same, and each request runs once at most.
pub(crate) fn trap_20_restore_at_every_prefix(replicas: &dyn Replicas) {
    for seed in 1..=12_u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut sessions = replicas.start(0, limits());
        let mut history = History::default();
        let mut followers = vec![replicas.start(1, limits())];
        let mut seconds = 100;
        for step in 0..400 {
            seconds += random.below(6);
            // Now and then a time that is behind.
            let now = super::at(seconds - [0, 0, 0, 90][random.below(4) as usize]);
            let command = random.command(history.opened, step as u64);
            let context = format!("seed {seed}, step {step}: {command:?}");
            let answer = history.check(&mut sessions, now, &command);
            let bytes = sessions.snapshot();
            for follower in &mut followers {
                assert_eq!(run(follower, now, &command), answer, "{context}");
                assert_eq!(follower.snapshot(), bytes, "{context}");
                assert_eq!(*follower, sessions, "{context}");
            }
            let restored = replicas.restore(2, &bytes);
            assert_eq!(restored.snapshot(), bytes, "{context}");
            assert_eq!(restored.requests(), sessions.requests(), "{context}");
            assert_eq!(restored.running(), sessions.running(), "{context}");
            // Each goes on for one command, and some to the end.
            followers.truncate(1 + step / 80);
            followers.push(restored);
        }
        let end = super::at(seconds);
        for id in 0..=history.opened {
            let _ = sessions.close(end, SessionId(id));
        }
        while sessions.expire(Instant::MAX, 8) {}
        assert!(sessions.is_empty());
        let left = (
            sessions.requests(),
            sessions.running(),
            sessions.response_bytes(),
        );
        assert_eq!(left, (0, 0, 0));
    }
}
