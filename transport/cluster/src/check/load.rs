//! From files to histories.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use quorate_consistency::formats::{EventModel, Format, FormatError, Notation, read_events};
use quorate_consistency::{
    History, JsonModel, ReadHistoryError, ReadLimits, linearizable, read_history,
};

use crate::cli::HistoryFormat;

/// A history, and what is to be told of where it came from.
pub(super) struct Loaded<I, O> {
    pub(super) history: History<I, O>,
    /// For each operation its number in the file.
    pub(super) numbers: Vec<usize>,
    /// How many reads asked for less than to be linearizable, and so are not in it.
    pub(super) weaker: usize,
    pub(super) format: Format,
    /// Nobody said which format it is.
    pub(super) is_guessed: bool,
}

/// Why a file is no history that can be checked.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error("{0}")]
    Open(#[source] io::Error),
    #[error("{0}")]
    Json(#[source] ReadHistoryError),
    #[error("as {format}: {error}")]
    Events {
        format: Format,
        #[source]
        error: FormatError,
    },
    #[error(
        "it looks like none of the known formats; name it with --format json, jepsen-log or edn"
    )]
    NoFormat,
    #[error(
        "it holds transactions (it looks like {0}), and linearizability is checked of single operations"
    )]
    Transactions(Format),
    #[error("the model {model:?} is read from JSON lines only, and this is {format}")]
    OnlyJson {
        model: crate::cli::Model,
        format: Format,
    },
    #[error("it holds no operation, so there is nothing to be right or wrong")]
    Empty,
    #[error("it holds no operation to check: every one of its {weaker} asked for less")]
    OnlyWeaker { weaker: usize },
}

/// Reads the events of a model whose operations Jepsen's tests write down.
pub(super) type ReadEvents<M> =
    fn(&M, BufReader<File>, Notation) -> Result<HistoryOf<M>, FormatError>;

type HistoryOf<M> =
    History<<M as quorate_consistency::Model>::Input, <M as quorate_consistency::Model>::Output>;

/// [`ReadEvents`] for a model that has them.
pub(super) fn events<M: EventModel>(
    model: &M,
    reader: BufReader<File>,
    notation: Notation,
) -> Result<HistoryOf<M>, FormatError> {
    read_events(model, reader, notation, ReadLimits::default())
}

/// Reads a history in the format that was named, or that it looks like.
pub(super) fn load<M>(
    model: &M,
    name: crate::cli::Model,
    events: Option<ReadEvents<M>>,
    path: &Path,
    named: Option<HistoryFormat>,
) -> Result<Loaded<M::Input, M::Output>, LoadError>
where
    M: JsonModel<Input: Clone, Output: Clone>,
{
    let file = File::open(path).map_err(LoadError::Open)?;
    let mut reader = BufReader::new(file);
    let format = match named {
        Some(HistoryFormat::Json) => Format::Json,
        Some(HistoryFormat::JepsenLog) => Format::JepsenLog,
        Some(HistoryFormat::Edn) => Format::Edn,
        None => {
            let beginning = reader.fill_buf().map_err(LoadError::Open)?;
            if beginning.trim_ascii().is_empty() {
                return Err(LoadError::Empty);
            }
            Format::guess(beginning).ok_or(LoadError::NoFormat)?
        }
    };
    let notation = match format {
        Format::Json => return load_json(model, reader, named.is_none()),
        Format::JepsenLog => Notation::Log,
        Format::Edn => Notation::Edn,
        transactions => return Err(LoadError::Transactions(transactions)),
    };
    let Some(read) = events else {
        return Err(LoadError::OnlyJson {
            model: name,
            format,
        });
    };
    let history = read(model, reader, notation);
    let history = history.map_err(|error| LoadError::Events { format, error })?;
    if history.is_empty() {
        return Err(LoadError::Empty);
    }
    Ok(Loaded {
        numbers: (0..history.len()).collect(),
        history,
        weaker: 0,
        format,
        is_guessed: named.is_none(),
    })
}

fn load_json<M>(
    model: &M,
    reader: BufReader<File>,
    is_guessed: bool,
) -> Result<Loaded<M::Input, M::Output>, LoadError>
where
    M: JsonModel<Input: Clone, Output: Clone>,
{
    let records = read_history::<M>(reader, ReadLimits::default()).map_err(LoadError::Json)?;
    let (history, numbers) = linearizable(model, &records);
    // The wrong file, or a recorder that recorded nothing, must not pass for a promise kept.
    if records.is_empty() {
        return Err(LoadError::Empty);
    }
    let weaker = records.len() - history.len();
    if history.is_empty() {
        return Err(LoadError::OnlyWeaker { weaker });
    }
    Ok(Loaded {
        history,
        numbers,
        weaker,
        format: Format::Json,
        is_guessed,
    })
}
