//! How far collecting has come.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// A run can be run again for so long, and keeps its `created_at`.
pub(super) const RERUN_DAYS: i64 = 30;

/// How far each workflow has been read. Save it after the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Watermarks {
    /// By `owner/name/deploy.yml`.
    workflows: BTreeMap<String, Watermark>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Watermark {
    /// Runs that were created from here on are known.
    since: DateTime<Utc>,
    /// When the last whole round began.
    looked_at: DateTime<Utc>,
}

impl Watermarks {
    /// From when on runs of a workflow have to be listed, when all since `since` are wanted.
    pub(super) fn from(&self, repository: &str, workflow: &str, since: DateTime<Utc>) -> DateTime<Utc> {
        match self.workflows.get(&name(repository, workflow)) {
            Some(mark) if mark.since <= since => since.max(mark.looked_at - TimeDelta::days(RERUN_DAYS)),
            _ => since,
        }
    }

    /// All runs of a workflow that were created since `since` were known at `now`. A narrower look than the next one has to
    /// be leaves what it did not see to that.
    pub(super) fn advance(&mut self, repository: &str, workflow: &str, since: DateTime<Utc>, now: DateTime<Utc>) {
        let new = Watermark { since, looked_at: now };
        let mark = self.workflows.entry(name(repository, workflow)).or_insert(new);
        let whole = since <= mark.since || since <= mark.looked_at - TimeDelta::days(RERUN_DAYS);
        let looked_at = if whole { now } else { mark.looked_at };
        *mark = Watermark { since: mark.since.min(since), looked_at };
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
