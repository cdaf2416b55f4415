//! A page that shows a history and what came of it.

use std::fmt::{self, Write};
use std::io;
use std::path::Path;

use quorate_consistency::formats::Format;
use quorate_consistency::{Labels, Linearizability, Model, Picture, Times};

use super::decide::Undecided;
use super::explain::Describe;
use super::load::Loaded;

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
#[error("the picture could not be written to {path}: {source}")]
pub(super) struct PictureError {
    path: String,
    source: io::Error,
}

/// Objects, questions and answers as they are called elsewhere in what is said.
struct Names<N>(N);

impl<M, N> Labels<M> for Names<N>
where
    M: Model<Input: Describe, Output: Describe>,
    N: Fn(&M::Key) -> String,
{
    fn object(&self, key: &M::Key, to: &mut dyn Write) -> fmt::Result {
        to.write_str(&self.0(key))
    }

    fn input(&self, input: &M::Input, to: &mut dyn Write) -> fmt::Result {
        to.write_str(&input.describe())
    }

    fn output(&self, output: &M::Output, to: &mut dyn Write) -> fmt::Result {
        to.write_str(&output.describe())
    }
}

/// Writes the page, whole or not at all.
pub(super) fn write<M>(
    to: &Path,
    of: &Path,
    model: &M,
    name: impl Fn(&M::Key) -> String,
    loaded: &Loaded<M::Input, M::Output>,
    decided: Result<&Linearizability<M::Key, M::Output>, &Undecided>,
) -> Result<(), PictureError>
where
    M: Model<Input: Describe, Output: Describe>,
{
    let history = &loaded.history;
    let picture = match decided {
        Ok(verdict) => Picture::new(model, history, verdict),
        Err(undecided) => Picture::undecided(model, history, undecided),
    };
    let title = of.display().to_string();
    let times = match loaded.format {
        Format::Json => Times::Nanoseconds,
        _ => Times::Events,
    };
    let picture = picture.title(&title).times(times).numbers(&loaded.numbers);
    replace(to, &picture.to_html(&Names(name))).map_err(|source| PictureError {
        path: to.display().to_string(),
        source,
    })
}

/// Puts a file in the place of another at once, so that nobody sees half of it.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let Some(name) = path.file_name() else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it names no file",
        ));
    };
    let mut beside = name.to_owned();
    beside.push(format!(".{}.unfinished", std::process::id()));
    let beside = path.with_file_name(beside);
    let written = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, path));
    if written.is_err() {
        // There may be none.
        let _ = std::fs::remove_file(&beside);
    }
    written
}
