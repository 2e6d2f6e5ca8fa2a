//! Deployments for the tests, in a few words each. Times count from [`T0`], commits are numbers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use super::*;

mod laws;
mod ledger;
mod names;
mod traps;
pub(crate) mod worked;

/// Monday, 7 September 2026, 00:00 UTC.
const T0: i64 = 1_788_739_200;
const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

pub(crate) fn at(day: i64, hour: i64) -> i64 {
    T0 + day * DAY + hour * HOUR
}

fn sha(number: u32) -> String {
    format!("{number:040x}")
}

fn known(number: u32) -> Commit {
    Commit::Known { from: CommitSource::DispatchedRef, resolved_at: T0, sha: sha(number) }
}

fn attempt(state: AttemptState, seconds: i64, finished_at: i64) -> Attempt {
    let times = (state != AttemptState::Running).then_some(finished_at);
    Attempt {
        state,
        started_at: Some(finished_at - seconds),
        finished_at: times,
        url: "https://github.com/acme/ml/actions/runs/1/attempts/1".into(),
    }
}

/// An `up` of `lease` in production from `main` that took five minutes.
pub(crate) fn up(run: u32, commit: u32, finished_at: i64) -> Deployment {
    Deployment {
        run: run.into(),
        action: Action::Up,
        unit: Unit::new("lease", "data_prod"),
        created_at: finished_at - 600,
        origin: Origin {
            by: Attribution::Title,
            as_of: finished_at,
            repository: "acme/ml".into(),
            workflow: ".github/workflows/deploy.yml".into(),
            title: "up pipelines/lease.yaml to data_prod from main".into(),
            url: format!("https://github.com/acme/ml/actions/runs/{run}"),
            yaml: "pipelines/lease.yaml".into(),
            branch: Some("main".into()),
        },
        commit: known(commit),
        team: Some("docs".into()),
        version: None,
        attempts: BTreeMap::from([(1, attempt(AttemptState::Succeeded, 300, finished_at))]),
    }
}

impl Deployment {
    fn but(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn ended(self, state: AttemptState) -> Self {
        self.but(|it| it.attempts.values_mut().for_each(|attempt| attempt.state = state))
    }

    fn of(self, pipeline: &str, environment: &str) -> Self {
        self.but(|it| it.unit = Unit::new(pipeline, environment))
    }

    fn from(self, branch: &str) -> Self {
        self.but(|it| it.origin.branch = Some(branch.into()))
    }
}

fn change(commit: u32, authored_at: i64) -> Change {
    Change { sha: sha(commit), authored_at, title: format!("Change {commit}"), merge: false, reverts: None }
}

fn compared(deployment: &Deployment, base: u32, relation: Relation, changes: Vec<Change>) -> Fact {
    let comparison = Comparison { relation: Some(relation), changes: Changes::Known(changes) };
    Fact::Compared { id: deployment.id(), base: sha(base), comparison }
}

fn signal(key: &str, kind: SignalKind, at: i64) -> Signal {
    Signal {
        as_of: at,
        withdrawn: false,
        key: key.into(),
        unit: Unit::new("lease", "data_prod"),
        kind,
        at,
        words: "Expired requests alerted".into(),
        link: Some("https://app.datadoghq.com/monitors/1".into()),
    }
}

pub(crate) fn run(id: u64, state: RunState, created_at: i64) -> Run {
    Run {
        as_of: created_at,
        state,
        id,
        created_at,
        repository: "acme/ml".into(),
        workflow: ".github/workflows/deploy.yml".into(),
        title: format!("Deploy self-service infrastructure {id}"),
        url: format!("https://github.com/acme/ml/actions/runs/{id}"),
    }
}

fn word(deployment: &Deployment, verdict: Verdict, at: i64) -> Fact {
    let word = Word { at, verdict, because: "I looked".into(), by: Some("ana".into()) };
    Fact::Word { id: deployment.id(), word }
}

fn ledger(facts: impl IntoIterator<Item = Fact>) -> Ledger {
    let mut ledger = Ledger::default();
    for fact in facts {
        ledger.observe(fact);
    }
    ledger
}

fn deployed(deployments: &[Deployment]) -> Ledger {
    ledger(deployments.iter().cloned().map(Fact::Deployment))
}

/// Runs of the deployments that failed, with the rules that say so.
fn failures(ledger: &Ledger, rules: &Rules) -> Vec<(u64, Vec<Rule>)> {
    let judged = ledger.judge(rules);
    let failed = judged.iter().filter(|it| it.failure);
    failed.map(|it| (it.deployment.run, it.evidence.iter().map(|evidence| evidence.rule).collect())).collect()
}

fn of(ledger: &Ledger, deployment: &Deployment, look: impl FnOnce(&Judged<'_>)) {
    let judged = ledger.judge(&Rules::default());
    look(judged.iter().find(|it| it.id == deployment.id()).unwrap());
}

fn window(days: u32, end: i64) -> Window {
    Window { days, end, zone: chrono::FixedOffset::east_opt(0).unwrap() }
}

fn metrics_of(ledger: &Ledger, rules: &Rules, window: &Window) -> Metrics {
    report(ledger, rules, window, &|_| true).blended
}
