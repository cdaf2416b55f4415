//! Clients roam over the replicas of a store that does its worst. An oracle that knows every write that each
//! session has seen says of each decision whether it was right.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::random::Random;
use super::world::{Id, Log, Replica, World};
use crate::session::{Admit, Guarantees, Op, Session, Token, WriteOrder};

/// What may happen in a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    pub(super) guarantees: Guarantees,
    pub(super) order: WriteOrder,
    /// Sessions are admitted by lineage, and shards split and merge.
    pub(super) by_lineage: bool,
    /// Tokens are made to fit budgets.
    pub(super) coarse: bool,
    pub(super) services: u64,
}

/// What came of a run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) served: u64,
    pub(super) waited: u64,
    pub(super) redirected: u64,
    pub(super) lost: u64,
    pub(super) unknown: u64,
    /// Decisions against serving that were held against what the session saw.
    pub(super) judged: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: Self) {
        self.served += other.served;
        self.waited += other.waited;
        self.redirected += other.redirected;
        self.lost += other.lost;
        self.unknown += other.unknown;
        self.judged += other.judged;
    }
}

/// The writes that were seen, by service and log.
type Ids = BTreeMap<(u64, Log), BTreeSet<Id>>;

fn extend(ids: &mut Ids, more: &Ids) {
    for (log, more) in more {
        ids.entry(*log).or_default().extend(more);
    }
}

#[derive(Clone)]
struct Client {
    session: Session,
    reads: Ids,
    writes: Ids,
    /// Shards of which it gave something up: it may go back to them after it has seen their heirs.
    gave_up: BTreeSet<(u64, u64)>,
    /// What it saw may be kept under another epoch than the one where the oracle has it.
    has_followed: bool,
    is_judged: bool,
}

struct Run {
    random: Random,
    setting: Setting,
    worlds: Vec<World>,
    clients: Vec<Client>,
    /// What was kept with each write, and whether its writer is judged.
    prerequisites: BTreeMap<(u64, Id), (Token, Ids, bool)>,
    tally: Tally,
}

/// Runs it, or says what went wrong.
pub(super) fn run(seed: u64, setting: Setting) -> Result<Tally, String> {
    let mut random = Random::new(seed);
    let client = || Client {
        session: Session::new(setting.guarantees, setting.order).unwrap(),
        reads: Ids::new(),
        writes: Ids::new(),
        gave_up: BTreeSet::new(),
        has_followed: false,
        is_judged: true,
    };
    let mut run = Run {
        worlds: (0..setting.services)
            .map(|_| World::new(1 + random.below(3) as u64))
            .collect(),
        random,
        setting,
        clients: (0..3).map(|_| client()).collect(),
        prerequisites: BTreeMap::new(),
        tally: Tally::default(),
    };
    for step in 0..120 {
        run.step()
            .map_err(|error| format!("seed {seed}, step {step}: {error}"))?;
    }
    Ok(run.tally)
}

impl Run {
    fn step(&mut self) -> Result<(), String> {
        let service = self.random.below(self.worlds.len());
        let world = &mut self.worlds[service];
        let random = &mut self.random;
        match random.below(60) {
            0..=23 => world.replicate(random),
            24 | 25 => world.fail_over(random),
            26 if self.setting.by_lineage => world.split(random),
            27 if self.setting.by_lineage => world.merge(random),
            28 if self.setting.by_lineage && random.one_in(4) => world.forget(random),
            29 => self.drop_stable(service),
            30 => self.merge_clients(),
            31 | 32 if self.setting.coarse => self.fit(),
            33 if self.setting.by_lineage => self.follow(service),
            _ => return self.operation(service),
        }
        Ok(())
    }

