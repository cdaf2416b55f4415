//! A value of extensible data notation.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write as _};

/// A value of [extensible data notation](https://github.com/edn-format/edn). Its `Display` writes it as
/// one would in a file.
///
/// ```
/// use quorate_consistency::formats::Edn;
///
/// let pair = Edn::Vector(vec![Edn::Integer(2), Edn::Keyword("x".into())]);
/// assert_eq!(pair.to_string(), "[2 :x]");
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Edn {
    /// `nil`.
    Nil,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number that fits 64 bits.
    Integer(i64),
    /// Any other number, as it was written: a large one, a fraction, a ratio.
    Number(String),
    /// `:read`, without the colon.
    Keyword(String),
    /// A name that is none of the others.
    Symbol(String),
    /// `\a`, as it was written after the backslash.
    Character(String),
    /// `"text"`.
    Text(String),
    /// `(1 2)`.
    List(Vec<Self>),
    /// `[1 2]`.
    Vector(Vec<Self>),
    /// `{1 2}`, in the order of the file.
    Map(Vec<(Self, Self)>),
    /// `#{1 2}`, in the order of the file.
    Set(Vec<Self>),
    /// `#name value`.
    Tagged(String, Box<Self>),
}

impl Edn {
    /// What a map has under a keyword.
    pub(crate) fn get(&self, keyword: &str) -> Option<&Self> {
        let Self::Map(entries) = self else {
            return None;
        };
        let has_key =
            |(key, _): &&(Self, Self)| matches!(key, Self::Keyword(key) if key == keyword);
        entries.iter().find(has_key).map(|(_, value)| value)
    }

    /// The elements of a list, a vector or a set.
    pub(crate) fn elements(&self) -> Option<&[Self]> {
        match self {
            Self::List(elements) | Self::Vector(elements) | Self::Set(elements) => Some(elements),
            _ => None,
        }
    }

    /// The name of a keyword.
    pub(crate) fn keyword(&self) -> Option<&str> {
        match self {
            Self::Keyword(name) => Some(name),
            _ => None,
        }
    }

    pub(crate) const fn is_nil(&self) -> bool {
        matches!(self, Self::Nil)
    }
}

impl fmt::Display for Edn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("nil"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Number(text) | Self::Symbol(text) => f.write_str(text),
            Self::Keyword(name) => write!(f, ":{name}"),
            Self::Character(name) => write!(f, "\\{name}"),
            Self::Text(text) => quoted(f, text),
            Self::List(elements) => listed(f, "(", elements, ")"),
            Self::Vector(elements) => listed(f, "[", elements, "]"),
            Self::Set(elements) => listed(f, "#{", elements, "}"),
            Self::Map(entries) => {
                f.write_char('{')?;
                for (number, (key, value)) in entries.iter().enumerate() {
                    let comma = if number > 0 { ", " } else { "" };
                    write!(f, "{comma}{key} {value}")?;
                }
                f.write_char('}')
            }
            Self::Tagged(tag, value) => write!(f, "#{tag} {value}"),
        }
    }
}

fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for character in text.chars() {
        match character {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            _ => f.write_char(character)?,
        }
    }
    f.write_char('"')
}

fn listed(f: &mut fmt::Formatter<'_>, open: &str, elements: &[Edn], close: &str) -> fmt::Result {
    f.write_str(open)?;
    for (number, element) in elements.iter().enumerate() {
        let space = if number > 0 { " " } else { "" };
        write!(f, "{space}{element}")?;
    }
    f.write_str(close)
}
