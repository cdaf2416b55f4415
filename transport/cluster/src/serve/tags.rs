//! `If-Match` and `If-None-Match` (RFC 9110 §13.1).

use axum::http::HeaderMap;

use super::Failure;

/// What a client says it knows of a resource: any state of it, or those with one of these tags.
///
/// The tags of this service are strong, and are revisions: `"17"`. Others are well-formed too, and
/// are no state of anything here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Tags {
    Any,
    These(Vec<Tag>),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Tag {
    weak: bool,
    /// `None` for what is no revision.
    revision: Option<u64>,
}

impl Tags {
    /// The tags of a header, whose list may be spread over several lines.
    pub(super) fn of(headers: &HeaderMap, name: &str) -> Result<Option<Self>, Failure> {
        let lines: Vec<_> = headers.get_all(name).iter().collect();
        if lines.is_empty() {
            return Ok(None);
        }
        if let [line] = &lines[..]
            && line.as_bytes().trim_ascii() == b"*"
        {
            return Ok(Some(Self::Any));
        }
        let mut tags = Vec::new();
        for line in lines {
            read(line.as_bytes(), &mut tags).ok_or_else(|| {
                Failure::malformed(format!(
                    "{name}: {} is neither * nor a list of tags such as \"17\", as an ETag tells them",
                    String::from_utf8_lossy(line.as_bytes())
                ))
            })?;
        }
        if tags.is_empty() {
            return Err(Failure::malformed(format!("{name} is empty")));
        }
        Ok(Some(Self::These(tags)))
    }

    /// Whether the client knows this state for certain, as a write needs it: weak tags do not tell.
    pub(super) fn match_strongly(&self, revision: Option<u64>) -> bool {
        self.match_any(revision, |tag| !tag.weak)
    }

    /// Whether what the client has is as good as this state.
    pub(super) fn match_weakly(&self, revision: Option<u64>) -> bool {
        self.match_any(revision, |_| true)
    }

    fn match_any(&self, revision: Option<u64>, counts: impl Fn(&Tag) -> bool) -> bool {
        match self {
            Self::Any => revision.is_some(),
            Self::These(tags) => tags
                .iter()
                .any(|tag| counts(tag) && tag.revision.is_some() && tag.revision == revision),
        }
    }

    /// The revisions that [`match_strongly`](Self::match_strongly), ascending; `None` for any.
    pub(super) fn strong_revisions(&self) -> Option<Vec<u64>> {
        let Self::These(tags) = self else {
            return None;
        };
        let strong = tags.iter().filter(|tag| !tag.weak);
        let mut revisions: Vec<u64> = strong.filter_map(|tag| tag.revision).collect();
        revisions.sort_unstable();
        revisions.dedup();
        Some(revisions)
    }
}

/// Reads a list of tags. Elements may be empty (RFC 9110 §5.6.1).
fn read(mut left: &[u8], tags: &mut Vec<Tag>) -> Option<()> {
    loop {
        left = left.trim_ascii();
        if let Some(rest) = left.strip_prefix(b",") {
            left = rest;
            continue;
        }
        if left.is_empty() {
            return Some(());
        }
        let (tag, rest) = tag(left)?;
        tags.push(tag);
        left = rest.trim_ascii();
        if !left.is_empty() && !left.starts_with(b",") {
            return None;
        }
    }
}

fn tag(text: &[u8]) -> Option<(Tag, &[u8])> {
    let (weak, quoted) = match text.strip_prefix(b"W/") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (opaque, rest) = match quoted.strip_prefix(b"\"") {
        Some(quoted) => {
            let end = quoted.iter().position(|byte| *byte == b'"')?;
            let (opaque, rest) = (&quoted[..end], &quoted[end + 1..]);
            let is_opaque = |byte: &u8| matches!(byte, 0x21 | 0x23..=0x7e | 0x80..);
            (opaque.iter().all(is_opaque).then_some(opaque)?, rest)
        }
        // A revision as the header of that name tells it, for those who write requests by hand.
        None if !weak && text[0].is_ascii_digit() => {
            let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
            text.split_at(digits)
        }
        None => return None,
    };
    let revision = std::str::from_utf8(opaque)
        .ok()
        .and_then(|text| text.parse().ok())
        // There is one way to write a tag; `"017"` is another tag.
        .filter(|revision: &u64| *revision > 0 && revision.to_string().as_bytes() == opaque);
    Some((Tag { weak, revision }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&[u8]]) -> Result<Option<Tags>, Failure> {
        let mut headers = HeaderMap::new();
        for line in lines {
            let value = axum::http::HeaderValue::from_bytes(line).unwrap();
            headers.append("if-match", value);
        }
        Tags::of(&headers, "if-match")
    }

    #[test]
    fn lists_weak_tags_and_opaque_strings_are_understood() {
        assert_eq!(of(&[]).unwrap(), None);
        assert_eq!(of(&[b" * "]).unwrap(), Some(Tags::Any));
        for (lines, strong) in [
            (&[&b"\"17\""[..]][..], &[17][..]),
            (&[b"17"], &[17]),
            (&[b"\"9\", \"17\" ,W/\"4\",\"9\""], &[9, 17]),
            (&[b"\"17\"", b"3"], &[3, 17]),
            (&[b", \"17\",,"], &[17]),
            (&[b"\"\", \"*\", \"a,b\", \"\xc3\xa9\""], &[]),
            (&[b"\"017\", \"+17\", \"0\", \"99999999999999999999\""], &[]),
        ] {
            let tags = of(lines).unwrap().unwrap();
            assert_eq!(tags.strong_revisions().unwrap(), strong, "{lines:?}");
            for revision in strong {
                assert!(tags.match_strongly(Some(*revision)));
            }
            assert!(!tags.match_strongly(None) && !tags.match_weakly(None));
            assert!(!tags.match_strongly(Some(4)));
        }
        let weak = of(&[b"W/\"4\""]).unwrap().unwrap();
        assert!(weak.match_weakly(Some(4)) && !weak.match_strongly(Some(4)));
        assert!(Tags::Any.match_strongly(Some(1)) && !Tags::Any.match_weakly(None));
    }

    #[test]
    fn what_is_no_list_of_tags_is_malformed() {
        for line in [
            &b""[..],
            b",",
            b"x",
            b"\"1",
            b"1\"",
            b"\"1\" \"2\"",
            b"w/\"1\"",
            b"W/1",
            b"W/",
            b"\"a b\"",
            b"*, \"1\"",
            b"-1",
        ] {
            assert!(of(&[line]).is_err(), "{line:?}");
        }
        assert!(of(&[b"*", b"*"]).is_err());
    }
}