    fn operation(&mut self, service: usize) -> Result<(), String> {
        let world = &self.worlds[service];
        let service = service as u64;
        let group = &world.groups[world.any_group(&mut self.random)];
        let replica = &group.replicas[self.random.below(group.replicas.len())];
        let op = match replica.leads && self.random.one_in(2) {
            true => Op::Write,
            false => Op::Read,
        };
        let who = self.random.below(self.clients.len());
        let client = &mut self.clients[who];
        let session = client.session.clone().with_service(service);
        client.session = session.with_token(travelled(client.session.token())?);
        let admit = match self.setting.by_lineage {
            true => client
                .session
                .admit_by(op, &replica.lineage, replica.index()),
            false => client.session.admit(op, group.shard, replica.position()),
        };
        let overlaps = |log: &Log| world.overlap(log, replica);
        let missing = client.missing(op, replica, service, overlaps);
        match admit {
            Admit::Serve => self.tally.served += 1,
            Admit::Wait { .. } => self.tally.waited += 1,
            Admit::Redirect => self.tally.redirected += 1,
            Admit::EpochChanged { kept: Some(_), .. } => self.tally.lost += 1,
            Admit::EpochChanged { kept: None, .. } => self.tally.unknown += 1,
        }
        let told = |what: &str| {
            let position = replica.position();
            let shard = group.shard;
            format!(
                "{op:?} at {position} of shard {shard} {what}: {admit:?}, {:?}",
                client.session
            )
        };
        match (admit.is_serve(), missing) {
            (true, Some((log, id))) => {
                return Err(told(&format!("was served without {id} of {log:?}")));
            }
            (true, None) => {
                let at = (service, replica.clone());
                self.serve(who, op, at);
                return Ok(());
            }
            (false, _) => {
                // An heir has to do with its parents, whichever keys it got of theirs.
                let counts = |log: &Log| overlaps(log) || world.concerns(log, replica);
                let missing = client.missing(op, replica, service, counts);
                // Of what it comes from it knows, if it is the newest and has not forgotten.
                let is_newest = group.is_live && replica.lineage.epoch() == group.epoch();
                let is_known = |log: &Log| {
                    let is_told = self.setting.by_lineage && replica.past.contains(log);
                    is_told || *log == replica.in_log()
                };
                let mut logs = client.logs(service).filter(counts);
                let gave_up = client.gave_up.contains(&(service, group.shard));
                let is_whole = !group.has_forgotten && !gave_up && client.is_judged;
                if is_newest
                    && is_whole
                    && !client.session.token().is_coarsened()
                    && logs.all(|log| is_known(&log))
                {
                    self.tally.judged += 1;
                    if missing.is_none() {
                        return Err(told("was not served, although it has all"));
                    }
                }
            }
        }
        if let Admit::EpochChanged { shard, seen, .. } = admit
            && self.random.one_in(2)
        {
            client.session.forget(shard, seen.epoch);
            // With what was carried over to that epoch from those before.
            let has_followed = client.has_followed;
            let stays = |of: &(u64, Log)| {
                let is_given_up = of.1.1 == seen.epoch || has_followed;
                *of != (service, (shard, of.1.1)) || !is_given_up
            };
            client.reads.retain(|of, _| stays(of));
            client.writes.retain(|of, _| stays(of));
            client.gave_up.insert((service, shard));
            client.is_judged &= !client.has_followed;
        }
        Ok(())
    }

    fn serve(&mut self, client: usize, op: Op, (service, replica): (u64, Replica)) {
        let by_lineage = self.setting.by_lineage;
        let client = &mut self.clients[client];
        let seen = (service, replica.in_log());
        if op == Op::Read {
            client
                .reads
                .entry(seen)
                .or_default()
                .extend(replica.state());
            match by_lineage {
                true => client
                    .session
                    .observe_read_by(&replica.lineage, replica.index()),
                false => client
                    .session
                    .observe_read(replica.in_log().0, replica.position()),
            }
            let last = replica.log.last().map(|&id| (service, id));
            if let Some((token, ids, is_judged)) =
                last.and_then(|last| self.prerequisites.get(&last))
            {
                client.session.merge(token).unwrap();
                extend(&mut client.reads, ids);
                // Whoever wrote that may have.
                client.has_followed = true;
                client.is_judged &= is_judged;
            }
            return;
        }
        let id = self.worlds[service as usize].fresh();
        if self.setting.order == WriteOrder::Everywhere {
            let mut ids = Ids::new();
            if self
                .setting
                .guarantees
                .contains(Guarantees::WRITES_FOLLOW_READS)
            {
                extend(&mut ids, &client.reads);
            }
            if self
                .setting
                .guarantees
                .contains(Guarantees::MONOTONIC_WRITES)
            {
                extend(&mut ids, &client.writes);
            }
            let token = client.session.prerequisites();
            self.prerequisites
                .insert((service, id), (token, ids, client.is_judged));
        }
        let groups = self.worlds[service as usize].groups.iter_mut();
        let mut leaders = groups.flat_map(|group| &mut group.replicas);
        if let Some(leader) = leaders.find(|leader| leader.is(&replica)) {
            leader.log.push(id);
        }
        client.writes.entry(seen).or_default().insert(id);
        let index = replica.index() + 1;
        match by_lineage {
            true => client.session.observe_write_by(&replica.lineage, index),
            false => {
                let (shard, epoch) = replica.in_log();
                client
                    .session
                    .observe_write(shard, crate::session::Position::new(epoch, index));
            }
        }
    }

