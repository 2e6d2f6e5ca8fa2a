//! What Datadog has to be told: a comparison of what is concluded with what it said yes to. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::dora::{DeploymentId, Judged, Ledger, Life, Outcome, Remedied, Rule, Sent, Standing};
use crate::sink::dora::body::times;
use crate::sink::dora::marker;

/// Nothing done.
static UNTOUCHED: Life =
    Life { seen: None, attributed: None, sent: None, marked: None, unmarked: None, remedied: None, posted: None };

/// What was done about each deployment, this delivery included.
#[derive(Debug)]
pub(super) struct Lives<'a> {
    ledger: &'a Ledger,
    changed: BTreeMap<DeploymentId, Life>,
}

impl<'a> Lives<'a> {
    pub(super) fn new(ledger: &'a Ledger) -> Self {
        Self { ledger, changed: BTreeMap::new() }
    }

    pub(super) fn of(&self, id: &DeploymentId) -> &Life {
        let kept = || self.ledger.entries.get(id).map_or(&UNTOUCHED, |entry| &entry.life);
        self.changed.get(id).unwrap_or_else(kept)
    }

    pub(super) fn sent(&mut self, id: &DeploymentId, sent: Sent) {
        self.change(id).sent = Some(sent);
    }

    pub(super) fn posted(&mut self, id: &DeploymentId, now: i64) {
        self.change(id).posted = Some(now);
    }

    pub(super) fn marked(&mut self, id: &DeploymentId, mark: &Mark<'_>, now: i64) {
        let life = self.change(id);
        match mark {
            Mark::Sound => life.unmark(now),
            Mark::Failed(remedy) => {
                life.mark(now);
                if let Some(remedy) = remedy {
                    // Later than what was told before: within one second the order would be lost.
                    let at = life.remedied.as_ref().map_or(now, |before| now.max(before.at.saturating_add(1)));
                    life.remedied = Some(Remedied { at, by: remedy.by.clone() });
                }
            }
        }
    }

    /// As if nothing had been done about it in this delivery.
    pub(super) fn forget(&mut self, id: &DeploymentId) {
        self.changed.remove(id);
    }

    fn change(&mut self, id: &DeploymentId) -> &mut Life {
        let kept = self.ledger.entries.get(id);
        self.changed.entry(id.clone()).or_insert_with(|| kept.map_or(&UNTOUCHED, |entry| &entry.life).clone())
    }

    pub(super) fn into_changed(self) -> BTreeMap<DeploymentId, Life> {
        self.changed
    }
}

/// What is to be said of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mark<'a> {
    /// It failed, and perhaps something put it right.
    Failed(Option<Remedy<'a>>),
    /// It did not.
    Sound,
}

/// What put a failure right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Remedy<'a> {
    pub(super) by: &'a DeploymentId,
    pub(super) is_rollback: bool,
}

/// Whether Datadog is to have it.
pub(super) fn counts(judged: &Judged<'_>) -> bool {
    matches!(judged.standing, Standing::Counts | Standing::CountsAsFailedUp) && times(judged).is_some()
}

/// Deployments that Datadog has not said yes to, in the order in which they ended.
pub(super) fn unsent<'j, 'a>(judged: &'j [Judged<'a>], lives: &Lives<'_>) -> Vec<&'j Judged<'a>> {
    judged.iter().filter(|judged| counts(judged) && lives.of(&judged.id).sent.is_none()).collect()
}

/// Deployments that the next delivery looks for in Datadog, and sends where they are not, in the order in which they ended.
#[must_use]
pub fn undelivered<'j, 'a>(ledger: &Ledger, judged: &'j [Judged<'a>]) -> Vec<&'j Judged<'a>> {
    unsent(judged, &Lives::new(ledger))
}

/// What has to be said of those that Datadog has. Of the `unsure` nobody knows what was said before.
pub(super) fn marks<'j>(
    judged: &'j [Judged<'_>],
    lives: &Lives<'_>,
    unsure: &BTreeSet<DeploymentId>,
) -> Vec<(&'j DeploymentId, Mark<'j>)> {
    let by_id: BTreeMap<&DeploymentId, &Judged<'_>> = judged.iter().map(|judged| (&judged.id, judged)).collect();
    let mark = |failed: &'j Judged<'_>| {
        let life = lives.of(&failed.id);
        life.sent?;
        if !failed.failure {
            return (life.is_marked() || unsure.contains(&failed.id)).then_some((&failed.id, Mark::Sound));
        }
        let remedy = remedy(failed, &by_id, lives);
        let told = life.remedied.as_ref().map(|remedied| &remedied.by);
        let news = remedy.as_ref().is_some_and(|remedy| told != Some(remedy.by));
        (!life.is_marked() || news).then_some((&failed.id, Mark::Failed(remedy)))
    };
    judged.iter().filter_map(mark).collect()
}

/// What put it right, when Datadog has that too. A re-run of an older deployment is no deployment of its own there: its
/// times lie before the failure, and would make the recovery negative.
fn remedy<'j>(
    failed: &'j Judged<'_>,
    by_id: &BTreeMap<&DeploymentId, &Judged<'_>>,
    lives: &Lives<'_>,
) -> Option<Remedy<'j>> {
    let by = &failed.recovery.as_ref()?.by;
    let later = by_id.get(by).is_some_and(|by| by.finished_at() >= failed.finished_at());
    let is_rollback = failed.evidence.iter().any(|it| it.rule == Rule::Rollback && it.remediation.as_ref() == Some(by));
    (later && lives.of(by).sent.is_some()).then_some(Remedy { by, is_rollback })
}

/// Deployments that have no marker yet and can have one: what changed the environment, or may have, and is not too old.
pub(super) fn unposted<'j, 'a>(judged: &'j [Judged<'a>], lives: &Lives<'_>, now: i64) -> Vec<&'j Judged<'a>> {
    let wanted = |judged: &&Judged<'_>| {
        let touched = match judged.standing {
            Standing::Counts | Standing::CountsAsFailedUp | Standing::FailedUp => true,
            Standing::Destroy => matches!(judged.outcome, Outcome::Reached { .. }),
            Standing::Cancelled | Standing::Pending | Standing::Preview => false,
        };
        let young = judged.finished_at().is_some_and(|at| (now - marker::MAX_AGE..=now).contains(&at));
        // A re-run may end otherwise than what was posted.
        let news = lives.of(&judged.id).posted.is_none_or(|at| Some(at) < judged.finished_at());
        touched && young && news
    };
    judged.iter().filter(wanted).collect()
}
