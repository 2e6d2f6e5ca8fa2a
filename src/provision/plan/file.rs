//! A plan as a file, for `plan --out` and `apply --plan`.

use serde_json::Value;

use crate::provision::plan::{Plan, VERSION};

/// Why a text is no plan.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It is no plan at all.
    #[error("this is no plan of ddsync: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Another program wrote it.
    #[error(
        "this plan has version {0}, and this ddsync reads version {VERSION}: make it anew with `ddsync plan --out`"
    )]
    Version(Value),
}

impl Plan {
    /// The plan as JSON.
    ///
    /// # Errors
    /// None that are known of; `serde_json` has the last word.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }

    /// Reads what [`Plan::to_json`] wrote.
    ///
    /// # Errors
    /// When it is no plan, or one of another version.
    pub fn from_json(text: &str) -> Result<Self, Unreadable> {
        let mut plan: Value = serde_json::from_str(text)?;
        match plan.get_mut("version").map(Value::take) {
            Some(version) if version != VERSION => Err(Unreadable::Version(version)),
            version => {
                if let Some(version) = version {
                    plan["version"] = version;
                }
                Ok(serde_json::from_value(plan)?)
            }
        }
    }
}
