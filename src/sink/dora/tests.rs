//! What is sent for which deployment. Times count from [`T0`].

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use chrono::{FixedOffset, Offset, Utc};
use serde_json::{Value, json};

use super::body::{self, times};
use super::compare::{Differences, differences};
use super::decide::{Lives, Mark, Remedy, marks, unposted, unsent};
use super::{marker, series};
use crate::model::dora::tests::run;
use crate::model::dora::{
    Action, Attempt, AttemptState, Attribution, Commit, CommitSource, Deployment, DeploymentId, Fact, Judged, Ledger,
    Life, Origin, Rule, Rules, RunState, Sent, Unit, Verdict, Word,
};
use crate::model::series::Series;

/// Monday, 7 September 2026, 00:00 UTC.
const T0: i64 = 1_788_739_200;
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// An `up` of `Lease` in production from `main` that took five minutes.
fn up(run: u64, commit: u32, finished_at: i64) -> Deployment {
    let attempt = Attempt {
        state: AttemptState::Succeeded,
        started_at: Some(finished_at - 300),
        finished_at: Some(finished_at),
        url: format!("https://github.com/acme/ml/actions/runs/{run}/attempts/1"),
    };
    Deployment {
        run,
        action: Action::Up,
        unit: Unit::new("Lease", "data_prod"),
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
        commit: Commit::Known {
            from: CommitSource::DispatchedRef,
            resolved_at: finished_at,
            sha: format!("{commit:040x}"),
        },
        team: Some("Docs".into()),
        version: Some("1.2.3".into()),
        attempts: BTreeMap::from([(1, attempt)]),
    }
}

fn but(mut deployment: Deployment, change: impl FnOnce(&mut Deployment)) -> Deployment {
    change(&mut deployment);
    deployment
}

fn ended(deployment: Deployment, state: AttemptState) -> Deployment {
    but(deployment, |it| it.attempts.values_mut().for_each(|attempt| attempt.state = state))
}

fn ledger(deployments: impl IntoIterator<Item = Deployment>) -> Ledger {
    let mut ledger = Ledger::default();
    for deployment in deployments {
        ledger.observe(Fact::Deployment(deployment));
    }
    ledger
}

fn body_of(deployment: Deployment, rules: &Rules) -> Value {
    let ledger = ledger([deployment]);
    let judged = ledger.judge(rules);
    let (started_at, finished_at) = times(&judged[0]).unwrap();
    body::deployment(&judged[0], started_at, finished_at, rules, &["site:test".to_owned()])
}

#[test]
fn a_deployment_says_what_where_when_and_from_which_commit() {
    let body = body_of(up(7, 1, T0), &Rules::default());
    let expected = json!({ "data": { "attributes": {
        "id": "ddsync:00000000007:up:data_prod:Lease",
        "service": "lease", "env": "data_prod", "team": "docs", "version": "1.2.3",
        "started_at": T0 - 300, "finished_at": T0,
        "git": {
            "commit_sha": "0000000000000000000000000000000000000001", "repository_url": "https://github.com/acme/ml",
        },
        "custom_tags": [
            "branch:main", "commit:0000000000000000000000000000000000000001", "environment:data_prod",
            "pipeline:lease", "repository:acme/ml", "run:7", "run_url:https://github.com/acme/ml/actions/runs/7",
            "site:test", "workflow:deploy.yml",
        ],
    } } });
    assert_eq!(body, expected);
}

/// From `main` to a branch and back is daily work there, and would be a rollback to Datadog.
#[test]
fn in_development_neither_commit_nor_version_goes_along() {
    for environment in ["data_dev", "Data_Dev"] {
        let development = but(up(7, 1, T0), |it| it.unit.environment = environment.into());
        let body = body_of(development, &Rules::default());
        let attributes = &body["data"]["attributes"];
        assert!(attributes["git"].is_null() && attributes["version"].is_null(), "{body}");
        let tags = attributes["custom_tags"].as_array().unwrap();
        assert!(tags.contains(&json!("commit:0000000000000000000000000000000000000001")), "{body}");
    }
}

