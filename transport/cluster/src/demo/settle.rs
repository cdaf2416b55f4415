//! What is there at the end, when all attacks are over.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use quorate_consistency::Level;
use tokio::time::{Instant, sleep};

use super::record::{Action, Op, Recorder, Span};
use super::workload::{all_counters, all_keys, seen};
use crate::client::{Client, Outcome, Route};

/// How long the cluster has to answer the last reads, and the replicas to agree.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often is asked meanwhile.
const POLL: Duration = Duration::from_millis(20);
/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(2);
/// Who the last reads belong to, in the records: no client has this number.
const LAST_SESSION: u64 = 0;

/// What is there at the end.
#[derive(Clone, Debug, Default)]
pub(super) struct Settled {
    /// By counter, its linearizable value; absent when it could not be read.
    pub(super) counters: BTreeMap<Arc<str>, i64>,
    /// Every key that any node did not come to agree on, and what each node said of it.
    pub(super) disagreements: Vec<Disagreement>,
    /// Keys and counters on which all nodes agree.
    pub(super) agreed: usize,
    /// Keys that could not be read.
    pub(super) unread: usize,
}

/// A key or counter that the nodes tell differently.
#[derive(Clone, Debug)]
pub(super) struct Disagreement {
    pub(super) name: Arc<str>,
    /// The linearizable value and revision; zeros when there is none.
    pub(super) leader: (u64, u64),
    pub(super) node: usize,
    /// What the node says, when it answers.
    pub(super) said: Option<(u64, u64)>,
}

/// What is compared: a value and its revision, zeros when there is none.
type Content = (u64, u64);

/// Reads everything once more, and waits until all nodes agree.
pub(super) async fn settle(addresses: Vec<String>, recorder: &Recorder) -> Settled {
    let nodes = addresses.len();
    let mut client = Client::new(addresses, ANSWER);
    let deadline = Instant::now() + PATIENCE;
    let mut settled = Settled::default();
    let mut expected: Vec<(Thing, Content)> = Vec::new();

    for name in all_counters() {
        let thing = Thing::Counter(name.clone());
        match thing.read_until(&mut client, deadline).await {
            Some(content) => {
                settled.counters.insert(name, content.0 as i64);
                expected.push((thing, content));
            }
            None => settled.unread += 1,
        }
    }
    for name in all_keys() {
        let thing = Thing::Key(name.clone());
        let call = recorder.now();
        let Some((value, revision)) = thing.read_until(&mut client, deadline).await else {
            settled.unread += 1;
            continue;
        };
        let ret = recorder.now();
        expected.push((thing, (value, revision)));
        recorder.op(Op {
            session: LAST_SESSION,
            phase: recorder.phase(),
            span: Span { call, ret },
            key: name,
            action: Action::Read {
                level: Level::Linearizable,
                served: None,
                value: (revision > 0).then_some(value),
                revision,
                node: None,
            },
        });
    }

    for node in 0..nodes {
        for (thing, content) in &expected {
            let disagreement = loop {
                let said = thing
                    .read(&mut client, Level::Eventual, Route::Only(node))
                    .await;
                if said == Some(*content) {
                    break None;
                }
                if Instant::now() >= deadline {
                    break Some(Disagreement {
                        name: thing.name().clone(),
                        leader: *content,
                        node,
                        said,
                    });
                }
                sleep(POLL).await;
            };
            settled.disagreements.extend(disagreement);
        }
    }
    let differing: std::collections::BTreeSet<_> =
        settled.disagreements.iter().map(|d| &d.name).collect();
    settled.agreed = expected.len() - differing.len();
    settled
}

/// Something that can be read.
enum Thing {
    Key(Arc<str>),
    Counter(Arc<str>),
}

impl Thing {
    fn name(&self) -> &Arc<str> {
        match self {
            Self::Key(name) | Self::Counter(name) => name,
        }
    }

    async fn read(&self, client: &mut Client, level: Level, route: Route) -> Option<Content> {
        match self {
            Self::Key(key) => match client.get(key, level, route).await {
                Outcome::Ok(read) => Some(seen(&read).unwrap_or_default()),
                _ => None,
            },
            Self::Counter(name) => {
                let read = client.counter(name, level, route).await.ok()?;
                let counter = read.found?;
                // Kept in the same type as a value; only compared, and turned back as it was.
                Some((counter.value as u64, counter.revision))
            }
        }
    }

    async fn read_until(&self, client: &mut Client, deadline: Instant) -> Option<Content> {
        loop {
            let content = self.read(client, Level::Linearizable, Route::Leader).await;
            if content.is_some() || Instant::now() >= deadline {
                return content;
            }
            sleep(POLL).await;
        }
    }
}
