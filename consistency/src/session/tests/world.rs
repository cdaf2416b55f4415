//! A store whose shards fail over, lose the ends of their logs, split and merge; with everything written
//! down that a session could be wrong about.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::random::Random;
use crate::session::{Indexes, Lineage, Position};

/// A write.
pub(super) type Id = u64;
/// A log: a shard and an epoch.
pub(super) type Log = (u64, u64);

#[derive(Clone, Debug)]
pub(super) struct Replica {
    pub(super) lineage: Lineage,
    /// What it held when its indexes started, and a number for that start.
    pub(super) base: BTreeSet<Id>,
    start: u64,
    /// What came since, from index 1.
    pub(super) log: Vec<Id>,
    /// The logs that went into this one, itself last.
    pub(super) past: Vec<Log>,
    /// It takes writes, as nobody has told it to stop.
    pub(super) leads: bool,
}

impl Replica {
    pub(super) fn index(&self) -> u64 {
        self.log.len() as u64
    }

    pub(super) fn position(&self) -> Position {
        Position::new(self.lineage.epoch(), self.index())
    }

    pub(super) fn in_log(&self) -> Log {
        (self.lineage.shard(), self.lineage.epoch())
    }

    pub(super) fn has(&self, id: Id) -> bool {
        self.base.contains(&id) || self.log.contains(&id)
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        self.in_log() == other.in_log() && self.leads && other.leads
    }

    pub(super) fn state(&self) -> BTreeSet<Id> {
        let mut state = self.base.clone();
        state.extend(&self.log);
        state
    }
}

/// The replicas of a shard, between one split or merge and the next.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) shard: u64,
    /// It was neither split nor merged yet. If it was, its replicas may not have heard of it.
    pub(super) is_live: bool,
    pub(super) replicas: Vec<Replica>,
    /// Its lineages have forgotten something.
    pub(super) has_forgotten: bool,
}

impl Group {
    pub(super) fn epoch(&self) -> u64 {
        let epochs = self.replicas.iter().map(|replica| replica.lineage.epoch());
        epochs.max().unwrap_or(0)
    }

    /// The one that leads in the last epoch.
    pub(super) fn leader(&self) -> &Replica {
        let epoch = self.epoch();
        let mut replicas = self.replicas.iter();
        replicas
            .find(|replica| replica.leads && replica.lineage.epoch() == epoch)
            .unwrap_or(&self.replicas[0])
    }
}

pub(super) struct World {
    pub(super) groups: Vec<Group>,
    /// Which part of the keys, as bits, each log held.
    pub(super) keys: BTreeMap<Log, u16>,
    /// The logs that went into each.
    pasts: BTreeMap<Log, Vec<Log>>,
    /// Those that began with a split or a merge.
    heirs: BTreeSet<Log>,
    numbers: u64,
    last: u64,
}

const REPLICAS: usize = 3;

impl World {
    pub(super) fn new(shards: u64) -> Self {
        let mut world = Self {
            groups: Vec::new(),
            keys: BTreeMap::new(),
            pasts: BTreeMap::new(),
            heirs: BTreeSet::new(),
            numbers: shards,
            last: 0,
        };
        let all = 12 / shards as u16;
        for shard in 0..shards {
            let keys = ((1 << all) - 1) << (all * shard as u16);
            world.add(
                Lineage::new(shard, 0),
                BTreeSet::new(),
                Vec::new(),
                keys,
                false,
            );
        }
        world
    }

