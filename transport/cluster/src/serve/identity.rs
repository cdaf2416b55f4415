//! Whose data directory it is.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use quorate_clocks::{Incarnation, NodeId};

use super::ServeOptions;

/// The file's name in the data directory.
const FILE: &str = "identity";
/// Where it is written before it takes its place.
const NEW_FILE: &str = "identity.new";
/// The file's first line.
const TITLE: &str = "quorate identity 1";
/// The file's last line, once the log has held something.
const HAS_LOG: &str = "log=begun";
/// The directory of the log in the data directory.
pub(super) const LOG_DIRECTORY: &str = "log";
/// What the log keeps in its directory besides what it holds.
const LOCK_FILE: &str = "lock";

/// To whom a data directory belongs. A node that ran on another's log would break every promise
/// that the other has made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Identity {
    pub(super) id: NodeId,
    pub(super) cluster: String,
    pub(super) voters: BTreeSet<NodeId>,
    pub(super) incarnation: Incarnation,
    /// Whether the log beside it has ever held something. An empty one has then been emptied.
    pub(super) has_log: bool,
}

/// Why a data directory cannot be this node's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The file cannot be read or written.
    #[error("cannot {verb} {}: {source}", path.display())]
    Io {
        /// `read` or `write`.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not as it was written.
    #[error("{} is damaged: {what}; restore it from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// There is a log, and no file that says whose.
    #[error("{} holds a log but no {FILE} file; restore it from a backup", dir.display())]
    Missing {
        /// The data directory.
        dir: PathBuf,
    },
    /// The log has held something, and is empty.
    #[error(
        "the log in {} is gone: it has held votes and writes of this node, and now holds nothing; \
         put it back as the node left it, for with an empty or an older one acknowledged writes \
         can be lost; nothing was changed",
        dir.display()
    )]
    LogLost {
        /// The log's directory.
        dir: PathBuf,
    },
    /// The directory belongs to somebody else.
    #[error("{} belongs to {found}, and was started as {wanted}; nothing was changed", dir.display())]
    Foreign {
        /// The data directory.
        dir: PathBuf,
        /// Whose it is.
        found: String,
        /// As whom it was started.
        wanted: String,
    },
}

impl Identity {
    /// Who a node with these options is, in its first life.
    pub(super) fn of(options: &ServeOptions) -> Self {
        Self {
            id: options.id,
            cluster: options.cluster.clone(),
            voters: options.voters(),
            incarnation: Incarnation(1),
            has_log: false,
        }
    }

    /// Whether `dir` may be this node's: it is nobody's, or it is, and its log was not taken away.
    /// Gives what is written there.
    pub(super) fn check(&self, dir: &Path) -> Result<Option<Self>, IdentityError> {
        match Self::read(dir)? {
            Some(found) if found.owner() != self.owner() => Err(IdentityError::Foreign {
                dir: dir.to_owned(),
                found: found.owner(),
                wanted: self.owner(),
            }),
            // Looked at here too, because opening a log makes one where there is none.
            Some(found) if found.has_log && is_bare(&dir.join(LOG_DIRECTORY)) => {
                Err(IdentityError::LogLost {
                    dir: dir.join(LOG_DIRECTORY),
                })
            }
            found => Ok(found),
        }
    }

    /// Begins a new life on `dir`: counts the incarnation up, durably. `has_log` says whether
    /// the log holds something.
    pub(super) fn claim(mut self, dir: &Path, has_log: bool) -> Result<Self, IdentityError> {
        match self.check(dir)? {
            None if has_log => {
                return Err(IdentityError::Missing {
                    dir: dir.to_owned(),
                });
            }
            None => {}
            Some(last) if last.has_log && !has_log => {
                return Err(IdentityError::LogLost {
                    dir: dir.join(LOG_DIRECTORY),
                });
            }
            Some(last) => self.incarnation = Incarnation(last.incarnation.0.saturating_add(1)),
        }
        self.has_log = has_log;
        self.write(dir)?;
        Ok(self)
    }

