//! Which deployments count, what they delivered, which failed, and what put them right.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::model::dora::commits::{Changes, Lead, LeadTime, NoLead, Question};
use crate::model::dora::deployment::{Deployment, Verdict, Word};
use crate::model::dora::evidence::{Evidence, Rule};
use crate::model::dora::id::{Action, DeploymentId};
use crate::model::dora::ledger::Ledger;
use crate::model::dora::rules::Rules;
use crate::model::dora::timeline::{Arrival, Outcome, timelines, touches};
use crate::model::dora::trial;

/// What is concluded about one deployment, under the rules in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Judged<'a> {
    /// Its name.
    pub id: DeploymentId,
    /// What is known.
    pub deployment: &'a Deployment,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether it counts.
    pub standing: Standing,
    /// The deployment of this unit that was live before it.
    pub previous: Option<DeploymentId>,
    /// What it delivered.
    pub lead: Lead,
    /// What speaks against it, in the order of time. A person's word may have the last word all the same.
    pub evidence: Vec<Evidence>,
    /// The last word of a person.
    pub word: Option<&'a Word>,
    /// Whether it is a failure. Never for one that does not count.
    pub failure: bool,
    /// When a failure was put right; `None` for what did not fail, and while it is open.
    pub recovery: Option<Recovery>,
    /// Failures that it put right as a rollback, revert or hotfix. Not empty: it is rework.
    pub remedies: BTreeSet<DeploymentId>,
}

/// Whether a deployment counts, and in what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// An `up` that reached the environment: counts in everything.
    Counts,
    /// An `up` that failed, and the rules or a person say that it counts: in the change failure rate and in recovery,
    /// not in frequency, lead time and rework.
    CountsAsFailedUp,
    /// An `up` that failed: recorded.
    FailedUp,
    /// An `up` that was cancelled: recorded.
    Cancelled,
    /// An `up` that has not ended.
    Pending,
    /// A kind of its own.
    Destroy,
    /// Never counts.
    Preview,
}

/// What put a failure right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recovery {
    /// The first deployment after it that is no failure itself, from the remediation on where one is known.
    pub by: DeploymentId,
    /// When that finished.
    pub at: i64,
    /// Failed deployment finished -> remediation finished.
    pub seconds: i64,
}

impl Judged<'_> {
    /// When it ended: the time by which it belongs to a window.
    #[must_use]
    pub fn finished_at(&self) -> Option<i64> {
        self.outcome.finished_at()
    }
}