    pub(super) fn fresh(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn add(
        &mut self,
        lineage: Lineage,
        base: BTreeSet<Id>,
        mut past: Vec<Log>,
        keys: u16,
        has_forgotten: bool,
    ) {
        let log = (lineage.shard(), lineage.epoch());
        past.push(log);
        self.keys.insert(log, keys);
        self.pasts.insert(log, past.clone());
        self.heirs.insert(log);
        let start = self.fresh();
        let replica = |number| Replica {
            lineage: lineage.clone(),
            base: base.clone(),
            start,
            log: Vec::new(),
            past: past.clone(),
            leads: number == 0,
        };
        self.groups.push(Group {
            shard: log.0,
            is_live: true,
            replicas: (0..REPLICAS).map(replica).collect(),
            has_forgotten,
        });
    }

    /// A group; mostly one that is live.
    pub(super) fn any_group(&self, random: &mut Random) -> usize {
        if random.one_in(6) {
            return random.below(self.groups.len());
        }
        self.live(random)
    }

    /// Whether what was seen in a log is about keys that a replica has.
    pub(super) fn overlap(&self, log: &Log, replica: &Replica) -> bool {
        self.keys[log] & self.keys[&replica.in_log()] != 0
    }

    /// Whether a log is one that a replica should know of: of its shard or one that it comes from, and not
    /// of what became of that after a split or a merge in which the replica had no part.
    pub(super) fn concerns(&self, log: &Log, replica: &Replica) -> bool {
        let is_apart = |heir: &Log| self.heirs.contains(heir) && !replica.past.contains(heir);
        replica.past.iter().any(|past| past.0 == log.0) && !self.pasts[log].iter().any(is_apart)
    }

    /// A position that every replica of a shard has, while all are in one epoch and it has no heirs, which
    /// may have taken over less.
    pub(super) fn stable(&self, shard: u64) -> Option<Position> {
        let groups = self.groups.iter().filter(|group| group.shard == shard);
        let replicas = || groups.clone().flat_map(|group| &group.replicas);
        let epoch = replicas().next()?.lineage.epoch();
        let least = replicas().map(Replica::index).min()?;
        let is_settled = replicas().all(|replica| replica.lineage.epoch() == epoch)
            && groups.clone().all(|group| group.is_live);
        is_settled.then_some(Position::new(epoch, least))
    }

    fn live(&self, random: &mut Random) -> usize {
        let live: Vec<usize> = (0..self.groups.len())
            .filter(|&at| self.groups[at].is_live)
            .collect();
        live[random.below(live.len())]
    }

    /// A follower gets some of what its leader has, or hears who leads now.
    pub(super) fn replicate(&mut self, random: &mut Random) {
        let at = self.any_group(random);
        let group = &mut self.groups[at];
        let leader = group.leader().clone();
        let follower = &mut group.replicas[random.below(REPLICAS)];
        if follower.in_log() == leader.in_log() && follower.leads {
            return;
        }
        if follower.in_log() != leader.in_log() {
            if follower.start == leader.start {
                let both = follower.log.iter().zip(&leader.log);
                let common = both.take_while(|(ours, theirs)| ours == theirs).count();
                follower.log.truncate(common);
            } else {
                follower.log.clear();
            }
            let bytes = leader.lineage.to_bytes();
            *follower = Replica {
                lineage: Lineage::from_bytes(&bytes).unwrap(),
                log: core::mem::take(&mut follower.log),
                leads: false,
                ..leader.clone()
            };
        }
        let from = follower.log.len();
        let to = (from + random.below(4)).min(leader.log.len());
        follower.log.extend(&leader.log[from..to]);
    }

    /// Some replica takes over, with what it has.
    pub(super) fn fail_over(&mut self, random: &mut Random) {
        let at = self.live(random);
        let epoch = self.groups[at].epoch() + 1;
        let start = self.fresh();
        let replica = &mut self.groups[at].replicas[random.below(REPLICAS)];
        let indexes = match random.one_in(3) {
            true => Indexes::StartOver,
            false => Indexes::Continue,
        };
        let keys = self.keys[&replica.in_log()];
        let kept = replica.index();
        replica.lineage.failover(epoch, kept, indexes).unwrap();
        if indexes == Indexes::StartOver {
            replica.base = replica.state();
            replica.log.clear();
            replica.start = start;
        }
        replica.leads = true;
        replica.past.push(replica.in_log());
        self.pasts.insert(replica.in_log(), replica.past.clone());
        self.keys.insert(replica.in_log(), keys);
    }

    fn number(&mut self, parent: u64, random: &mut Random) -> u64 {
        if random.one_in(2) {
            return parent;
        }
        self.numbers += 1;
        self.numbers - 1
    }

    pub(super) fn split(&mut self, random: &mut Random) {
        let at = self.live(random);
        let parent = self.groups[at].leader().clone();
        let keys = self.keys[&parent.in_log()];
        if keys.count_ones() < 2 {
            return;
        }
        let lowest = keys & keys.wrapping_neg();
        let epoch = parent.lineage.epoch() + 1;
        self.groups[at].is_live = false;
        let has_forgotten = self.groups[at].has_forgotten;
        let first = self.number(self.groups[at].shard, random);
        self.numbers += 1;
        for (shard, keys) in [(first, lowest), (self.numbers - 1, keys & !lowest)] {
            let heir = Lineage::heir(shard, epoch, &[(&parent.lineage, parent.index())]);
            let past = parent.past.clone();
            self.add(heir.unwrap(), parent.state(), past, keys, has_forgotten);
        }
    }

    pub(super) fn merge(&mut self, random: &mut Random) {
        let (a, b) = (self.live(random), self.live(random));
        if a == b {
            return;
        }
        let parents = [a, b].map(|at| self.groups[at].leader().clone());
        let [first, second] = &parents;
        let epoch = first.lineage.epoch().max(second.lineage.epoch()) + 1;
        let shard = self.number(self.groups[a].shard, random);
        let ends = [
            (&first.lineage, first.index()),
            (&second.lineage, second.index()),
        ];
        let heir = Lineage::heir(shard, epoch, &ends).unwrap();
        let mut base = first.state();
        base.extend(second.state());
        let mut past = first.past.clone();
        past.extend(second.past.iter().filter(|log| !first.past.contains(log)));
        let keys = self.keys[&first.in_log()] | self.keys[&second.in_log()];
        let has_forgotten = [a, b].iter().any(|&at| self.groups[at].has_forgotten);
        for at in [a, b] {
            self.groups[at].is_live = false;
        }
        self.add(heir, base, past, keys, has_forgotten);
    }

    /// The lineages of a shard lose what they know of some log.
    pub(super) fn forget(&mut self, random: &mut Random) {
        let at = self.live(random);
        let group = &mut self.groups[at];
        let past = group.leader().past.clone();
        let (shard, epoch) = past[random.below(past.len())];
        group.has_forgotten = true;
        for replica in &mut group.replicas {
            replica.lineage.forget(shard, epoch);
        }
    }
}
