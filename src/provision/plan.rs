//! The plan: a value that says exactly what will be done, object by object, field by field.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::provision::object::{Identity, Kind};

mod decide;
mod file;
mod filter;
mod mark;
mod ours;
mod summary;
#[cfg(test)]
mod tests;
mod vanish;
mod wave;

pub use decide::{Options, adopt, plan, plan_each};
pub use file::Unreadable;
pub use filter::{Choice, Filter};
pub use mark::fingerprint;
pub use summary::Summary;
pub use vanish::destroy_plan;

/// Version of [`Plan`] that this program writes and reads.
pub const VERSION: u32 = 1;

/// Key of the template of the one dashboard that knows how much is owned. Its scope is global.
pub const FLEET: &str = "fleet";

/// What is to be done so that Datadog has what should be there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Version of this object.
    pub version: u32,
    /// Which installation.
    pub namespace: String,
    /// In the order in which they are carried out.
    pub steps: Vec<Step>,
    /// Objects that are as they should be.
    pub unchanged: usize,
    /// Objects that nothing makes any more, marked and kept.
    #[serde(default)]
    pub kept: usize,
    /// What people added to our objects, which stays.
    pub extras: Vec<Extra>,
    /// What deserves a look, a line each.
    pub findings: Vec<String>,
}

/// One object, and what is done with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What it is.
    pub kind: Kind,
    /// Which one.
    pub identity: Identity,
    /// What a person knows it by.
    pub title: String,
    /// Steps of one wave may be carried out at the same time, waves only one after the other, since what a later one
    /// writes refers to what an earlier one has made.
    pub wave: u8,
    /// What is done.
    pub action: Action,
    /// [`fingerprint`] of the object that the decision was made on; `None` when there was none.
    pub was: Option<String>,
}

impl Step {
    /// What differs, of an object that is written anew.
    #[must_use]
    pub fn fields(&self) -> &[FieldChange] {
        match &self.action {
            Action::Update { fields, .. } => fields,
            _ => &[],
        }
    }
}

/// What is done with an object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is made.
    Create {
        /// Whole, with the mark; references to objects that do not exist yet are still open.
        body: Value,
    },
    /// It is written anew under its id.
    Update {
        /// Datadog's id.
        id: String,
        /// Whole, with the mark.
        body: Value,
        /// What differs.
        fields: Vec<FieldChange>,
        /// Why.
        cause: Cause,
    },
    /// It is deleted and made anew, since Datadog cannot change what has to change.
    Recreate {
        /// Datadog's id of the old one.
        id: String,
        /// Whole, with the mark.
        body: Value,
        /// What Datadog cannot change.
        because: String,
    },
    /// It is deleted.
    Delete {
        /// Datadog's id.
        id: String,
        /// Why.
        because: String,
    },
    /// It should be changed and is not.
    Blocked {
        /// Datadog's id.
        id: String,
        /// Why not, and what to do.
        because: String,
    },
}

impl Action {
    /// Datadog's id of the object, when there is one already.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Create { .. } => None,
            Self::Update { id, .. }
            | Self::Recreate { id, .. }
            | Self::Delete { id, .. }
            | Self::Blocked { id, .. } => Some(id),
        }
    }
}

/// Why an object is written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Something else should be there than what was last written.
    Change,
    /// Somebody changed what was written.
    Drift,
    /// It becomes ours.
    Adopt,
    /// What it is about has vanished: it is marked and kept for a while.
    Gone,
    /// What it is about has come back.
    Back,
}

/// One field that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldChange {
    /// For example `options.thresholds.critical` or `widgets[2].definition.title`. `widgets (order)` holds what the widgets
    /// are called; `ddsync_digest` and `owned` are parts of the mark.
    pub path: String,
    /// As Datadog has it; null when it has nothing.
    pub old: Value,
    /// As it should be.
    pub new: Value,
}

/// What a person added to one of our objects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Extra {
    /// What it is.
    pub kind: Kind,
    /// Which one.
    pub identity: Identity,
    /// Where in it.
    pub path: String,
    /// What.
    pub value: Value,
}
