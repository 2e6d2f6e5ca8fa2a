//! Where Datadog's rates cannot be ours, and the rule that makes the difference. Pure.
//!
//! Datadog's rates cannot be asked for together with what they are made of, so this is worked out from what it was sent:
//! beside our marks it looks for rollbacks itself, by commits and, without them, by versions.
//! <https://docs.datadoghq.com/dora_metrics/change_failure_detection/>

use std::collections::{BTreeMap, BTreeSet};

use crate::model::dora::{Deployment, DeploymentId, Judged, Ledger, Rule, Rules, Standing, UnitKey};

/// Why a rate or a duration is another one there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    /// A rollback over several deployments: Datadog blames the first after the target, we blame what was live.
    Further,
    /// A rollback, and our own rule is switched off.
    RuleOff,
    /// A rollback, and a person's word says that it was no failure.
    Word,
    /// A failure that Datadog has not been told of.
    Untold,
    /// A failure that was put right by what Datadog cannot be told of: a re-run of an older deployment.
    Rerun,
    /// Sent without a commit, so without a lead time: from development, or the commit is not known.
    NoCommit,
}

/// Deployments by what makes the difference, and the change failure rates of units where they differ.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rates {
    pub(super) because: BTreeMap<Why, BTreeSet<DeploymentId>>,
    pub(super) units: BTreeMap<UnitKey, Failures>,
}

/// Of one unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Failures {
    pub(super) ours: usize,
    pub(super) theirs: usize,
    pub(super) of: usize,
}

/// Of the deployments that Datadog was sent and that ended between two instants, Unix seconds.
pub(super) fn rates(ledger: &Ledger, judged: &[Judged<'_>], rules: &Rules, from: i64, to: i64) -> Rates {
    let mut units: BTreeMap<UnitKey, Vec<&Judged<'_>>> = BTreeMap::new();
    let life = |id: &DeploymentId| ledger.entries.get(id).map(|entry| &entry.life);
    for one in judged.iter().filter(|one| counts(one) && life(&one.id).is_some_and(|life| life.sent.is_some())) {
        units.entry(one.deployment.unit.key()).or_default().push(one);
    }
    let mut rates = Rates::default();
    for (unit, unit_judged) in units {
        let detected = detected(&unit_judged, rules);
        let mut failures = Failures::default();
        let within = |one: &&&Judged<'_>| one.finished_at().is_some_and(|at| (from..=to).contains(&at));
        for one in unit_judged.iter().filter(within) {
            let Some(life) = life(&one.id) else { continue };
            let mut note = |why: Why| {
                rates.because.entry(why).or_default().insert(one.id.clone());
            };
            let told_sound = life.unmarked > life.marked;
            let theirs = life.is_marked() || (detected.contains_key(&one.id) && !told_sound);
            failures.of += 1;
            failures.ours += usize::from(one.failure);
            failures.theirs += usize::from(theirs);
            if one.failure && !theirs {
                note(Why::Untold);
            }
            if let Some(why) = detected.get(&one.id).filter(|_| theirs && !one.failure) {
                note(*why);
            }
            let told = life.remedied.as_ref().map(|remedied| &remedied.by);
            if one.recovery.as_ref().is_some_and(|recovery| life.is_marked() && told != Some(&recovery.by)) {
                note(Why::Rerun);
            }
            if rules.is_development(&one.deployment.unit.environment) || one.deployment.commit.sha().is_none() {
                note(Why::NoCommit);
            }
        }
        if failures.ours != failures.theirs {
            rates.units.insert(unit, failures);
        }
    }
    rates
}

fn counts(judged: &Judged<'_>) -> bool {
    matches!(judged.standing, Standing::Counts | Standing::CountsAsFailedUp) && judged.finished_at().is_some()
}

/// What Datadog takes for a failure by itself, with the rule by which we may not. `unit` is in the order of ends.
fn detected(unit: &[&Judged<'_>], rules: &Rules) -> BTreeMap<DeploymentId, Why> {
    let mut found = BTreeMap::new();
    for (at, one) in unit.iter().enumerate() {
        let Some(held) = held(one.deployment, rules) else { continue };
        let before = |index: usize| unit.get(index).and_then(|one| self::held(one.deployment, rules));
        let Some(live) = at.checked_sub(1).filter(|live| before(*live) != Some(held)) else { continue };
        let Some(target) = (0..live).rev().find(|earlier| before(*earlier) == Some(held)) else { continue };
        if let Some(blamed) = unit.get(target + 1) {
            let why = match (rules.is_on(Rule::Rollback), target + 1 == live) {
                (false, _) => Why::RuleOff,
                (true, false) => Why::Further,
                (true, true) => Why::Word,
            };
            found.entry(blamed.id.clone()).or_insert(why);
        }
    }
    found
}

/// By what Datadog tells one deployment from another; nothing goes along in development.
fn held<'a>(deployment: &'a Deployment, rules: &Rules) -> Option<&'a str> {
    let held = deployment.commit.sha().or(deployment.version.as_deref());
    held.filter(|_| !rules.is_development(&deployment.unit.environment))
}
