//! A plan as a file, for `plan --out` and `apply --plan`.

use std::collections::HashSet;

use serde_json::Value;

use super::ours::Ours;
use crate::provision::guard::{self, Refusal};
use crate::provision::object::{Identity, Kind, Mark, World};
use crate::provision::plan::{Action, Plan, Step, VERSION};

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
    /// It was changed by hand into what no plan is.
    #[error("{kind} {identity} is not as a plan has it: make it anew with `ddsync plan --out`")]
    Changed {
        /// What it is.
        kind: Kind,
        /// Which one.
        identity: Identity,
    },
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
    /// When it is no plan, one of another version, or one that makes an object twice or gives it the mark of another.
    pub fn from_json(text: &str) -> Result<Self, Unreadable> {
        let mut plan: Value = serde_json::from_str(text)?;
        match plan.get_mut("version").map(Value::take) {
            Some(version) if version != VERSION => Err(Unreadable::Version(version)),
            version => {
                if let Some(version) = version {
                    plan["version"] = version;
                }
                let plan: Self = serde_json::from_value(plan)?;
                plan.well_formed()?;
                Ok(plan)
            }
        }
    }

    fn well_formed(&self) -> Result<(), Unreadable> {
        let mut made = HashSet::new();
        for step in &self.steps {
            let Step { kind, identity, action, .. } = step;
            let marked = |body: &Value| {
                let mark = Mark::read(*kind, body);
                mark.is_some_and(|mark| mark.namespace == self.namespace && mark.identity == *identity)
            };
            let is_fine = match action {
                Action::Create { body } => marked(body) && made.insert((kind, identity)),
                Action::Update { body, .. } | Action::Recreate { body, .. } => marked(body),
                Action::Delete { .. } | Action::Blocked { .. } => true,
            };
            if !is_fine {
                return Err(Unreadable::Changed { kind: *kind, identity: identity.clone() });
            }
        }
        Ok(())
    }

    /// Whether `world` can be true for a plan that was made before.
    ///
    /// # Errors
    /// When what Datadog lists is implausibly little.
    pub fn check(&self, world: &World, now: i64) -> Result<(), Refusal> {
        let ours = Ours::of(world, &self.namespace);
        let makes = |step: &Step| step.kind == Kind::Dashboard && matches!(step.action, Action::Create { .. });
        guard::check(&self.namespace, &ours.all, world.lists_dashboards, self.steps.iter().any(makes), now)
    }
}