    fn drop_stable(&mut self, service: usize) {
        for group in &self.worlds[service].groups {
            if let Some(stable) = self.worlds[service].stable(group.shard) {
                let client = self.random.below(self.clients.len());
                let client = &mut self.clients[client];
                let mut token = client.session.token().clone();
                token.drop_stable(service as u64, group.shard, stable);
                client.session = client.session.clone().with_token(token);
            }
        }
    }

    fn merge_clients(&mut self) {
        let other = self.clients[self.random.below(self.clients.len())].clone();
        let client = self.random.below(self.clients.len());
        let client = &mut self.clients[client];
        client.session.merge(other.session.token()).unwrap();
        extend(&mut client.reads, &other.reads);
        extend(&mut client.writes, &other.writes);
        // What one gave up the other may still ask for, and what it asks for both do now.
        client.gave_up.extend(&other.gave_up);
        client.has_followed |= other.has_followed;
        client.is_judged &= other.is_judged;
    }

    fn fit(&mut self) {
        let client = self.random.below(self.clients.len());
        let client = &mut self.clients[client];
        let mut token = client.session.token().clone();
        let budget = Token::MIN_BYTES + self.random.below(token.to_bytes().len());
        let _ = token.fit(budget);
        assert!(token.to_bytes().len() <= budget);
        client.session = client.session.clone().with_token(token);
    }

    fn follow(&mut self, service: usize) {
        let world = &self.worlds[service];
        let group = &world.groups[world.any_group(&mut self.random)];
        let client = self.random.below(self.clients.len());
        let client = &mut self.clients[client];
        client.session = client.session.clone().with_service(service as u64);
        client.session.follow(&group.leader().lineage);
        client.has_followed = true;
        // Who does not know that log cannot know what was carried over to it.
        let log = group.leader().in_log();
        client.reads.entry((service as u64, log)).or_default();
    }
}

impl Client {
    /// A write that an operation at this replica would have to include, and does not.
    fn missing(
        &self,
        op: Op,
        replica: &Replica,
        service: u64,
        counts: impl Fn(&Log) -> bool,
    ) -> Option<(Log, Id)> {
        let (by_reads, by_writes) = op.guarantees();
        let guarantees = self.session.guarantees();
        let reads = self.reads.iter().filter(|_| guarantees.contains(by_reads));
        let writes = self
            .writes
            .iter()
            .filter(|_| guarantees.contains(by_writes));
        let mut ids = reads
            .chain(writes)
            .filter(|((of, log), _)| {
                let shard = replica.in_log().0;
                let gave_up = log.0 != shard && self.gave_up.contains(&(service, shard));
                *of == service && counts(log) && !gave_up
            })
            .flat_map(|((_, log), ids)| ids.iter().map(|&id| (*log, id)));
        ids.find(|&(_, id)| !replica.has(id))
    }

    fn logs(&self, service: u64) -> impl Iterator<Item = Log> {
        let logs = self.reads.keys().chain(self.writes.keys());
        logs.filter(move |(of, _)| *of == service)
            .map(|&(_, log)| log)
    }
}

/// What is left of a token after a journey, once as bytes and once as text.
fn travelled(token: &Token) -> Result<Token, String> {
    let by_bytes = Token::from_bytes(&token.to_bytes()).map_err(|error| error.to_string())?;
    let by_text: Token = token
        .to_string()
        .parse()
        .map_err(|error| format!("{error}"))?;
    assert_eq!(by_bytes, by_text);
    Ok(by_text)
}
