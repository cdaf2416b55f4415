//! The directory of a log and those above it, made durable.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::OpenError;

/// Makes sure that the directory is there, and durably so: a log of synced files is lost all the
/// same with the entry of any directory above them.
///
/// Each directory is made durable before one is created in it. So of those that are there after a
/// crash, only the last one's entry is in doubt, and it is synced whoever created it.
pub(crate) fn establish(path: &Path) -> Result<(), OpenError> {
    establish_in(&FileSystem, path)
}

/// What is done to directories before there is a log in one.
trait Directories {
    /// Whether there is a directory. An error when there is nothing, and no when there is a file.
    fn is_directory(&self, path: &Path) -> io::Result<bool>;
    /// Creates a directory in one that is there.
    fn create(&self, path: &Path) -> io::Result<()>;
    /// Makes durable which entries a directory has.
    fn sync(&self, path: &Path) -> io::Result<()>;
}

fn establish_in(directories: &impl Directories, path: &Path) -> Result<(), OpenError> {
    let mut missing = Vec::new();
    let mut at = Some(path);
    while let Some(directory) = at {
        match directories.is_directory(directory) {
            Ok(true) => break,
            Ok(false) => {
                return Err(OpenError::NotADirectory {
                    path: directory.to_path_buf(),
                });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => missing.push(directory),
            Err(source) => return Err(failed("look at", directory)(source)),
        }
        at = parent(directory);
    }
    if let Some(parent) = at.and_then(parent) {
        match directories.sync(parent) {
            // Who may not read the parent, or finds it in a file system that has nothing to sync,
            // has been given the directory, as a mount point is, and did not create it.
            Err(error) if !is_not_ours(&error) => {
                return Err(failed("sync the directory", parent)(error));
            }
            _ => {}
        }
    }
    for directory in missing.into_iter().rev() {
        directories
            .create(directory)
            .map_err(failed("create the directory", directory))?;
        if let Some(parent) = parent(directory) {
            directories
                .sync(parent)
                .map_err(failed("sync the directory", parent))?;
        }
    }
    Ok(())
}

/// The directory that has the entry of this one. The root is in none, and the one that the process
/// is in was somebody else's before.
fn parent(path: &Path) -> Option<&Path> {
    let here = Path::new(".");
    let parent = path.parent().filter(|_| path != here)?;
    // A name alone.
    Some(match parent.as_os_str().is_empty() {
        true => here,
        false => parent,
    })
}

fn is_not_ours(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    matches!(error.kind(), InvalidInput | PermissionDenied | Unsupported)
}

/// What turns an error of the system into one that says what was tried on which file.
pub(crate) fn failed(
    doing: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> OpenError + use<> {
    let path = path.to_path_buf();
    move |source| OpenError::Io {
        doing,
        path,
        source,
    }
}

struct FileSystem;

impl Directories for FileSystem {
    fn is_directory(&self, path: &Path) -> io::Result<bool> {
        Ok(fs::metadata(path)?.is_dir())
    }

    fn create(&self, path: &Path) -> io::Result<()> {
        match fs::create_dir(path) {
            // Another process was faster, or the path ends in "..".
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            result => result,
        }
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::path::PathBuf;

    use super::*;

    /// Directories of which some are there, and everything that is done to them.
    struct Recorded {
        there: RefCell<Vec<PathBuf>>,
        done: RefCell<Vec<String>>,
        /// What is said when this one is synced.
        refused: Option<(&'static str, io::ErrorKind)>,
    }

    impl Recorded {
        fn new(there: &[&str]) -> Self {
            Self {
                there: RefCell::new(there.iter().map(PathBuf::from).collect()),
                done: RefCell::default(),
                refused: None,
            }
        }
    }

    impl Directories for Recorded {
        fn is_directory(&self, path: &Path) -> io::Result<bool> {
            match self.there.borrow().iter().any(|there| there == path) {
                true => Ok(true),
                false => Err(io::ErrorKind::NotFound.into()),
            }
        }

        fn create(&self, path: &Path) -> io::Result<()> {
            self.there.borrow_mut().push(path.to_path_buf());
            let done = format!("create {}", path.display());
            self.done.borrow_mut().push(done);
            Ok(())
        }

        fn sync(&self, path: &Path) -> io::Result<()> {
            if let Some((refused, kind)) = self.refused
                && path == Path::new(refused)
            {
                return Err(kind.into());
            }
            let done = format!("sync {}", path.display());
            self.done.borrow_mut().push(done);
            Ok(())
        }
    }

    #[test]
    fn the_entry_of_every_directory_is_durable_before_one_is_created_in_it() {
        let cases: [(&[&str], &str, &[&str]); 6] = [
            // There already, perhaps since just before a crash.
            (&["/", "/a"], "/a", &["sync /"]),
            (&["."], "a", &["create a", "sync ."]),
            (&[".", "a"], "a/", &["sync ."]),
            (&["/"], "/", &[]),
            (
                &["/", "/a"],
                "/a/b/c",
                &[
                    "sync /",
                    "create /a/b",
                    "sync /a",
                    "create /a/b/c",
                    "sync /a/b",
                ],
            ),
            (
                &["."],
                "a/b",
                &["create a", "sync .", "create a/b", "sync a"],
            ),
        ];
        for (there, path, expected) in cases {
            let recorded = Recorded::new(there);
            establish_in(&recorded, Path::new(path)).unwrap();
            assert_eq!(*recorded.done.borrow(), expected, "{path} in {there:?}");
        }
    }

    #[test]
    fn a_parent_that_is_not_ours_is_no_obstacle_and_a_failing_disk_is() {
        let opened = |path: &str, kind| {
            let mut recorded = Recorded::new(&["/", "/a"]);
            recorded.refused = Some(("/", kind));
            establish_in(&recorded, Path::new(path)).map_err(|error| error.to_string())
        };
        assert_eq!(opened("/a", io::ErrorKind::PermissionDenied), Ok(()));
        let error = opened("/a", io::ErrorKind::Other).unwrap_err();
        assert!(
            error.starts_with("cannot sync the directory /: "),
            "{error}"
        );
        // What is created here is ours.
        assert!(opened("/b", io::ErrorKind::PermissionDenied).is_err());
    }
}
