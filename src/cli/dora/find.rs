//! A deployment out of what a person types: its id, the beginning of one, or its run.

use std::cmp::Reverse;

use super::CommandError;
use super::advice::run_name;
use super::print::printable;
use crate::config::nearest;
use crate::config::settings::GitHub;
use crate::model::dora::{Deployment, DeploymentId, Ledger, Run, RunState};
use crate::model::pipeline::quoted;

/// What ids begin with; it may be left out.
const PREFIX: &str = "ddsync:";

/// So many deployments are told.
const TOLD: usize = 10;

/// So many of the newest ones, where nothing is near.
const NEWEST: usize = 3;

/// Finds the one deployment that is meant.
///
/// # Errors
/// What there is, when none or several are meant.
pub(super) fn find<'a>(
    ledger: &'a Ledger,
    typed: &str,
    github: Option<&GitHub>,
) -> Result<&'a DeploymentId, CommandError> {
    let typed = typed.trim();
    let known = || ledger.entries.iter().filter_map(|(id, entry)| Some((id, entry.deployment.as_ref()?)));
    let found: Vec<_> = match run(typed) {
        Some(run) => known().filter(|(_, deployment)| deployment.run == run).collect(),
        None if typed.is_empty() => Vec::new(),
        None => {
            let whole = known().find(|(id, _)| id.as_str() == typed);
            let begins = |id: &DeploymentId| {
                id.as_str().starts_with(typed)
                    || id.as_str().strip_prefix(PREFIX).is_some_and(|id| id.starts_with(typed))
            };
            whole.map_or_else(|| known().filter(|(id, _)| begins(id)).collect(), |whole| vec![whole])
        }
    };
    match found.as_slice() {
        [(id, _)] => Ok(id),
        [] => Err(CommandError::Usage(unknown(ledger, typed, github))),
        several => {
            let words =
                format!("{} means {} deployments; write one of\n{}", quoted(typed), several.len(), list(several));
            Err(CommandError::Usage(words))
        }
    }
}

/// The number of a run, alone or in the URL of its page.
fn run(typed: &str) -> Option<u64> {
    let number = typed.split_once("/actions/runs/").map_or(typed, |(_, rest)| rest);
    let number = number.split(['/', '?', '#']).next()?;
    number.parse().ok()
}

fn unknown(ledger: &Ledger, typed: &str, github: Option<&GitHub>) -> String {
    if let Some(run) = run(typed).and_then(|run| ledger.runs.get(&run)) {
        return no_deployment(run, github);
    }
    let mut newest: Vec<_> =
        ledger.entries.iter().filter_map(|(id, entry)| Some((id, entry.deployment.as_ref()?))).collect();
    if newest.is_empty() {
        return format!("there is no deployment {}: none is known yet", quoted(typed));
    }
    newest.sort_by_key(|(_, deployment)| Reverse(deployment.created_at));
    let near = nearest(typed, newest.iter().map(|(id, _)| id.as_str()));
    let near: Vec<_> = newest.iter().copied().filter(|(id, _)| Some(id.as_str()) == near).collect();
    let (words, told) = match near.as_slice() {
        [] => ("the newest are", newest.get(..NEWEST).unwrap_or(&newest)),
        near => ("did you mean", near),
    };
    format!("there is no deployment {}; {words}\n{}", quoted(typed), list(told))
}

/// A run that is known and deployed nothing, as far as anybody can say.
fn no_deployment(run: &Run, github: Option<&GitHub>) -> String {
    let why = match run.state {
        RunState::Pending => "it has not ended, or was not asked about yet".to_owned(),
        RunState::NoInputs => {
            let line = run_name(github, run).unwrap_or_default();
            let title = quoted(&run.title);
            format!(
                "nothing says what it deployed, and nor does its title {title}; later runs do with this line in the workflow: {line}"
            )
        }
        RunState::NoFile => "the pipelines' file that it names cannot be read at its commit".to_owned(),
    };
    printable(&format!("run {} is no deployment: {why}; see {}", run.id, run.url))
}

fn list(found: &[(&DeploymentId, &Deployment)]) -> String {
    let mut lines: Vec<String> = found.iter().take(TOLD).map(|(id, deployment)| line(id, deployment)).collect();
    if found.len() > TOLD {
        lines.push(format!("  and {} more", found.len() - TOLD));
    }
    lines.join("\n")
}

fn line(id: &DeploymentId, deployment: &Deployment) -> String {
    let unit = &deployment.unit;
    let (pipeline, environment) = (quoted(&unit.pipeline), quoted(&unit.environment));
    format!("  {id}  {} of {pipeline} in {environment}", deployment.action.name())
}
