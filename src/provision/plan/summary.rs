//! A plan in numbers.

use std::fmt;

use serde::Serialize;

use crate::provision::plan::{Action, Cause, Plan};

/// How many objects a plan does what with. [`fmt::Display`] is one line for a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// To create.
    pub create: usize,
    /// To change, drift included.
    pub change: usize,
    /// Of those to change, how many were changed by somebody.
    pub drift: usize,
    /// To adopt.
    pub adopt: usize,
    /// To mark as vanished.
    pub gone: usize,
    /// To take that mark off.
    pub back: usize,
    /// To delete and make anew.
    pub recreate: usize,
    /// To delete.
    pub delete: usize,
    /// To be left alone, though they should be changed.
    pub blocked: usize,
    /// As they should be.
    pub unchanged: usize,
    /// Marked as gone before, and kept.
    pub kept: usize,
}

impl Plan {
    /// The plan in numbers.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let mut summary = Summary { unchanged: self.unchanged, kept: self.kept, ..Summary::default() };
        for step in &self.steps {
            let Summary { create, change, drift, adopt, gone, back, recreate, delete, blocked, .. } = &mut summary;
            let count = match &step.action {
                Action::Create { .. } => create,
                Action::Update { cause: Cause::Change, .. } => change,
                Action::Update { cause: Cause::Drift, .. } => {
                    *drift += 1;
                    change
                }
                Action::Update { cause: Cause::Adopt, .. } => adopt,
                Action::Update { cause: Cause::Gone, .. } => gone,
                Action::Update { cause: Cause::Back, .. } => back,
                Action::Recreate { .. } => recreate,
                Action::Delete { .. } => delete,
                Action::Blocked { .. } => blocked,
            };
            *count += 1;
        }
        summary
    }

    /// Whether carrying it out writes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.iter().all(|step| matches!(step.action, Action::Blocked { .. }))
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let drift = if self.drift > 0 { format!(" ({} drift)", self.drift) } else { String::new() };
        let parts = [
            (self.create, "to create"),
            (self.change, &format!("to change{drift}")),
            (self.adopt, "to adopt"),
            (self.recreate, "to delete and make anew"),
            (self.gone, "to mark as gone"),
            (self.back, "back again"),
            (self.delete, "to delete"),
            (self.blocked, "blocked"),
        ];
        let parts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        let parts = if parts.is_empty() { "nothing to do".to_owned() } else { parts.join(", ") };
        write!(f, "{parts}, {} unchanged", self.unchanged)?;
        if self.kept > 0 { write!(f, ", {} gone and kept", self.kept) } else { Ok(()) }
    }
}