impl Ledger {
    /// Judges every deployment, in the order of their ends, those without one last.
    #[must_use]
    pub fn judge(&self, rules: &Rules) -> Vec<Judged<'_>> {
        let mut judged: BTreeMap<&DeploymentId, Judged<'_>> = BTreeMap::new();
        for (id, entry) in &self.entries {
            if let Some(deployment) = &entry.deployment {
                let outcome = Outcome::of(deployment, rules);
                let word = entry.words.last();
                let standing = standing(deployment.action, outcome, word, rules);
                judged.insert(id, first_look(id, deployment, outcome, standing, word));
            }
        }
        let timelines = timelines(self);
        for timeline in timelines.values() {
            for (arrival, base) in with_base(timeline) {
                if let Some(judged) = judged.get_mut(arrival.id) {
                    judged.previous = base.map(|base| base.id.clone());
                    judged.lead = lead(arrival, base);
                }
            }
            for (id, evidence) in trial::of_successors(timeline, rules) {
                judged.entry(id).and_modify(|judged| judged.evidence.push(evidence));
            }
        }
        let touches = touches(self);
        for signal in self.signals.values().filter(|signal| !signal.withdrawn) {
            let touches = touches.get(&signal.unit.key()).map_or(&[][..], Vec::as_slice);
            if let Some((id, evidence)) = trial::of_signal(touches, signal, rules) {
                judged.entry(id).and_modify(|judged| judged.evidence.push(evidence));
            }
        }
        for judged in judged.values_mut() {
            decide(judged, rules);
        }
        let none = Vec::new();
        let recoveries: Vec<(DeploymentId, Recovery)> = (judged.values().filter(|it| it.failure))
            .filter_map(|failed| {
                let timeline = timelines.get(&failed.deployment.unit.key()).unwrap_or(&none);
                Some((failed.id.clone(), recovery(failed, timeline, &judged)?))
            })
            .collect();
        for (id, recovery) in recoveries {
            if let Some(judged) = judged.get_mut(&id) {
                judged.recovery = Some(recovery);
            }
        }
        note_remedies(&mut judged);
        let mut judged: Vec<Judged<'_>> = judged.into_values().collect();
        judged.sort_by_key(|it| (it.finished_at().is_none(), it.finished_at(), it.id.clone()));
        judged
    }

    /// Comparisons that lead times, rollbacks and reverts wait for.
    #[must_use]
    pub fn questions(&self) -> Vec<Question> {
        let timelines = timelines(self);
        let pairs = timelines.values().flat_map(|timeline| with_base(timeline));
        pairs
            .filter_map(|(arrival, base)| {
                let (base, head) = (base?.sha()?, arrival.sha()?);
                let open = base != head && !arrival.entry.comparisons.contains_key(base);
                let origin = &arrival.deployment.origin;
                open.then(|| Question {
                    id: arrival.id.clone(),
                    repository: origin.repository.clone(),
                    yaml: origin.yaml.clone(),
                    base: base.to_owned(),
                    head: head.to_owned(),
                })
            })
            .collect()
    }
}

fn first_look<'a>(
    id: &DeploymentId,
    deployment: &'a Deployment,
    outcome: Outcome,
    standing: Standing,
    word: Option<&'a Word>,
) -> Judged<'a> {
    Judged {
        id: id.clone(),
        deployment,
        outcome,
        standing,
        previous: None,
        lead: Lead::Unknown(NoLead::NotDeployed),
        evidence: Vec::new(),
        word,
        failure: false,
        recovery: None,
        remedies: BTreeSet::new(),
    }
}

fn standing(action: Action, outcome: Outcome, word: Option<&Word>, rules: &Rules) -> Standing {
    let said = word.is_some_and(|word| word.verdict == Verdict::Failed);
    match (action, outcome) {
        (Action::Preview, _) => Standing::Preview,
        (Action::Destroy, _) => Standing::Destroy,
        (Action::Up, Outcome::Reached { .. }) => Standing::Counts,
        (Action::Up, Outcome::Failed { .. }) if said || rules.failed_up_counts => Standing::CountsAsFailedUp,
        (Action::Up, Outcome::Cancelled { finished_at: Some(_) }) if said => Standing::CountsAsFailedUp,
        (Action::Up, Outcome::Failed { .. }) => Standing::FailedUp,
        (Action::Up, Outcome::Cancelled { .. }) => Standing::Cancelled,
        (Action::Up, Outcome::Pending) => Standing::Pending,
    }
}

/// The first arrival of every `up`, with what was deployed before it. A `destroy` in between changes nothing in that.
fn with_base<'t, 'a>(timeline: &'t [Arrival<'a>]) -> Vec<(&'t Arrival<'a>, Option<&'t Arrival<'a>>)> {
    let mut last = None;
    let mut pairs = Vec::new();
    for arrival in timeline.iter().filter(|arrival| !arrival.is_destroy()) {
        if arrival.first {
            pairs.push((arrival, last));
        }
        last = Some(arrival);
    }
    pairs
}