    /// Notes, durably, that the log holds something from now on. Call it when that is durable, and
    /// before the node promises anything to anybody: from then on an empty log is a loss.
    pub(super) fn log_begun(&mut self, dir: &Path) -> Result<(), IdentityError> {
        self.has_log = true;
        self.write(dir)
    }

    /// Who it is, but for the incarnation.
    fn owner(&self) -> String {
        format!(
            "node {} of the cluster {:?} of nodes {}",
            self.id.0,
            self.cluster,
            self.voters_text()
        )
    }

    fn voters_text(&self) -> String {
        let voters: Vec<String> = self
            .voters
            .iter()
            .map(|voter| voter.0.to_string())
            .collect();
        voters.join(",")
    }

    fn read(dir: &Path) -> Result<Option<Self>, IdentityError> {
        let path = dir.join(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) if source.kind() == io::ErrorKind::InvalidData => {
                return Err(IdentityError::Damaged {
                    path,
                    what: "it is not text".to_owned(),
                });
            }
            Err(source) => {
                return Err(IdentityError::Io {
                    verb: "read",
                    path,
                    source,
                });
            }
        };
        match Self::parse(&text) {
            Ok(identity) => Ok(Some(identity)),
            Err(what) => Err(IdentityError::Damaged { path, what }),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        if lines.next() != Some(TITLE) {
            return Err(format!("its first line is not {TITLE:?}"));
        }
        let mut field = |name: &str| {
            lines
                .next()
                .and_then(|line| line.strip_prefix(name)?.strip_prefix('='))
                .ok_or_else(|| format!("the line {name}=… is missing"))
        };
        let number = |text: &str| {
            text.parse::<u64>()
                .map_err(|_| format!("{text:?} is not a number"))
        };
        let mut identity = Self {
            id: NodeId(number(field("id")?)?),
            voters: field("voters")?
                .split(',')
                .map(|voter| number(voter).map(NodeId))
                .collect::<Result<_, _>>()?,
            incarnation: Incarnation(number(field("incarnation")?)?),
            cluster: field("cluster")?.to_owned(),
            has_log: false,
        };
        identity.has_log = match lines.next() {
            None => false,
            Some(HAS_LOG) => true,
            Some(other) => return Err(format!("its last line is {other:?}, not {HAS_LOG:?}")),
        };
        Ok(identity)
    }

    /// Writes to another file, makes it durable, and renames it into place: a crash leaves the old
    /// one or the new one.
    fn write(&self, dir: &Path) -> Result<(), IdentityError> {
        let text = format!(
            "{TITLE}\nid={}\nvoters={}\nincarnation={}\ncluster={}\n{}",
            self.id.0,
            self.voters_text(),
            self.incarnation.0,
            self.cluster,
            if self.has_log {
                format!("{HAS_LOG}\n")
            } else {
                String::new()
            }
        );
        let path = dir.join(NEW_FILE);
        let result = (|| {
            let mut file = fs::File::create(&path)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&path, dir.join(FILE))?;
            fs::File::open(dir)?.sync_all()
        })();
        result.map_err(|source| IdentityError::Io {
            verb: "write",
            path,
            source,
        })
    }
}

