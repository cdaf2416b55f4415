//! What Jepsen writes down: that an operation was invoked, or came to an end.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use std::io::BufRead;

use super::edn::{Edn, Parser};
use super::error::{FormatError, Place};
use super::input::Input;
use super::limits::ReadLimits;

/// A line of a Jepsen log, or a map of an EDN history.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Event {
    /// Where it stands in the file.
    pub place: Place,
    /// In which form it was written. Some things mean something else in each.
    pub notation: Notation,
    /// Which client; `None` when nobody said.
    pub process: Option<u64>,
    /// What happened.
    pub kind: EventKind,
    /// What was to be done, such as `read`.
    pub function: String,
    /// On what, if that is told apart from the value.
    pub key: Option<Edn>,
    /// With what, or what came out.
    pub value: Edn,
}

/// What happened to an operation.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum EventKind {
    /// `:invoke`: it was asked for.
    Invoke,
    /// `:ok`: it was done.
    Ok,
    /// `:fail`: it was not done, and never will be.
    Fail,
    /// `:info`: nobody knows.
    Info,
}

/// In which form an [`Event`] was written.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Notation {
    /// A log of a Jepsen test: `INFO  jepsen.util - 0 :invoke :read nil`. A compare-and-set that failed
    /// found another value, and a read of `nil` found nothing.
    Log,
    /// Maps of extensible data notation. What failed is left out, and a read of `nil` tells nothing, as
    /// Knossos has it.
    Edn,
}

/// Hands out the events of a file, but for those of the nemesis.
pub(super) enum Events<R> {
    Log {
        input: Input<R>,
        limits: ReadLimits,
    },
    Edn {
        parser: Parser<R>,
        /// Which bracket ends the events, if any.
        frame: Frame,
    },
}

/// What the events of a file stand in.
#[derive(Clone, Copy)]
pub(super) enum Frame {
    /// Nobody has looked.
    Unknown,
    /// Nothing.
    Bare,
    /// A list or a vector that ends with this.
    Ends(u8),
}

impl<R: BufRead> Events<R> {
    pub(super) const fn new(reader: R, notation: Notation, limits: ReadLimits) -> Self {
        let input = Input::new(reader, limits.line_bytes);
        match notation {
            Notation::Log => Self::Log { input, limits },
            Notation::Edn => Self::Edn {
                parser: Parser::new(input, limits.depth),
                frame: Frame::Unknown,
            },
        }
    }

    /// The next event; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Event>, FormatError> {
        match self {
            Self::Log { input, limits } => next_in_log(input, *limits),
            Self::Edn { parser, frame } => next_in_edn(parser, frame),
        }
    }
}

/// What stands before the events of a log.
const MARK: &str = "jepsen.util - ";

fn next_in_log<R: BufRead>(
    input: &mut Input<R>,
    limits: ReadLimits,
) -> Result<Option<Event>, FormatError> {
    while let Some((place, line)) = input.line()? {
        // Tests log other things too.
        let Some((before, told)) = line.split_once(MARK) else {
            continue;
        };
        let place = Place {
            column: place.column + (before.len() + MARK.len()) as u64,
            ..place
        };
        let mut values = Vec::new();
        let inner = Input::new(told.as_bytes(), limits.line_bytes);
        let mut parser = Parser::new(inner, limits.depth);
        let in_line = |error| at_line(error, place);
        while let Some(value) = parser.value().map_err(in_line)? {
            values.push(value);
        }
        let mut values = values.into_iter();
        let (Some(process), Some(kind), Some(function)) =
            (values.next(), values.next(), values.next())
        else {
            return Err(meaningless(
                place,
                "a process, a type and a function are expected",
            ));
        };
        let Some(process) = client(&process, place)? else {
            continue;
        };
        return Ok(Some(Event {
            place,
            notation: Notation::Log,
            process: Some(process),
            kind: kind_of(&kind, place)?,
            function: function_of(&function, place)?,
            key: None,
            value: values.next().unwrap_or(Edn::Nil),
        }));
    }
    Ok(None)
}

