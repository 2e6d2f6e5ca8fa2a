//! How far collecting has come.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::config::settings::Workflow;

/// A run can be run again for so long, and keeps its `created_at`.
pub const RERUN_DAYS: i64 = 30;

/// How far each workflow has been read. Save it after the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Watermarks {
    /// By `owner/name/deploy.yml`.
    workflows: BTreeMap<String, Watermark>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Watermark {
    /// Runs that were created from here on are known.
    since: DateTime<Utc>,
    /// When the last whole round began.
    looked_at: DateTime<Utc>,
    /// How names of jobs were read: others may tell what these could not.
    #[serde(default)]
    job_name: String,
}

impl Watermarks {
    /// From when on runs of a workflow have to be listed, when all since `since` are wanted.
    pub(super) fn from(&self, repository: &str, workflow: &Workflow, since: DateTime<Utc>) -> DateTime<Utc> {
        match self.workflows.get(&name(repository, &workflow.file)) {
            Some(mark) if mark.since <= since && !self.is_renamed(repository, workflow) => {
                since.max(mark.looked_at - TimeDelta::days(RERUN_DAYS))
            }
            _ => since,
        }
    }

    /// Whether jobs of a workflow were last read by another pattern than its own: that may tell what the other could not.
    pub(super) fn is_renamed(&self, repository: &str, workflow: &Workflow) -> bool {
        let mark = self.workflows.get(&name(repository, &workflow.file));
        mark.is_some_and(|mark| mark.job_name != workflow.job_name.to_string())
    }

    /// All runs of a workflow that were created since `since` were known at `now`. A narrower look than the next one has to
    /// be leaves what it did not see to that.
    pub(super) fn advance(&mut self, repository: &str, workflow: &Workflow, since: DateTime<Utc>, now: DateTime<Utc>) {
        let new = Watermark { since, looked_at: now, job_name: workflow.job_name.to_string() };
        let renamed = self.is_renamed(repository, workflow);
        let mark = self.workflows.entry(name(repository, &workflow.file)).or_insert_with(|| new.clone());
        if since <= mark.since || (!renamed && since <= mark.looked_at - TimeDelta::days(RERUN_DAYS)) {
            *mark = Watermark { since: mark.since.min(since), ..new };
        }
    }

    /// Lists again what was created at `since` or later: a part of the ledger was lost.
    pub fn set_back(&mut self, since: DateTime<Utc>) {
        for mark in self.workflows.values_mut() {
            mark.looked_at = mark.looked_at.min(since + TimeDelta::days(RERUN_DAYS));
        }
    }

    /// From when on the runs of any workflow are known; nothing when none was ever read.
    #[must_use]
    pub fn since(&self) -> Option<DateTime<Utc>> {
        self.workflows.values().map(|mark| mark.since).min()
    }

    /// When every workflow had last been read whole; nothing when one never was.
    #[must_use]
    pub fn looked_at(&self) -> Option<DateTime<Utc>> {
        self.workflows.values().map(|mark| mark.looked_at).min()
    }
}

fn name(repository: &str, workflow: &str) -> String {
    format!("{repository}/{workflow}")
}
