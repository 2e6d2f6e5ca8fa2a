//! What is deployed where, and the name of one deployment.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::tag::normalize_value;

/// Longest id that Datadog takes, in bytes. <https://docs.datadoghq.com/api/latest/dora-metrics/>
pub const MAX_ID: usize = 128;

/// One pipeline in one environment: what every metric is about. Names as the YAML file and the workflow's input say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Unit {
    /// The pipeline's name.
    pub pipeline: String,
    /// For example `data_prod`.
    pub environment: String,
}

/// A unit as the values of tags: what makes two spellings one unit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UnitKey {
    /// Value of the tag `pipeline`.
    pub pipeline: String,
    /// Value of the tag `environment`.
    pub environment: String,
}

impl Unit {
    /// A unit of these names.
    #[must_use]
    pub fn new(pipeline: impl Into<String>, environment: impl Into<String>) -> Self {
        Self { pipeline: pipeline.into(), environment: environment.into() }
    }

    /// Units are compared as their series are. Two names that meet here are told by [`crate::model::dora::Ledger::collisions`].
    #[must_use]
    pub fn key(&self) -> UnitKey {
        UnitKey { pipeline: value(&self.pipeline), environment: value(&self.environment) }
    }
}

fn value(name: &str) -> String {
    let value = normalize_value(name);
    if value.is_empty() { "none".to_owned() } else { value }
}

impl fmt::Display for UnitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.pipeline, self.environment)
    }
}

/// What a run was asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Creates or changes: the only one that can be a deployment in the sense of the metrics.
    Up,
    /// Takes away: a kind of its own.
    Destroy,
    /// Changes nothing and never counts.
    Preview,
}

impl Action {
    /// As the workflow's input says.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Destroy => "destroy",
            Self::Preview => "preview",
        }
    }

    /// Reads [`Action::name`], and nothing else.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Up, Self::Destroy, Self::Preview].into_iter().find(|action| action.name() == word)
    }
}

/// The name of one deployment here and in Datadog: 16 to 128 of `[A-Za-z0-9-_.:]`.
///
/// `ddsync:RUN:ACTION:ENVIRONMENT:PIPELINE`, or `ddsync:RUN:DIGEST` when a name has other characters, a colon, or is too
/// long: the digest is of the names as they are, so two names that look alike in a tag stay apart. The repository is
/// not in it: run ids are unique on a GitHub server, and a renamed repository must not double its deployments.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeploymentId(String);

impl DeploymentId {
    /// The id of one action of one pipeline in one environment by one run.
    #[must_use]
    pub fn new(run: u64, action: Action, unit: &Unit) -> Self {
        let Unit { pipeline, environment } = unit;
        let (prefix, action) = (Self::prefix(run), action.name());
        let readable = format!("{prefix}{action}:{environment}:{pipeline}");
        if is_plain(pipeline) && is_plain(environment) && readable.len() <= MAX_ID {
            return Self(readable);
        }
        // The lengths keep ("a", "bc") and ("ab", "c") apart.
        let names = format!("{action}:{}:{environment}:{}:{pipeline}", environment.len(), pipeline.len());
        Self(prefix + &hex(&Sha256::digest(names.as_bytes())[..16]))
    }

    /// An id as a person typed it or Datadog listed it; it need not exist.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// What the ids of all deployments of a run begin with. Eleven digits are what GitHub's ids have today, and enough
    /// for Datadog's 16 characters.
    pub(super) fn prefix(run: u64) -> String {
        format!("ddsync:{run:011}:")
    }

    /// As sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeploymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [b >> 4, b & 15]).map(|nibble| char::from(DIGITS[usize::from(nibble)])).collect()
}
