//! Which deployments a report is about.

use std::collections::BTreeSet;

use clap::Args;
use serde::Serialize;

use super::CommandError;
use crate::config::nearest;
use crate::model::dora::{Deployment, Ledger};
use crate::model::pipeline::quoted;
use crate::model::tag::normalize_value;

/// Heading of the help.
const WHICH: &str = "Which deployments (each may be given more than once)";

/// So many names are told where none is near.
const TOLD: usize = 10;

/// Without any of these, all deployments.
#[derive(Debug, Clone, Default, Args, Serialize)]
pub(super) struct FilterArgs {
    /// Of this pipeline.
    #[arg(long, help_heading = WHICH, value_name = "NAME")]
    pub(super) pipeline: Vec<String>,
    /// Of this team, as the pipeline's file said when it was deployed.
    #[arg(long, help_heading = WHICH, value_name = "NAME")]
    pub(super) team: Vec<String>,
    /// Of this environment.
    #[arg(long, help_heading = WHICH, value_name = "NAME")]
    pub(super) environment: Vec<String>,
}

/// What may be asked for: the word, the names, and where a deployment has its own.
type Part<'a> = (&'static str, &'a [String], fn(&Deployment) -> Option<&str>);

impl FilterArgs {
    fn parts(&self) -> [Part<'_>; 3] {
        [
            ("pipeline", &self.pipeline, |it| Some(&it.unit.pipeline)),
            ("team", &self.team, |it| it.team.as_deref()),
            ("environment", &self.environment, |it| Some(&it.unit.environment)),
        ]
    }

    /// Whether a deployment is meant.
    pub(super) fn wants(&self, deployment: &Deployment) -> bool {
        self.parts().iter().all(|(_, names, own)| {
            names.is_empty() || own(deployment).is_some_and(|own| names.iter().any(|name| same(name, own)))
        })
    }

    /// A name that nothing has is mistyped, and would be missing from a comparison in silence.
    ///
    /// # Errors
    /// What may have been meant.
    pub(super) fn check(&self, ledger: &Ledger) -> Result<(), CommandError> {
        if ledger.deployments().next().is_none() {
            return Ok(());
        }
        for (word, names, own) in self.parts() {
            let known: BTreeSet<&str> = ledger.deployments().filter_map(own).collect();
            if let Some(name) = names.iter().find(|name| !known.iter().any(|known| same(name, known))) {
                let words = format!("no deployment is of the {word} {}{}", quoted(name), hint(word, name, &known));
                return Err(CommandError::Usage(words));
            }
        }
        if ledger.deployments().any(|deployment| self.wants(deployment)) {
            return Ok(());
        }
        Err(CommandError::Usage(format!(
            "no deployment is of {} at once; `ddsync dora report` without filters shows which there are",
            self.words()
        )))
    }

    /// What is asked for; empty when that is everything.
    pub(super) fn words(&self) -> String {
        let parts = self.parts().into_iter().filter(|(_, names, _)| !names.is_empty()).map(|(word, names, _)| {
            let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
            format!("{word} {}", names.join(" or "))
        });
        parts.collect::<Vec<_>>().join(", ")
    }
}

fn hint(word: &str, name: &str, known: &BTreeSet<&str>) -> String {
    if let Some(near) = nearest(name, known.iter().copied()) {
        return format!("; did you mean {}?", quoted(near));
    }
    let told: Vec<String> = known.iter().take(TOLD).map(|name| quoted(name)).collect();
    let more = if known.len() > TOLD { format!(" and {} more", known.len() - TOLD) } else { String::new() };
    if told.is_empty() {
        format!("; no deployment names its {word}")
    } else {
        format!("; there {} {}{more}", if known.len() == 1 { "is" } else { "are" }, told.join(", "))
    }
}

/// Names are compared as the values of tags.
fn same(a: &str, b: &str) -> bool {
    normalize_value(a) == normalize_value(b)
}
