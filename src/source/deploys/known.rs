//! What the ledger knows of runs, and so what is left to ask.

use std::collections::HashMap;

use crate::client::github;
use crate::config::settings::Workflow;
use crate::model::dora::{AttemptState, Deployment, Ledger, Run, RunState};

/// GitHub allows 50 re-runs. <https://docs.github.com/en/actions/how-tos/manage-workflow-runs/re-run-workflows-and-jobs>
const MOST_ATTEMPTS: u32 = 100;

/// Seconds for which GitHub is asked again for what it did not have.
pub(super) const AGAIN: i64 = 24 * 3_600;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Attributed,
    Unattributed,
    Pending,
}

/// What is left to do about a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Left {
    /// Nothing: it is known.
    Nothing(Fate),
    /// These attempts are to be read, oldest first.
    Attempts(Vec<u32>),
}

/// Deployments by their runs.
pub(super) struct Known<'a> {
    ledger: &'a Ledger,
    by_run: HashMap<u64, Vec<&'a Deployment>>,
}

impl<'a> Known<'a> {
    pub(super) fn of(ledger: &'a Ledger) -> Self {
        let mut by_run: HashMap<u64, Vec<&Deployment>> = HashMap::new();
        for deployment in ledger.deployments() {
            by_run.entry(deployment.run).or_default().push(deployment);
        }
        Self { ledger, by_run }
    }

    pub(super) fn deployments(&self, run: u64) -> Vec<Deployment> {
        self.by_run.get(&run).into_iter().flatten().map(|deployment| (*deployment).clone()).collect()
    }

    pub(super) fn run(&self, id: u64) -> Option<&'a Run> {
        self.ledger.runs.get(&id)
    }

    /// Runs of a workflow that had not ended when they were last looked at: id and `created_at`.
    pub(super) fn unfinished(&self, repository: &str, file: &str) -> Vec<(u64, i64)> {
        let ours = |of: &str, path: &str| of.eq_ignore_ascii_case(repository) && path.rsplit('/').next() == Some(file);
        let runs = self.ledger.runs.values().filter(|run| run.state == RunState::Pending);
        let runs = runs.filter(|run| ours(&run.repository, &run.workflow)).map(|run| (run.id, run.created_at));
        let running =
            |deployment: &&Deployment| deployment.attempts.values().any(|it| it.state == AttemptState::Running);
        let deployed = self.ledger.deployments().filter(running);
        let deployed = deployed.filter(|it| ours(&it.origin.repository, &it.origin.workflow));
        let mut all: Vec<(u64, i64)> = runs.chain(deployed.map(|it| (it.run, it.created_at))).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// What is left to ask about a run of which these deployments, or this record, are known.
pub(super) fn left(
    run: &github::Run,
    known: &[Deployment],
    record: Option<&Run>,
    workflow: &Workflow,
    now: i64,
) -> Left {
    let attempts = run.run_attempt.saturating_sub(MOST_ATTEMPTS).max(1)..=run.run_attempt.max(1);
    if !known.is_empty() {
        let open = |deployment: &Deployment, number: u32| {
            deployment.attempts.get(&number).is_none_or(|attempt| attempt.state == AttemptState::Running)
        };
        let open: Vec<u32> = attempts.filter(|number| known.iter().any(|it| open(it, *number))).collect();
        return if open.is_empty() { Left::Nothing(Fate::Attributed) } else { Left::Attempts(open) };
    }
    let title = run.display_title.as_deref().unwrap_or_default();
    let settled = record.filter(|record| record.as_of >= as_of(run)).is_some_and(|record| match record.state {
        RunState::Pending => false,
        // A new pattern may read what the old one could not.
        RunState::NoInputs => workflow.run_name.read(title).is_none(),
        // GitHub may not have found what had just been pushed.
        RunState::NoFile => now - record.as_of > AGAIN,
    });
    if settled { Left::Nothing(Fate::Unattributed) } else { Left::Attempts(attempts.collect()) }
}

/// When a run was last changed.
pub(super) fn as_of(run: &github::Run) -> i64 {
    run.updated_at.unwrap_or(run.created_at).timestamp()
}

pub(super) fn is_over(run: &github::Run) -> bool {
    run.status.as_deref() == Some("completed")
}
