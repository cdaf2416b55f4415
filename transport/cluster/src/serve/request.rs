//! What a request asks for, read from its path, query, headers and body.

use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use quorate_consistency::Level;
use quorate_consistency::session::Session;
use quorate_idempotency::Key;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Failure;
use super::app::App;
use super::tags::Tags;
use crate::api::header as names;
use crate::api::{MAX_NAME_BYTES, MAX_VALUE_BYTES, ProblemKind};
use crate::service::{Condition, Guard, MAX_REVISIONS, Operation};

/// The largest JSON body that is read.
const MAX_JSON_BYTES: usize = 16 << 10;
/// How much of a body that is too large is read and thrown away, so that the client gets to read
/// the answer before the connection closes.
const MAX_DISCARDED_BYTES: usize = 8 << 20;

/// How long a body may take to arrive. A client that dribbles must not keep its place for ever.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// What every request may carry.
#[derive(Debug)]
pub(super) struct Asked {
    /// The key, counter or lease that the path names.
    pub(super) name: String,
    /// Where to send the client when another node must answer.
    pub(super) uri: Uri,
    /// What the client's session has seen.
    pub(super) session: Session,
    pub(super) headers: HeaderMap,
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let name = match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(name)) => checked_name(name)?,
            Err(PathRejection::FailedToDeserializePathParams(error)) => {
                return Err(Failure::new(
                    ProblemKind::BadName,
                    format!("the name in the path is not percent-encoded UTF-8: {error}"),
                ));
            }
            Err(error) => return Err(Failure::malformed(error.to_string())),
        };
        let session = match one(&parts.headers, names::SESSION_TOKEN)? {
            None => Session::default(),
            Some(text) => Session::default().with_token(
                text.parse()
                    .map_err(|error| Failure::malformed(format!("Session-Token: {error}")))?,
            ),
        };
        Ok(Self {
            name,
            uri: parts.uri.clone(),
            session,
            headers: parts.headers.clone(),
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadQuery {
    consistency: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseQuery {
    token: Option<u64>,
}

impl Asked {
    /// The token in the query of a release.
    pub(super) fn token(&self) -> Result<Option<u64>, Failure> {
        Query::<ReleaseQuery>::try_from_uri(&self.uri)
            .map(|Query(query)| query.token)
            .map_err(|error| {
                Failure::malformed(format!("{error}; the query may have token=<number>"))
            })
    }

    /// The level that a read asks for; linearizable when it asks for none.
    pub(super) fn level(&self) -> Result<Level, Failure> {
        let Query(query) = Query::<ReadQuery>::try_from_uri(&self.uri).map_err(|error| {
            Failure::malformed(format!(
                "{error}; the query may have consistency=linearizable, lease, session, \
                 bounded-<milliseconds> or eventual"
            ))
        })?;
        match query.consistency {
            None => Ok(Level::Linearizable),
            Some(text) => text
                .parse()
                .map_err(|error| Failure::malformed(format!("consistency={text}: {error}"))),
        }
    }

    /// The idempotency key that a write carries.
    pub(super) fn idempotency_key(&self) -> Result<Option<String>, Failure> {
        one(&self.headers, names::IDEMPOTENCY_KEY)?
            .map(|text| {
                Key::parse_header("", text.as_bytes())
                    .map(|key| key.name().to_owned())
                    .map_err(|error| Failure::malformed(format!("Idempotency-Key: {error}")))
            })
            .transpose()
    }

    /// When a write is to happen.
    pub(super) fn condition(&self) -> Result<When, Failure> {
        let known = self.known()?;
        match (known.if_match, known.if_none_match) {
            (None, None) => Ok(When::Simply(Condition::Always)),
            (Some(tags), None) => match tags.strong_revisions().as_deref() {
                None => Ok(When::Simply(Condition::Exists)),
                // What is no revision of anything here is well-formed, and matches nothing.
                Some([]) => Ok(When::Simply(Condition::Revision(0))),
                Some([revision]) => Ok(When::Simply(Condition::Revision(*revision))),
                Some(revisions) if revisions.len() > MAX_REVISIONS => {
                    Err(Failure::malformed(format!(
                        "If-Match names {} revisions; it may name {MAX_REVISIONS}",
                        revisions.len()
                    )))
                }
                Some(revisions) => Ok(When::AtAny(revisions.to_vec())),
            },
            (None, Some(Tags::Any)) => Ok(When::Simply(Condition::Absent)),
            (None, Some(Tags::These(_))) => Err(Failure::malformed(
                "If-None-Match names tags; a write takes only *, which means that the key must not \
                 exist",
            )),
            (Some(_), Some(_)) => Err(Failure::malformed(
                "If-Match and If-None-Match are both given; a write takes one",
            )),
        }
    }

    /// Refuses conditions where they mean nothing, so that none is silently ignored.
    pub(super) fn no_condition(&self) -> Result<(), Failure> {
        match self.condition()? {
            When::Simply(Condition::Always) => Ok(()),
            _ => Err(Failure::malformed(
                "If-Match and If-None-Match go with PUT and DELETE of /v1/kv/{key} only",
            )),
        }
    }

    /// What a client knows of what it asks for.
    pub(super) fn known(&self) -> Result<Known, Failure> {
        Ok(Known {
            if_match: Tags::of(&self.headers, names::IF_MATCH)?,
            if_none_match: Tags::of(&self.headers, names::IF_NONE_MATCH)?,
        })
    }

    /// The lease under which a client writes.
    pub(super) fn guard(&self) -> Result<Option<Guard>, Failure> {
        let Some(text) = one(&self.headers, names::FENCING_TOKEN)? else {
            return Ok(None);
        };
        let malformed =
            || Failure::malformed(format!("Fencing-Token: {text} is not <lease name>:<token>"));
        let (lease, token) = text.rsplit_once(':').ok_or_else(malformed)?;
        Ok(Some(Guard {
            lease: checked_name(percent_decoded(lease).ok_or_else(malformed)?)?,
            token: token.parse().map_err(|_| malformed())?,
        }))
    }
}

/// What a client says it knows of what it asks for.
#[derive(Debug)]
pub(super) struct Known {
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
}

impl Known {
    /// Whether the client wants another state than this one, or than none.
    pub(super) fn is_refused(&self, revision: Option<u64>) -> bool {
        let wanted = self.if_match.as_ref();
        wanted.is_some_and(|tags| !tags.match_strongly(revision))
    }

    /// Whether the client has this state already.
    pub(super) fn is_up_to_date(&self, revision: u64) -> bool {
        let had = self.if_none_match.as_ref();
        had.is_some_and(|tags| tags.match_weakly(Some(revision)))
    }
}

/// When a write is to happen.
#[derive(Debug)]
pub(super) enum When {
    Simply(Condition),
    /// When the key is at one of these revisions: at least two, ascending.
    AtAny(Vec<u64>),
}

impl When {
    /// The operation that happens only then.
    pub(super) fn guarding(self, write: impl FnOnce(Condition) -> Operation) -> Operation {
        match self {
            Self::Simply(condition) => write(condition),
            Self::AtAny(revisions) => Operation::AtAny {
                revisions,
                write: Box::new(write(Condition::Always)),
            },
        }
    }
}

/// The only value of a header.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Failure> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Failure::malformed(format!("{name} is given twice")));
    }
    value
        .to_str()
        .map(|text| Some(text.trim()))
        .map_err(|_| Failure::malformed(format!("{name} is not visible ASCII")))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut left = text.bytes();
    while let Some(byte) = left.next() {
        if byte == b'%' {
            let mut digit = || char::from(left.next()?).to_digit(16);
            let (high, low) = (digit()?, digit()?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn checked_name(name: String) -> Result<String, Failure> {
    if name.is_empty() || name.len() > MAX_NAME_BYTES {
        return Err(Failure::new(
            ProblemKind::BadName,
            format!(
                "the name has {} bytes; it may have 1 to {MAX_NAME_BYTES}",
                name.len()
            ),
        ));
    }
    Ok(name)
}

/// The body of a write to a key.
pub(super) async fn value(app: &App, body: Body) -> Result<Bytes, Failure> {
    match read(app, body, MAX_VALUE_BYTES).await? {
        Ok(value) => Ok(value),
        Err(TooLarge) => Err(Failure::new(
            ProblemKind::ValueTooLarge,
            format!("the value may have {MAX_VALUE_BYTES} bytes, and this one has more"),
        )),
    }
}

/// A JSON object as the body. An array of the fields in their order would do for serde, and would
/// change its meaning with every new field.
pub(super) async fn json<T: DeserializeOwned>(app: &App, body: Body) -> Result<T, Failure> {
    match optional_json(app, body).await? {
        Some(value) => Ok(value),
        None => Err(Failure::malformed("the body is not a JSON object")),
    }
}

/// As [`json`], or no body at all.
pub(super) async fn optional_json<T: DeserializeOwned>(
    app: &App,
    body: Body,
) -> Result<Option<T>, Failure> {
    let Ok(bytes) = read(app, body, MAX_JSON_BYTES).await? else {
        return Err(Failure::new(
            ProblemKind::ValueTooLarge,
            format!("a JSON body may have {MAX_JSON_BYTES} bytes, and this one has more"),
        ));
    };
    if bytes.is_empty() {
        return Ok(None);
    }
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(Failure::malformed("the body is not a JSON object"));
    }
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| Failure::malformed(format!("the body is not the JSON asked for: {error}")))
}

struct TooLarge;

async fn read(app: &App, body: Body, limit: usize) -> Result<Result<Bytes, TooLarge>, Failure> {
    // Without a body there is nothing to wait for.
    if body.is_end_stream() {
        return Ok(Ok(Bytes::new()));
    }
    let _place = app.admit_body()?;
    tokio::time::timeout(BODY_TIMEOUT, read_all(body, limit))
        .await
        .unwrap_or_else(|_| {
            Err(Failure::malformed(format!(
                "the body did not arrive within {} s",
                BODY_TIMEOUT.as_secs()
            )))
        })
}

async fn read_all(mut body: Body, limit: usize) -> Result<Result<Bytes, TooLarge>, Failure> {
    let mut bytes = BytesMut::new();
    let mut seen = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame = frame
            .map_err(|error| Failure::malformed(format!("the body could not be read: {error}")))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        seen = seen.saturating_add(data.len());
        if seen > MAX_DISCARDED_BYTES {
            break;
        }
        if seen <= limit {
            bytes.extend_from_slice(&data);
        }
    }
    Ok(if seen <= limit {
        Ok(bytes.freeze())
    } else {
        Err(TooLarge)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_decoding_refuses_what_is_not_text() {
        assert_eq!(percent_decoded("a%2Fb%3a").as_deref(), Some("a/b:"));
        for malformed in ["%", "%2", "%zz", "%ff"] {
            assert_eq!(percent_decoded(malformed), None, "{malformed}");
        }
    }
}
