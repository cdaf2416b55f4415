//! Reads extensible data notation.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use std::io::BufRead;

use super::Edn;
use crate::formats::error::FormatError;
use crate::formats::input::Input;

/// Reads one value after the other.
pub(in crate::formats) struct Parser<R> {
    pub(in crate::formats) input: Input<R>,
    depth: usize,
}

/// What stands where a value may.
enum Token {
    Value(Edn),
    /// The end of a collection.
    Close(u8),
    End,
}

impl<R: BufRead> Parser<R> {
    pub(in crate::formats) const fn new(input: Input<R>, depth: usize) -> Self {
        Self { input, depth }
    }

    /// The next value; `None` at the end of the file.
    pub(in crate::formats) fn value(&mut self) -> Result<Option<Edn>, FormatError> {
        match self.token(0)? {
            Token::Value(value) => Ok(Some(value)),
            Token::End => Ok(None),
            Token::Close(_) => Err(self.input.unexpected("a value")),
        }
    }

    /// The next value inside of a collection that ends with `close`; `None` at its end.
    pub(in crate::formats) fn element(&mut self, close: u8) -> Result<Option<Edn>, FormatError> {
        match self.token(1)? {
            Token::Value(value) => Ok(Some(value)),
            Token::Close(found) if found == close => {
                self.input.advance(found)?;
                Ok(None)
            }
            Token::Close(_) => Err(self.input.unexpected("a value, or the bracket that fits")),
            Token::End => Err(self.input.unexpected("a value, or a closing bracket")),
        }
    }

    /// Goes past what means nothing: blanks, commas and comments.
    pub(in crate::formats) fn skip(&mut self) -> Result<Option<u8>, FormatError> {
        loop {
            match self.input.peek()? {
                Some(byte) if byte.is_ascii_whitespace() || byte == b',' => {
                    self.input.advance(byte)?;
                }
                Some(b';') => {
                    while let Some(byte) = self.input.next()? {
                        if byte == b'\n' {
                            break;
                        }
                    }
                }
                other => return Ok(other),
            }
        }
    }

    fn token(&mut self, depth: usize) -> Result<Token, FormatError> {
        if depth > self.depth {
            return Err(FormatError::TooDeep {
                place: self.input.place(),
                limit: self.depth,
            });
        }
        loop {
            let Some(byte) = self.skip()? else {
                return Ok(Token::End);
            };
            let value = match byte {
                b')' | b']' | b'}' => return Ok(Token::Close(byte)),
                b'(' => Edn::List(self.collection(b')', depth)?),
                b'[' => Edn::Vector(self.collection(b']', depth)?),
                b'{' => self.map(depth)?,
                b'"' => Edn::Text(self.text()?),
                b'\\' => Edn::Character(self.character()?),
                b'#' => match self.dispatch(depth)? {
                    Some(value) => value,
                    // Left out by `#_`.
                    None => continue,
                },
                _ => self.atom()?,
            };
            return Ok(Token::Value(value));
        }
    }