fn lead(head: &Arrival<'_>, base: Option<&Arrival<'_>>) -> Lead {
    let Some(base) = base else { return Lead::Unknown(NoLead::FirstKnown) };
    let Some(sha) = head.sha() else { return Lead::Unknown(NoLead::CommitUnknown) };
    let Some(base_sha) = base.sha() else { return Lead::Unknown(NoLead::PreviousUnknown) };
    let since = base.id.clone();
    if sha == base_sha {
        return Lead::Known { since, commits: Vec::new() };
    }
    match head.entry.comparisons.get(base_sha).map(|comparison| &comparison.changes) {
        None => Lead::Unknown(NoLead::NotAsked),
        Some(Changes::Unknown(why)) => Lead::Unknown(*why),
        Some(Changes::Known(changes)) => {
            let mut changes: Vec<_> = changes.iter().filter(|change| !change.merge).collect();
            changes.sort_by_key(|change| (change.authored_at, &change.sha));
            let commits = changes.into_iter().map(|change| LeadTime {
                authored_at: change.authored_at,
                seconds: head.finished_at.saturating_sub(change.authored_at).max(0),
                sha: change.sha.clone(),
            });
            Lead::Known { since, commits: commits.collect() }
        }
    }
}

fn decide(judged: &mut Judged<'_>, rules: &Rules) {
    if judged.standing == Standing::CountsAsFailedUp && rules.failed_up_counts {
        judged.evidence.push(Evidence {
            at: judged.finished_at().unwrap_or_default(),
            rule: Rule::FailedUp,
            words: "the `up` itself failed, and may have been applied by half".to_owned(),
            link: Some(judged.deployment.origin.url.clone()),
            remediation: None,
        });
    }
    if let Some(Word { at, verdict: Verdict::Failed, because, by }) = judged.word {
        let who = by.as_deref().unwrap_or("somebody");
        let words = format!("{who} said so: {because}");
        judged.evidence.push(Evidence { at: *at, rule: Rule::Person, words, link: None, remediation: None });
    }
    judged.evidence.sort();
    judged.evidence.dedup();
    let counts = matches!(judged.standing, Standing::Counts | Standing::CountsAsFailedUp);
    let excused = judged.word.is_some_and(|word| word.verdict == Verdict::Ok);
    judged.failure = counts && !excused && !judged.evidence.is_empty();
}

fn recovery(
    failed: &Judged<'_>,
    timeline: &[Arrival<'_>],
    judged: &BTreeMap<&DeploymentId, Judged<'_>>,
) -> Option<Recovery> {
    let finished_at = failed.finished_at()?;
    let own = timeline.iter().position(|arrival| *arrival.id == failed.id && arrival.first);
    let after = own.map_or_else(|| timeline.partition_point(|it| it.finished_at <= finished_at), |own| own + 1);
    let named = |arrival: &Arrival<'_>| failed.evidence.iter().any(|it| it.remediation.as_ref() == Some(arrival.id));
    let later = timeline.get(after..)?;
    let from = later.iter().position(named).unwrap_or(0);
    let good = |arrival: &&Arrival<'_>| {
        !arrival.is_destroy() && *arrival.id != failed.id && judged.get(arrival.id).is_some_and(|it| !it.failure)
    };
    let by = later.get(from..)?.iter().find(good)?;
    Some(Recovery { by: by.id.clone(), at: by.finished_at, seconds: by.finished_at.saturating_sub(finished_at) })
}

/// A re-run of an old run may be a remediation too, but it is no deployment of its own, so it is no rework.
fn note_remedies(judged: &mut BTreeMap<&DeploymentId, Judged<'_>>) {
    let pairs: Vec<(DeploymentId, DeploymentId, i64)> = (judged.values().filter(|it| it.failure))
        .flat_map(|failed| {
            let remediations = failed.evidence.iter().filter_map(|evidence| evidence.remediation.clone());
            remediations.map(|by| (failed.id.clone(), by, failed.finished_at().unwrap_or(i64::MAX)))
        })
        .collect();
    for (failed, by, finished_at) in pairs {
        if let Some(remedy) = judged.get_mut(&by)
            && remedy.finished_at() >= Some(finished_at)
        {
            remedy.remedies.insert(failed);
        }
    }
}