fn next_in_edn<R: BufRead>(
    parser: &mut Parser<R>,
    frame: &mut Frame,
) -> Result<Option<Event>, FormatError> {
    if let Frame::Unknown = frame {
        *frame = match parser.skip()? {
            Some(bracket @ (b'[' | b'(')) => {
                parser.input.advance(bracket)?;
                Frame::Ends(if bracket == b'[' { b']' } else { b')' })
            }
            _ => Frame::Bare,
        };
    }
    loop {
        parser.input.begin();
        parser.skip()?;
        let place = parser.input.place();
        let value = match *frame {
            Frame::Ends(close) => parser.element(close)?,
            Frame::Unknown | Frame::Bare => parser.value()?,
        };
        let Some(map) = value else {
            // Nothing may follow what the bracket ended.
            *frame = Frame::Bare;
            return match parser.skip()? {
                Some(_) => Err(parser.input.unexpected("the end of the file")),
                None => Ok(None),
            };
        };
        // A record of the recorder's own is a map with a name.
        let map = match map {
            Edn::Tagged(_, map) => *map,
            map => map,
        };
        if !matches!(map, Edn::Map(_)) {
            return Err(meaningless(
                place,
                "an event is a map, `{:process 0, :type :invoke, ...}`",
            ));
        }
        let process = match map.get("process") {
            Some(process) => match client(process, place)? {
                Some(process) => Some(process),
                None => continue,
            },
            None => None,
        };
        let kind = map.get("type");
        let kind = kind.ok_or_else(|| meaningless(place, "an event needs a `:type`"))?;
        return Ok(Some(Event {
            place,
            notation: Notation::Edn,
            process,
            kind: kind_of(kind, place)?,
            // Elle's examples are transactions only, and do not say so each time.
            function: map
                .get("f")
                .map_or_else(|| Ok("txn".into()), |function| function_of(function, place))?,
            key: map.get("key").cloned(),
            value: map.get("value").cloned().unwrap_or(Edn::Nil),
        }));
    }
}

fn kind_of(kind: &Edn, place: Place) -> Result<EventKind, FormatError> {
    match kind.keyword() {
        Some("invoke") => Ok(EventKind::Invoke),
        Some("ok") => Ok(EventKind::Ok),
        Some("fail") => Ok(EventKind::Fail),
        Some("info") => Ok(EventKind::Info),
        _ => Err(meaningless(
            place,
            alloc::format!("the type {kind} is none of :invoke, :ok, :fail and :info"),
        )),
    }
}

fn function_of(function: &Edn, place: Place) -> Result<String, FormatError> {
    match function {
        Edn::Keyword(name) | Edn::Text(name) | Edn::Symbol(name) => Ok(name.clone()),
        other => Err(meaningless(
            place,
            alloc::format!("{other} is no function; it is written as :read or :write"),
        )),
    }
}

/// The number of a client; `None` for the nemesis and others who do not ask the store anything.
fn client(process: &Edn, place: Place) -> Result<Option<u64>, FormatError> {
    match process {
        Edn::Integer(number) => match u64::try_from(*number) {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(meaningless(
                place,
                alloc::format!("the process {number} is below zero"),
            )),
        },
        Edn::Keyword(_) => Ok(None),
        other => Err(meaningless(
            place,
            alloc::format!("the process {other} is neither a number nor a keyword"),
        )),
    }
}

pub(super) fn meaningless(place: Place, reason: impl ToString) -> FormatError {
    FormatError::Meaningless {
        place,
        reason: reason.to_string(),
    }
}

/// An error of a part of a line, told as one of the file.
fn at_line(error: FormatError, line: Place) -> FormatError {
    let of_file = |place: Place| Place {
        line: line.line,
        column: line.column + place.column - 1,
    };
    match error {
        FormatError::Syntax {
            place,
            found,
            expected,
        } => FormatError::Syntax {
            place: of_file(place),
            found,
            expected,
        },
        FormatError::TooDeep { place, limit } => FormatError::TooDeep {
            place: of_file(place),
            limit,
        },
        other => other,
    }
}
