//! Which format is it?

use core::fmt;

/// The formats of histories that are known here.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Format {
    /// Our own JSON lines.
    Json,
    /// The log of a Jepsen test.
    JepsenLog,
    /// Events in extensible data notation.
    Edn,
    /// The transactions of AWDIT's tests.
    Awdit,
    /// The transactions of Plume and PolySI.
    Plume,
}

impl Format {
    /// The format of a file that begins like this, if it looks like one. A few hundred bytes are enough;
    /// a cut in the middle of a line does no harm.
    ///
    /// ```
    /// use quorate_consistency::formats::Format;
    ///
    /// assert_eq!(Format::guess(b"{:process 0, :type :invoke}"), Some(Format::Edn));
    /// assert_eq!(Format::guess(b"{\"process\":0,"), Some(Format::Json));
    /// assert_eq!(Format::guess(b"what is this?"), None);
    /// ```
    pub fn guess(beginning: &[u8]) -> Option<Self> {
        let mut lines = beginning
            .split(|byte| *byte == b'\n')
            .map(<[u8]>::trim_ascii);
        let mark = b"jepsen.util - ";
        if beginning.windows(mark.len()).any(|window| window == mark) {
            return Some(Self::JepsenLog);
        }
        let first = lines.find(|line| !line.is_empty() && !line.starts_with(b";"))?;
        let word = first.split(u8::is_ascii_whitespace).next();
        match first {
            [b'{', rest @ ..] if rest.trim_ascii().starts_with(b"\"") => Some(Self::Json),
            [b'{' | b'[' | b'(' | b'#', ..] => Some(Self::Edn),
            [b'r' | b'w', b'(', ..] => Some(Self::Plume),
            _ if matches!(word, Some(b"r" | b"w")) => Some(Self::Awdit),
            _ => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "json",
            Self::JepsenLog => "jepsen-log",
            Self::Edn => "edn",
            Self::Awdit => "awdit",
            Self::Plume => "plume",
        })
    }
}
