//! Under which condition a write is to happen.

use hyper::http::request::Builder;

use crate::api::header as names;
use crate::service::{Condition, Guard};

/// Under which condition a write is to happen.
///
/// ```
/// use quorate::client::WriteOptions;
///
/// let options = WriteOptions::default()
///     .idempotency_key("order-17")
///     .at_revision(42)
///     .under_lease("printer", 3);
/// assert_eq!(options.guard.unwrap().token, 3);
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct WriteOptions {
    /// Only then.
    pub condition: Condition,
    /// At most once for this key: what makes a retry safe.
    pub idempotency_key: Option<String>,
    /// Under this lease.
    pub guard: Option<Guard>,
}

impl WriteOptions {
    /// Only when the key is at this revision.
    pub fn at_revision(mut self, revision: u64) -> Self {
        self.condition = Condition::Revision(revision);
        self
    }

    /// Only when the key does not exist.
    pub fn when_absent(mut self) -> Self {
        self.condition = Condition::Absent;
        self
    }

    /// At most once for this key.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// Only while no newer token was seen than this one of the lease.
    pub fn under_lease(mut self, lease: impl Into<String>, token: u64) -> Self {
        self.guard = Some(Guard {
            lease: lease.into(),
            token,
        });
        self
    }

    pub(super) fn apply(&self, mut request: Builder) -> Builder {
        request = match self.condition {
            Condition::Always => request,
            Condition::Revision(revision) => {
                request.header(names::IF_MATCH, format!("\"{revision}\""))
            }
            Condition::Exists => request.header(names::IF_MATCH, "*"),
            Condition::Absent => request.header(names::IF_NONE_MATCH, "*"),
        };
        if let Some(key) = &self.idempotency_key {
            request = request.header(names::IDEMPOTENCY_KEY, quoted(key));
        }
        if let Some(guard) = &self.guard {
            let lease = percent_encoded(&guard.lease);
            request = request.header(names::FENCING_TOKEN, format!("{lease}:{}", guard.token));
        }
        request
    }
}

/// A string of RFC 9651 §3.3.3.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A name as one segment of a path: all but RFC 3986's unreserved letters is encoded.
pub(super) fn percent_encoded(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_keys_survive_the_way() {
        assert_eq!(percent_encoded("a/b c~ä"), "a%2Fb%20c~%C3%A4");
        assert_eq!(quoted(r#"a"\b"#), r#""a\"\\b""#);
    }

    #[test]
    fn a_token_names_its_lease_so_that_a_colon_in_it_does_no_harm() {
        let request = WriteOptions::default()
            .under_lease("a:b", 7)
            .when_absent()
            .apply(hyper::Request::builder())
            .body(())
            .unwrap();
        assert_eq!(request.headers()[names::FENCING_TOKEN], "a%3Ab:7");
        assert_eq!(request.headers()[names::IF_NONE_MATCH], "*");
    }
}
