//! What became of each step.

use serde::Serialize;

use crate::client::datadog::SendError;
use crate::provision::object::{Identity, Kind};
use crate::provision::plan::Step;

/// What became of a plan.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// In the order in which they were done.
    pub done: Vec<Done>,
    /// What Datadog or the network refused.
    pub failed: Vec<Failed>,
    /// What was not tried.
    pub skipped: Vec<Skipped>,
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// What it is.
    pub kind: Kind,
    /// Which one.
    pub identity: Identity,
    /// What a person knows it by.
    pub title: String,
}

impl From<&Step> for Item {
    fn from(step: &Step) -> Self {
        Self { kind: step.kind, identity: step.identity.clone(), title: step.title.clone() }
    }
}

/// A step that was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Done {
    /// Of what.
    #[serde(flatten)]
    pub item: Item,
    /// What was done.
    pub what: What,
    /// Datadog's id.
    pub id: String,
    /// Where to look at it; `None` of what is deleted.
    pub link: Option<String>,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// It is new.
    Created,
    /// It was there and has become ours.
    Adopted,
    /// It was written anew.
    Updated,
    /// It was deleted and made anew.
    Recreated,
    /// A deleted dashboard is back under its id.
    Restored,
    /// It was there already and is as it was.
    Kept,
    /// It is gone.
    Deleted,
}

/// A step that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// Of what.
    #[serde(flatten)]
    pub item: Item,
    /// Why.
    pub reason: String,
    /// What to do about it.
    pub advice: String,
}

/// A step that was not tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Of what.
    #[serde(flatten)]
    pub item: Item,
    /// Why.
    pub because: String,
}

/// What to do about an error, when the error itself does not say.
pub(super) fn advice(error: &SendError, item: &Item, deletes: bool) -> String {
    match error {
        SendError::BadRequest { .. } if deletes => "take it out of what uses it, then try again".to_owned(),
        SendError::BadKey { .. }
        | SendError::NoAppKey
        | SendError::Forbidden { .. }
        | SendError::Misdirected { .. } => "mend the setting, then run this again".to_owned(),
        SendError::BadRequest { .. } => format!(
            "mend the template `{0}`; `ddsync render {0}` shows what is sent, `ddsync validate --remote` asks again",
            item.identity.template
        ),
        SendError::TooLarge | SendError::TooLong { .. } => {
            format!("make the template `{}` smaller", item.identity.template)
        }
        SendError::NotFound { .. } => "somebody has deleted it meanwhile: run this again".to_owned(),
        SendError::Conflict { .. } => "take it out of what uses it, then run this again".to_owned(),
        SendError::Duplicate { id } => {
            format!("delete monitor {id}, or change one of the two, then run this again")
        }
        SendError::RateLimited { .. } | SendError::Server { .. } | SendError::Unreachable { .. } => {
            "run this again later: whatever has been made is found by its mark, nothing is made twice".to_owned()
        }
    }
}

/// Whether every other request would fail in the same way.
pub(super) fn concerns_all(error: &SendError) -> bool {
    matches!(error, SendError::BadKey { .. } | SendError::NoAppKey | SendError::Misdirected { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provision::object::Subject;

    #[test]
    fn a_template_is_not_blamed_for_what_cannot_be_deleted() {
        let identity = Identity::new("age", Subject::Global);
        let item = Item { kind: Kind::Monitor, identity, title: String::new() };
        let error = SendError::BadRequest { status: 400, answer: "monitor [1] is referenced".to_owned() };
        assert_eq!(advice(&error, &item, true), "take it out of what uses it, then try again");
        assert!(advice(&error, &item, false).starts_with("mend the template `age`"));
    }
}