#[test]
fn a_commit_or_an_address_that_is_none_is_left_out() {
    let git = |change: &dyn Fn(&mut Deployment)| {
        body_of(but(up(7, 1, T0), change), &Rules::default())["data"]["attributes"]["git"].clone()
    };
    let sha = |sha: &str| Commit::Known { from: CommitSource::Run, resolved_at: T0, sha: sha.into() };
    assert!(git(&|it| it.commit = sha("abc123")).is_null());
    assert!(git(&|it| it.commit = sha(&"z".repeat(40))).is_null());
    assert!(git(&|it| it.origin.url = "javascript:alert(1)/actions/runs/7".into()).is_null());
    assert!(git(&|it| it.origin.url = "https://github.com/a b/actions/runs/7".into()).is_null());
    let server = git(&|it| it.origin.url = "https://git.example.com/acme/ml/actions/runs/7".into());
    assert_eq!(server["repository_url"], "https://git.example.com/acme/ml");
}

#[test]
fn hostile_names_become_plain_ones() {
    let hostile = but(up(7, 1, T0), |it| {
        it.unit = Unit::new("Le{{ase}}\n@pagerduty-x", "prod,team:evil");
        it.team = Some("@all \u{1b}[31m".into());
        it.version = Some(format!("1\u{0}\n{}", "9".repeat(500)));
        it.origin.branch = Some("a:b|c #d\n@here".into());
        it.origin.url = format!("https://github.com/acme/{}/actions/runs/7", "x".repeat(300));
    });
    let body = body_of(hostile.clone(), &Rules::default());
    let attributes = &body["data"]["attributes"];
    assert_eq!(attributes["service"], "le_ase_pagerduty-x");
    assert_eq!(attributes["env"], "prod_team:evil");
    assert_eq!(attributes["team"], "_all_31m");
    assert_eq!(attributes["version"].as_str().map(str::len), Some(200));
    let tags: Vec<&str> = attributes["custom_tags"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(tags.contains(&"branch:a:b_c_d_here"), "{tags:?}");
    assert!(!tags.iter().any(|tag| tag.starts_with("run_url:")), "a link that is cut leads nowhere");

    let ledger = ledger([hostile]);
    let event = marker::event(&ledger.judge(&Rules::default())[0], &[]);
    let shown = format!("{}{}", event["title"], event["text"]);
    assert!(!shown.contains('@') && !shown.contains("{{"), "{shown}");
}

/// Every kind of end, by run.
fn every_end() -> Ledger {
    let destroy = |run, at| but(up(run, 1, at), |it| it.action = Action::Destroy);
    let preview = |run, at| but(up(run, 1, at), |it| it.action = Action::Preview);
    ledger([
        up(1, 1, T0),
        ended(up(2, 2, T0 + 10), AttemptState::Failed),
        ended(up(3, 3, T0 + 20), AttemptState::Cancelled),
        ended(up(4, 4, T0 + 30), AttemptState::Running),
        destroy(5, T0 + 40),
        preview(6, T0 + 50),
        ended(destroy(7, T0 + 60), AttemptState::Failed),
    ])
}

fn runs(judged: &[&Judged<'_>]) -> Vec<u64> {
    judged.iter().map(|judged| judged.deployment.run).collect()
}

#[test]
fn only_what_counts_is_sent_and_what_may_have_changed_something_gets_a_marker() {
    let (ledger, rules) = (every_end(), Rules::default());
    let (judged, lives) = (ledger.judge(&rules), Lives::new(&ledger));
    assert_eq!(runs(&unsent(&judged, &lives)), [1]);
    assert_eq!(runs(&unposted(&judged, &lives, T0 + HOUR)), [1, 2, 5]);
    assert_eq!(runs(&unposted(&judged, &lives, T0 + 17 * HOUR + 3_005)), [2, 5], "17 h 50 min");

    let strict = Rules { failed_up_counts: true, ..Rules::default() };
    let judged = ledger.judge(&strict);
    assert_eq!(runs(&unsent(&judged, &lives)), [1, 2]);
    assert_eq!(times(&judged[1]), Some((T0 + 10 - 300, T0 + 10)));

    let mut ledger = ledger.clone();
    let because = Word { at: T0 + DAY, verdict: Verdict::Failed, because: "half applied".into(), by: None };
    ledger.observe(Fact::Word { id: ended(up(3, 3, T0 + 20), AttemptState::Cancelled).id(), word: because });
    assert_eq!(runs(&unsent(&ledger.judge(&rules), &Lives::new(&ledger))), [1, 3], "a person says that it failed");
}

fn sent(ledger: &mut Ledger, deployment: &Deployment) {
    let at = deployment.attempts[&1].finished_at.unwrap();
    let life = Life { sent: Some(Sent { at, started_at: at - 300, finished_at: at }), ..Life::default() };
    ledger.observe(Fact::Life { id: deployment.id(), life });
}

/// What `marks` says, in words: run, and what of it.
fn said(ledger: &Ledger, rules: &Rules, unsure: &[&Deployment]) -> Vec<String> {
    let unsure: BTreeSet<DeploymentId> = unsure.iter().map(|deployment| deployment.id()).collect();
    let judged = ledger.judge(rules);
    let words = |mark: &Mark<'_>| match mark {
        Mark::Sound => "sound".to_owned(),
        Mark::Failed(None) => "failed".to_owned(),
        Mark::Failed(Some(Remedy { by, is_rollback })) => format!("failed, by {by}, rollback {is_rollback}"),
    };
    marks(&judged, &Lives::new(ledger), &unsure).iter().map(|(id, mark)| format!("{id}: {}", words(mark))).collect()
}

/// Takes what a mark said yes to into the ledger, as a delivery does.
fn tell(ledger: &mut Ledger, rules: &Rules, now: i64) {
    let facts: Vec<Fact> = {
        let judged = ledger.judge(rules);
        let mut lives = Lives::new(ledger);
        for (id, mark) in marks(&judged, &Lives::new(ledger), &BTreeSet::new()) {
            lives.marked(id, &mark, now);
        }
        lives.into_changed().into_iter().map(|(id, life)| Fact::Life { id, life }).collect()
    };
    for fact in facts {
        ledger.observe(fact);
    }
}

const BAD: &str = "ddsync:00000000002:up:data_prod:Lease";
const GOOD: &str = "ddsync:00000000003:up:data_prod:Lease";

#[test]
fn a_failure_is_marked_once_its_remediation_told_once_and_the_mark_taken_back_once() {
    let rules = Rules::default();
    let (first, bad, back) = (up(1, 1, T0), up(2, 2, T0 + HOUR), up(3, 1, T0 + 2 * HOUR));
    let mut ledger = ledger([first.clone(), bad.clone()]);
    let word = |at, verdict| Word { at, verdict, because: "it is wrong".into(), by: None };
    ledger.observe(Fact::Word { id: bad.id(), word: word(T0 + HOUR, Verdict::Failed) });
    assert!(said(&ledger, &rules, &[]).is_empty(), "Datadog does not know it yet");
    sent(&mut ledger, &first);
    sent(&mut ledger, &bad);
    assert_eq!(said(&ledger, &rules, &[]), [format!("{BAD}: failed")]);
    tell(&mut ledger, &rules, T0 + 3 * HOUR);
    assert!(said(&ledger, &rules, &[]).is_empty());

    // Found out after the mark, though it ended before.
    ledger.observe(Fact::Deployment(back.clone()));
    assert!(said(&ledger, &rules, &[]).is_empty(), "Datadog does not know the remediation yet");
    sent(&mut ledger, &back);
    assert_eq!(said(&ledger, &rules, &[]), [format!("{BAD}: failed, by {GOOD}, rollback true")]);
    tell(&mut ledger, &rules, T0 + 3 * HOUR);
    assert!(said(&ledger, &rules, &[]).is_empty());

    ledger.observe(Fact::Word { id: bad.id(), word: word(T0 + DAY, Verdict::Ok) });
    assert_eq!(said(&ledger, &rules, &[]), [format!("{BAD}: sound")]);
    tell(&mut ledger, &rules, T0 + 3 * HOUR);
    assert!(said(&ledger, &rules, &[]).is_empty());
    assert!(!ledger.entries[&bad.id()].life.is_marked());

    // And failed again: with what put it right, in the same second.
    ledger.observe(Fact::Word { id: bad.id(), word: word(T0 + 2 * DAY, Verdict::Failed) });
    assert_eq!(said(&ledger, &rules, &[]), [format!("{BAD}: failed, by {GOOD}, rollback true")]);
    tell(&mut ledger, &rules, T0 + 3 * HOUR);
    assert!(said(&ledger, &rules, &[]).is_empty() && ledger.entries[&bad.id()].life.is_marked());
}

#[test]
fn a_rule_that_is_switched_off_takes_its_marks_back() {
    let (first, bad, back) = (up(1, 1, T0), up(2, 2, T0 + HOUR), up(3, 1, T0 + 2 * HOUR));
    let mut ledger = ledger([first.clone(), bad.clone(), back.clone()]);
    for deployment in [&first, &bad, &back] {
        sent(&mut ledger, deployment);
    }
    tell(&mut ledger, &Rules::default(), T0 + DAY);
    assert!(ledger.entries[&bad.id()].life.is_marked());
    let off = Rules { off: BTreeSet::from([Rule::Rollback]), ..Rules::default() };
    assert_eq!(said(&ledger, &off, &[]), [format!("{BAD}: sound")]);
}

#[test]
fn what_was_found_at_datadog_is_told_to_be_sound_since_nobody_knows_what_it_was_told() {
    let first = up(1, 1, T0);
    let mut ledger = ledger([first.clone()]);
    sent(&mut ledger, &first);
    assert_eq!(said(&ledger, &Rules::default(), &[&first]), ["ddsync:00000000001:up:data_prod:Lease: sound"]);
}

/// Its times at Datadog lie before the failure.
#[test]
fn a_re_run_of_an_older_deployment_is_no_remediation_that_datadog_can_use() {
    let bad = up(2, 2, T0 + HOUR);
    let again = but(up(1, 1, T0), |it| {
        let mut attempt = it.attempts[&1].clone();
        (attempt.started_at, attempt.finished_at) = (Some(T0 + 2 * HOUR), Some(T0 + 2 * HOUR + 60));
        it.attempts.insert(2, attempt);
    });
    let mut ledger = ledger([again.clone(), bad.clone()]);
    sent(&mut ledger, &again);
    sent(&mut ledger, &bad);
    assert_eq!(said(&ledger, &Rules::default(), &[]), [format!("{BAD}: failed")]);
}

#[test]
fn marks_have_the_form_that_datadog_takes() {
    let (id, by) = (DeploymentId::from_text(BAD), DeploymentId::from_text(GOOD));
    let remedy = |is_rollback| Mark::Failed(Some(Remedy { by: &by, is_rollback }));
    let bodies = [remedy(true), remedy(false), Mark::Failed(None), Mark::Sound].map(|mark| body::patch(&id, &mark));
    let attributes = [
        json!({ "change_failure": true, "remediation": { "id": GOOD, "type": "rollback" } }),
        json!({ "change_failure": true, "remediation": { "id": GOOD, "type": "rollforward" } }),
        json!({ "change_failure": true }),
        json!({ "change_failure": false }),
    ];
    for (body, attributes) in bodies.iter().zip(attributes) {
        let data = json!({ "attributes": attributes, "id": BAD, "type": "dora_deployment_patch_request" });
        assert_eq!(*body, json!({ "data": data }));
    }
}

#[test]
fn markers_say_what_happened_and_lead_to_the_run() {
    let ledger = every_end();
    let rules = Rules::default();
    let judged = ledger.judge(&rules);
    let events: Vec<Value> =
        unposted(&judged, &Lives::new(&ledger), T0 + HOUR).iter().map(|it| marker::event(it, &[])).collect();
    insta::assert_snapshot!(serde_json::to_string_pretty(&events).unwrap());
}

fn utc() -> FixedOffset {
    Utc.fix()
}

/// Name, what tells it from the others of its unit, and value.
fn values(series: &[Series]) -> Vec<String> {
    let mut lines: Vec<String> = series
        .iter()
        .flat_map(|series| {
            let shown = ["window:", "result:", "attribution:"];
            let own = series.tags.iter().filter(|tag| shown.iter().any(|key| tag.starts_with(key)));
            let own: Vec<&str> = own.map(String::as_str).collect();
            let name = series.name.trim_start_matches("mlpipeline.deploy.").to_owned();
            series
                .points
                .iter()
                .map(move |point| format!("{name} {} at {} = {}", own.join(" "), point.at - T0, point.value))
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn series_have_values_for_what_there_is_and_no_point_for_what_there_is_not() {
    let rules = Rules::default();
    // A rollback after an hour, ten days before the end; then one good deployment, two days before.
    let ledger = ledger([up(1, 1, T0), up(2, 2, T0 + HOUR), up(3, 1, T0 + 2 * HOUR), up(4, 3, T0 + 8 * DAY)]);
    let all = series(&ledger, &rules, utc(), T0 + 10 * DAY);
    let tags = ["env:data_prod", "environment:data_prod", "pipeline:lease", "team:docs"];
    let mut of_unit = all.iter().filter(|series| &*series.name != RUNS);
    assert!(of_unit.all(|series| tags.iter().all(|tag| series.tags.iter().any(|own| own == tag))), "{all:?}");
    insta::assert_snapshot!(values(&all).join("\n"));
}

const RUNS: &str = "mlpipeline.deploy.runs";

#[test]
fn runs_are_counted_by_whether_it_is_known_what_they_deployed() {
    let at = |ledger: &Ledger, now: i64| {
        let all = series(ledger, &Rules::default(), utc(), now);
        values(&all.into_iter().filter(|it| &*it.name == RUNS).collect::<Vec<_>>())
    };
    let mut ledger = ledger([up(1, 1, T0), up(2, 2, T0 + 9 * DAY)]);
    for (id, state, created_at) in
        [(3, RunState::NoInputs, T0 + 9 * DAY), (4, RunState::Pending, T0 + 9 * DAY), (5, RunState::NoFile, T0)]
    {
        ledger.observe(Fact::Run(run(id, state, created_at)));
    }
    let mut lines = Vec::new();
    for (attribution, counts) in [("attributed", [2, 2, 1]), ("pending", [1, 1, 1]), ("unattributed", [2, 2, 1])] {
        for (window, count) in ["28d", "7d", "90d"].iter().zip([counts[0], counts[2], counts[1]]) {
            lines.push(format!("runs attribution:{attribution} window:{window} at {} = {count}", 10 * DAY));
        }
    }
    assert_eq!(at(&ledger, T0 + 10 * DAY), lines);
    assert_eq!(at(&Ledger::default(), T0), [""; 0], "nobody has looked");
}

#[test]
fn a_unit_that_did_nothing_for_ninety_days_has_no_series() {
    let ledger = ledger([up(1, 1, T0)]);
    let at = |now: i64| series(&ledger, &Rules::default(), utc(), now);
    assert!(at(T0 + 91 * DAY).iter().all(|series| &*series.name == RUNS));
    let late = values(&at(T0 + 89 * DAY));
    assert!(late.contains(&format!("deployments window:7d at {} = 0", 89 * DAY)), "{late:?}");
    assert!(!late.iter().any(|line| line.starts_with("change_failure_rate window:7d")), "{late:?}");
}

#[test]
fn counts_stand_at_the_second_of_the_end_and_two_in_one_second_are_two() {
    let ledger = every_end();
    let mut more = ledger.clone();
    more.observe(Fact::Deployment(up(8, 8, T0)));
    more.observe(Fact::Deployment(but(up(9, 8, T0), |it| it.unit.environment = "data_dev".into())));
    let at = |now: i64| series(&more, &Rules::default(), utc(), now);
    let all = at(T0 + 55 * 60);
    let counts = values(&all.into_iter().filter(|it| &*it.name == "mlpipeline.deploy.count").collect::<Vec<_>>());
    assert_eq!(
        counts,
        [
            "count result:cancelled at 20 = 1",
            "count result:destroyed at 40 = 1",
            "count result:failed at 10 = 1",
            "count result:succeeded at 0 = 1",
            "count result:succeeded at 0 = 2",
        ]
    );
    let later = at(T0 + 55 * 60 + 41);
    assert!(!later.iter().any(|it| &*it.name == "mlpipeline.deploy.count"), "what is nearly an hour old");
}

#[test]
fn the_newest_deployment_has_an_age_and_says_whether_it_failed() {
    let last = |deployments: Vec<Deployment>| {
        let ledger = ledger(deployments);
        let all = series(&ledger, &Rules::default(), utc(), T0 + DAY);
        let one = |name: &str| all.iter().find(|it| *it.name == *name).map(|it| it.points[0].value);
        (one("mlpipeline.deploy.last_age"), one("mlpipeline.deploy.last_failed"))
    };
    let (good, bad) = (up(1, 1, T0), ended(up(2, 2, T0 + HOUR), AttemptState::Failed));
    let destroy = but(up(3, 1, T0 + 2 * HOUR), |it| it.action = Action::Destroy);
    assert_eq!(last(vec![good.clone()]), (Some(86_400.0), Some(0.0)));
    assert_eq!(last(vec![good.clone(), bad.clone()]), (Some(82_800.0), Some(1.0)));
    assert_eq!(last(vec![good, bad.clone(), up(4, 4, T0 + 2 * HOUR)]), (Some(79_200.0), Some(0.0)));
    assert_eq!(last(vec![bad.clone(), destroy]), (None, None), "nothing is deployed any more");

    let mut excused = ledger([bad.clone()]);
    let word = Word { at: T0 + DAY, verdict: Verdict::Ok, because: "a flake".into(), by: None };
    excused.observe(Fact::Word { id: bad.id(), word });
    let all = series(&excused, &Rules::default(), utc(), T0 + DAY);
    let failed = all.iter().find(|it| &*it.name == "mlpipeline.deploy.last_failed").map(|it| it.points[0].value);
    assert_eq!(failed, Some(0.0), "a person says that it is no failure");
}

#[test]
fn a_list_that_differs_from_the_ledger_is_told_apart_by_how_it_does() {
    let all = [up(1, 1, T0), up(2, 2, T0 + HOUR), up(3, 3, T0 + 2 * HOUR), up(4, 4, T0 + 3 * HOUR)];
    let mut ledger = ledger(all.clone());
    for deployment in &all {
        sent(&mut ledger, deployment);
    }
    ledger.observe(Fact::Deployment(but(up(5, 1, T0), |it| it.action = Action::Preview)));
    let item = |id: String, end: i64| json!({ "id": id, "attributes": { "service": "lease", "started_at": end - 300, "finished_at": end } });
    let id = |run: u64| up(run, 0, 0).id();
    let preview = but(up(5, 1, T0), |it| it.action = Action::Preview).id();
    let listed = [
        item(id(1).to_string(), T0),
        item(id(2).to_string(), T0 + HOUR),
        item(id(2).to_string(), T0 + HOUR),
        item(id(3).to_string(), T0 + 2 * HOUR + 1),
        item(preview.to_string(), T0),
        item("4242fcdd31586083".into(), T0),
    ];
    let found = differences(&ledger, &ledger.judge(&Rules::default()), &listed, T0, T0 + DAY);
    let expected = Differences {
        same: 1,
        missing: vec![id(4)],
        unexpected: vec![preview],
        repeated: vec![id(2)],
        moved: vec![id(3)],
        foreign: 1,
    };
    assert_eq!(found, expected);
    let later = differences(&ledger, &ledger.judge(&Rules::default()), &listed, T0 + HOUR, T0 + DAY);
    assert_eq!((later.unexpected, later.foreign), (vec![], 0), "what ended before is not asked about");
}

#[test]
fn a_run_again_that_ends_otherwise_gets_a_marker_of_its_own() {
    let failed = ended(up(1, 1, T0), AttemptState::Failed);
    let again = but(failed.clone(), |it| {
        let attempt =
            Attempt { state: AttemptState::Succeeded, finished_at: Some(T0 + HOUR), ..it.attempts[&1].clone() };
        it.attempts.insert(2, attempt);
    });
    let mut ledger = ledger([failed]);
    let life = Life { posted: Some(T0 + 60), ..Life::default() };
    ledger.observe(Fact::Life { id: again.id(), life });
    let open = |ledger: &Ledger| runs(&unposted(&ledger.judge(&Rules::default()), &Lives::new(ledger), T0 + 2 * HOUR));
    assert_eq!(open(&ledger), [0; 0]);
    ledger.observe(Fact::Deployment(again.clone()));
    assert_eq!(open(&ledger), [1]);
    ledger.observe(Fact::Life { id: again.id(), life: Life { posted: Some(T0 + HOUR), ..Life::default() } });
    assert_eq!(open(&ledger), [0; 0]);
}

#[test]
fn a_repository_that_is_called_actions_keeps_its_address() {
    let mut origin = up(7, 1, T0).origin;
    for (url, expected) in [
        ("https://github.com/acme/actions/actions/runs/7", Some("https://github.com/acme/actions")),
        ("https://github.com/actions/runner/actions/runs/7", Some("https://github.com/actions/runner")),
        ("https://github.com/acme/ml", None),
    ] {
        origin.url = url.into();
        assert_eq!(origin.repository_url(), expected);
    }
}