/// Whether a log's directory is not there, or nothing is in it. One that cannot be looked at is for
/// the log to report.
fn is_bare(log: &Path) -> bool {
    match fs::read_dir(log) {
        Ok(mut entries) => {
            entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == LOCK_FILE))
        }
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: u64, cluster: &str, voters: &[u64]) -> Identity {
        Identity {
            id: NodeId(id),
            cluster: cluster.to_owned(),
            voters: voters.iter().copied().map(NodeId).collect(),
            incarnation: Incarnation(1),
            has_log: false,
        }
    }

    fn claim(dir: &Path, id: u64, cluster: &str) -> Result<Identity, IdentityError> {
        node(id, cluster, &[1, 2, 3]).claim(dir, false)
    }

    #[test]
    fn every_start_is_a_new_incarnation() {
        let dir = tempfile::tempdir().unwrap();
        for life in 1..4 {
            let identity = claim(dir.path(), 1, "c").unwrap();
            assert_eq!(identity.incarnation, Incarnation(life));
        }
    }

    #[test]
    fn a_directory_of_another_node_or_cluster_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        claim(dir.path(), 1, "c").unwrap();
        let before = fs::read(dir.path().join(FILE)).unwrap();
        let error = claim(dir.path(), 2, "c").unwrap_err().to_string();
        assert!(error.contains("belongs to node 1"), "{error}");
        let error = claim(dir.path(), 1, "d").unwrap_err().to_string();
        assert!(
            error.contains("started as node 1 of the cluster \"d\""),
            "{error}"
        );
        assert!(node(1, "c", &[1]).claim(dir.path(), true).is_err());
        assert_eq!(fs::read(dir.path().join(FILE)).unwrap(), before);
    }

    #[test]
    fn a_log_without_an_identity_and_a_damaged_identity_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let missing = node(1, "c", &[1, 2, 3]).claim(dir.path(), true);
        assert!(matches!(missing, Err(IdentityError::Missing { .. })));
        for damage in [
            &b"something else"[..],
            b"quorate identity 1\nid=x\n",
            b"\xff\xfe",
            b"",
            b"quorate identity 1\nid=1\nvoters=1,2,3\nincarnation=1\ncluster=c\nlog=beg",
        ] {
            fs::write(dir.path().join(FILE), damage).unwrap();
            let error = claim(dir.path(), 1, "c").unwrap_err();
            assert!(matches!(error, IdentityError::Damaged { .. }), "{error}");
            assert_eq!(fs::read(dir.path().join(FILE)).unwrap(), damage);
        }
    }

    #[test]
    fn an_empty_log_is_a_loss_only_once_it_has_held_something() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join(LOG_DIRECTORY);
        claim(dir.path(), 1, "c").unwrap();
        // Killed before the log had anything in it, however often.
        fs::create_dir(&log).unwrap();
        let mut identity = claim(dir.path(), 1, "c").unwrap();
        fs::write(log.join("segment"), "x").unwrap();
        identity.log_begun(dir.path()).unwrap();
        let lost = |found| matches!(found, Err(IdentityError::LogLost { .. }));
        let before = fs::read(dir.path().join(FILE)).unwrap();
        // Files that hold nothing; no files but the lock; no directory.
        assert!(lost(claim(dir.path(), 1, "c")));
        fs::rename(log.join("segment"), log.join(LOCK_FILE)).unwrap();
        let me = node(1, "c", &[1, 2, 3]);
        assert!(lost(me.clone().claim(dir.path(), true)));
        fs::remove_dir_all(&log).unwrap();
        assert!(lost(me.clone().claim(dir.path(), true)));
        assert!(!log.exists());
        assert_eq!(fs::read(dir.path().join(FILE)).unwrap(), before);

        fs::create_dir(&log).unwrap();
        fs::write(log.join("segment"), "x").unwrap();
        let found = me.claim(dir.path(), true).unwrap();
        assert_eq!((found.incarnation, found.has_log), (Incarnation(3), true));
        assert_eq!(Identity::read(dir.path()).unwrap(), Some(found));
    }

    #[test]
    fn a_log_that_was_there_before_the_mark_is_marked() {
        let dir = tempfile::tempdir().unwrap();
        claim(dir.path(), 1, "c").unwrap();
        let found = node(1, "c", &[1, 2, 3]).claim(dir.path(), true).unwrap();
        assert!(found.has_log);
        assert!(claim(dir.path(), 1, "c").is_err());
    }
}
