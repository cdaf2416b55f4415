//! What stands after `"ok"`, for answers that several models have.

use serde::{Deserialize, Serialize};

use super::text::{Text, nullable};

/// `{}`: done.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Done {}

/// `{"value":V or null}`.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    #[serde(deserialize_with = "nullable")]
    pub value: Option<Text>,
}

/// `{"len":N}`.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Length {
    pub len: u64,
}
