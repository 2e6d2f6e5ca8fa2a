//! Signals from outside that something failed, and the evidence against a deployment.

use serde::{Deserialize, Serialize};

use crate::model::dora::id::{DeploymentId, Unit};

/// Something that happened to a unit. Which deployment it speaks against is worked out from its time, so it may be
/// known before the deployment is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Signal {
    /// When it was read: of two reports with the same key the newer one is kept.
    pub as_of: i64,
    /// Whether it turned out to be nothing.
    pub withdrawn: bool,
    /// Whoever observes it names it, once in the world: `monitor:123:event:456`.
    pub key: String,
    /// To what it happened.
    pub unit: Unit,
    /// What happened.
    pub kind: SignalKind,
    /// When it happened.
    pub at: i64,
    /// In words, for a person.
    pub words: String,
    /// Where to look.
    pub link: Option<String>,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignalKind {
    /// An endpoint went back to its previous configuration by itself.
    EndpointRolledBack,
    /// An endpoint failed.
    EndpointFailed,
    /// A monitor of the pipeline alerted.
    Monitor {
        /// 1 is the most urgent.
        priority: u8,
    },
}

/// The rules by which a deployment is a failure. Each can be switched off in [`crate::model::dora::Rules`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The next deployment went back to an earlier commit or version.
    Rollback,
    /// A later deployment reverted one of its commits within the window.
    Revert,
    /// The next deployment was a hotfix, within the window.
    Hotfix,
    /// An endpoint of the pipeline failed or rolled back.
    Endpoint,
    /// An urgent monitor of the pipeline alerted soon after.
    Monitor,
    /// The `up` itself failed, and `failed_up_counts` is on.
    FailedUp,
    /// A person said so.
    Person,
}

/// Why a deployment is held to be a failure.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Evidence {
    /// When it happened.
    pub at: i64,
    /// By which rule.
    pub rule: Rule,
    /// In words.
    pub words: String,
    /// Where to look.
    pub link: Option<String>,
    /// The deployment that put it right, for a rollback, revert or hotfix.
    pub remediation: Option<DeploymentId>,
}
