//! Text that cannot become markup, and stays short.

use alloc::string::String;
use core::fmt::{self, Write};

/// The most characters of a label that are kept.
pub(super) const LABEL: usize = 80;

/// What a closure writes, up to [`LABEL`] characters of it.
pub(super) fn label(write: impl FnOnce(&mut dyn Write) -> fmt::Result) -> String {
    let mut clipped = Clipped {
        text: String::new(),
        left: LABEL,
        is_cut: false,
    };
    // It errs where it is full, which is no reason to show nothing.
    let _ = write(&mut clipped);
    if clipped.is_cut {
        clipped.text.push('…');
    }
    clipped.text
}

struct Clipped {
    text: String,
    left: usize,
    is_cut: bool,
}

impl Write for Clipped {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            let Some(left) = self.left.checked_sub(1) else {
                self.is_cut = true;
                return Err(fmt::Error);
            };
            self.left = left;
            self.text.push(visible(character));
        }
        Ok(())
    }
}

/// The character, or one that can be seen in the place of those that would move or hide others.
const fn visible(character: char) -> char {
    match character {
        '\n' | '\r' | '\t' => ' ',
        '\0'..='\u{1f}'
        | '\u{7f}'..='\u{9f}'
        | '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff0}'..='\u{fffb}' => '\u{fffd}',
        other => other,
    }
}

/// Text in a page, between tags or in quotes.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(visible(other))?,
            }
        }
        Ok(())
    }
}

/// The beginning of a text that has room for so many characters, and says when it is not the whole.
pub(super) struct Fitted<'a> {
    pub(super) text: &'a str,
    pub(super) room: u64,
}

impl fmt::Display for Fitted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut room = self.room;
        for (at, character) in self.text.char_indices() {
            // Characters of wide scripts take two.
            let width = if character < '\u{1100}' { 1 } else { 2 };
            let rest = self.text.get(at..).unwrap_or_default();
            // The last one may take the place of the dots.
            let is_last = rest.chars().nth(1).is_none();
            if room < width || (room == width && !is_last) {
                // One letter and dots tell nothing.
                return if at < 2 {
                    Ok(())
                } else {
                    write!(f, "{}…", Escaped(self.text.get(..at).unwrap_or_default()))
                };
            }
            room -= width;
        }
        write!(f, "{}", Escaped(self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn labels_are_cut_and_what_hides_is_made_visible() {
        assert_eq!(label(|to| to.write_str("a\nb\u{202e}c")), "a b\u{fffd}c");
        let long = label(|to| (0..1_000_000).try_for_each(|_| to.write_str("x")));
        assert_eq!(long.chars().count(), LABEL + 1);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn what_does_not_fit_says_so() {
        let fitted = |text, room| Fitted { text, room }.to_string();
        assert_eq!(fitted("write 12", 8), "write 12");
        assert_eq!(fitted("write 12", 7), "write …");
        assert_eq!(fitted("write 12", 3), "wr…");
        assert_eq!(fitted("write 12", 2), "");
        assert_eq!(fitted("7", 1), "7");
        assert_eq!(fitted("<b>", 3), "&lt;b&gt;");
    }
}