    fn collection(&mut self, close: u8, depth: usize) -> Result<Vec<Edn>, FormatError> {
        self.input.next()?;
        let mut elements = Vec::new();
        loop {
            match self.token(depth + 1)? {
                Token::Value(value) => elements.push(value),
                Token::Close(found) if found == close => {
                    self.input.advance(found)?;
                    return Ok(elements);
                }
                Token::Close(_) => {
                    return Err(self.input.unexpected("a value, or the bracket that fits"));
                }
                Token::End => return Err(self.input.unexpected("a value, or a closing bracket")),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Edn, FormatError> {
        let mut elements = self.collection(b'}', depth)?.into_iter();
        let mut entries = Vec::new();
        while let Some(key) = elements.next() {
            let Some(value) = elements.next() else {
                return Err(self.input.unexpected("a map with a value for each key"));
            };
            entries.push((key, value));
        }
        Ok(Edn::Map(entries))
    }

    fn dispatch(&mut self, depth: usize) -> Result<Option<Edn>, FormatError> {
        self.input.next()?;
        match self.input.peek()? {
            Some(b'{') => Ok(Some(Edn::Set(self.collection(b'}', depth)?))),
            Some(b'_') => {
                self.input.next()?;
                match self.token(depth + 1)? {
                    Token::Value(_) => Ok(None),
                    _ => Err(self.input.unexpected("a value to leave out")),
                }
            }
            Some(byte) if byte.is_ascii_alphabetic() => {
                let tag = self.word()?;
                match self.token(depth + 1)? {
                    Token::Value(value) => Ok(Some(Edn::Tagged(tag, Box::new(value)))),
                    _ => Err(self.input.unexpected("the value of a tag")),
                }
            }
            _ => Err(self.input.unexpected("a set, a tag or `_`")),
        }
    }

    fn text(&mut self) -> Result<String, FormatError> {
        self.input.next()?;
        let place = self.input.place();
        let mut bytes = Vec::new();
        loop {
            match self.input.next()? {
                None => return Err(self.input.unexpected("the end of a string")),
                Some(b'"') => break,
                Some(b'\\') => {
                    let escaped = match self.input.peek()? {
                        Some(b'n') => '\n',
                        Some(b't') => '\t',
                        Some(b'r') => '\r',
                        Some(b'b') => '\u{8}',
                        Some(b'f') => '\u{c}',
                        Some(b'"') => '"',
                        Some(b'\\') => '\\',
                        Some(b'u') => {
                            self.input.next()?;
                            let character = self.unicode()?;
                            bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                            continue;
                        }
                        _ => return Err(self.input.unexpected("an escape that strings have")),
                    };
                    self.input.next()?;
                    bytes.extend_from_slice(escaped.encode_utf8(&mut [0; 4]).as_bytes());
                }
                Some(byte) => bytes.push(byte),
            }
        }
        String::from_utf8(bytes).map_err(|_| FormatError::Syntax {
            place,
            found: "a string that is not UTF-8".into(),
            expected: "UTF-8",
        })
    }

    /// The four hexadecimal digits after `\u`, two times for characters that take two.
    fn unicode(&mut self) -> Result<char, FormatError> {
        let high = self.hexadecimal()?;
        if let Some(character) = char::from_u32(high) {
            return Ok(character);
        }
        // Java writes characters past 16 bits as a surrogate pair.
        for expected in [b'\\', b'u'] {
            if self.input.peek()? != Some(expected) {
                return Err(self.input.unexpected("the second half of a surrogate pair"));
            }
            self.input.next()?;
        }
        let low = self.hexadecimal()?;
        char::decode_utf16([high as u16, low as u16])
            .next()
            .and_then(Result::ok)
            .ok_or_else(|| self.input.unexpected("a surrogate pair before"))
    }

    fn hexadecimal(&mut self) -> Result<u32, FormatError> {
        let mut number = 0;
        for _ in 0..4 {
            let digit = self.input.peek()?.map(char::from);
            let Some(digit) = digit.and_then(|digit| digit.to_digit(16)) else {
                return Err(self.input.unexpected("four hexadecimal digits"));
            };
            self.input.next()?;
            number = number * 16 + digit;
        }
        Ok(number)
    }

    fn character(&mut self) -> Result<String, FormatError> {
        self.input.next()?;
        // The first one may be anything, as in `\(`.
        let mut bytes = Vec::new();
        match self.input.next()? {
            None => return Err(self.input.unexpected("a character")),
            Some(byte) => bytes.push(byte),
        }
        self.word_into(bytes)
    }

    fn word(&mut self) -> Result<String, FormatError> {
        self.word_into(Vec::new())
    }

    /// The bytes up to what ends a word.
    fn word_into(&mut self, mut bytes: Vec<u8>) -> Result<String, FormatError> {
        let place = self.input.place();
        while let Some(byte) = self.input.peek()? {
            if byte.is_ascii_whitespace() || b",;()[]{}\"\\".contains(&byte) {
                break;
            }
            self.input.advance(byte)?;
            bytes.push(byte);
        }
        String::from_utf8(bytes).map_err(|_| FormatError::Syntax {
            place,
            found: "a word that is not UTF-8".into(),
            expected: "UTF-8",
        })
    }

    /// A word that stands for itself.
    fn atom(&mut self) -> Result<Edn, FormatError> {
        let place = self.input.place();
        let word = self.word()?;
        let mut bytes = word.bytes();
        let (first, second) = (bytes.next(), bytes.next());
        let is_number = match first {
            Some(b'+' | b'-') => second.is_some_and(|byte| byte.is_ascii_digit()),
            first => first.is_some_and(|byte| byte.is_ascii_digit()),
        };
        Ok(match word.as_str() {
            "nil" => Edn::Nil,
            "true" => Edn::Bool(true),
            "false" => Edn::Bool(false),
            _ if is_number => {
                // `N` marks a number of any length.
                let digits = word.strip_suffix('N').unwrap_or(&word);
                match digits.parse() {
                    Ok(number) => Edn::Integer(number),
                    Err(_) => Edn::Number(word),
                }
            }
            _ => match word.strip_prefix(':') {
                Some("") => {
                    return Err(FormatError::Syntax {
                        place,
                        found: "a colon alone".into(),
                        expected: "a keyword",
                    });
                }
                Some(keyword) => Edn::Keyword(keyword.into()),
                None => Edn::Symbol(word),
            },
        })
    }
}
