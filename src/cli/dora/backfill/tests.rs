//! What is concluded of a back-fill, without a wire.

use chrono::{DateTime, Offset, Utc};

use super::rates::{Failures, Rates, Why, rates};
use super::{Done, screen};
use crate::client::datadog::SendError;
use crate::model::dora::tests::{at, up};
use crate::model::dora::{DeploymentId, Fact, Ledger, Life, Rule, Rules, Sent, Verdict, Word};
use crate::sink::dora::{Delivery, Differences};
use crate::source::deploys::{Stopped, Summary, Trouble, What};

/// Deployments of these commits, one a day, that Datadog has and that were marked as the rules say, all but the last.
fn sent(commits: &[u32], rules: &Rules, change: impl Fn(&mut Ledger)) -> Ledger {
    let mut ledger = Ledger::default();
    for (number, commit) in (1_u32..).zip(commits) {
        ledger.observe(Fact::Deployment(up(number, *commit, at(number.into(), 0))));
    }
    change(&mut ledger);
    let lives: Vec<(DeploymentId, Life)> = (ledger.judge(rules).iter())
        .map(|one| {
            let finished_at = one.finished_at().unwrap_or_default();
            let mut life = Life { sent: Some(Sent { at: 1, started_at: 1, finished_at }), ..Life::default() };
            if one.failure {
                life.mark(1);
                life.remedied =
                    one.recovery.as_ref().map(|it| crate::model::dora::Remedied { at: 1, by: it.by.clone() });
            }
            (one.id.clone(), life)
        })
        .collect();
    for (id, life) in lives {
        ledger.observe(Fact::Life { id, life });
    }
    ledger
}

fn id(number: u32) -> DeploymentId {
    up(number, 1, 0).id()
}

fn differing(ledger: &Ledger, rules: &Rules) -> Vec<(Why, Vec<DeploymentId>)> {
    let Rates { because, .. } = rates(ledger, &ledger.judge(rules), rules, at(0, 0), at(28, 0));
    because.into_iter().map(|(why, ids)| (why, ids.into_iter().collect())).collect()
}

#[test]
fn the_rule_that_makes_a_difference_is_named() {
    let rules = Rules::default();
    let nothing = |_: &mut Ledger| ();
    assert_eq!(differing(&sent(&[1, 2, 1, 3], &rules, nothing), &rules), [], "back by one: both blame the second");
    // 1, 2, 3, 1: we blame the third, Datadog the second too.
    let further = sent(&[1, 2, 3, 1], &rules, nothing);
    assert_eq!(differing(&further, &rules), [(Why::Further, vec![id(2)])]);
    let found = rates(&further, &further.judge(&rules), &rules, at(0, 0), at(28, 0));
    let failures: Vec<Failures> = found.units.into_values().collect();
    assert_eq!(failures, [Failures { ours: 1, theirs: 2, of: 4 }]);
    let off = Rules { off: [Rule::Rollback].into(), ..Rules::default() };
    assert_eq!(differing(&sent(&[1, 2, 1], &off, nothing), &off), [(Why::RuleOff, vec![id(2)])]);
    let word = |ledger: &mut Ledger| {
        let word = Word { at: 1, verdict: Verdict::Ok, because: "planned".into(), by: None };
        ledger.observe(Fact::Word { id: id(2), word });
    };
    assert_eq!(differing(&sent(&[1, 2, 1], &rules, word), &rules), [(Why::Word, vec![id(2)])]);
    // Once Datadog was told that it is sound, it says so too.
    let mut told = sent(&[1, 2, 1], &rules, word);
    let life = Life { unmarked: Some(2), ..told.entries[&id(2)].life.clone() };
    told.observe(Fact::Life { id: id(2), life });
    assert_eq!(differing(&told, &rules), []);
    // In development nothing goes along by which Datadog could tell.
    let development = Rules { development: ["data_prod".to_owned()].into(), ..Rules::default() };
    let blind = differing(&sent(&[1, 2, 3, 1], &development, nothing), &development);
    assert_eq!(blind, [(Why::NoCommit, vec![id(1), id(2), id(3), id(4)])]);
    // Known to have failed after all was sent.
    let mut late = sent(&[1, 2], &rules, nothing);
    late.observe(Fact::Word {
        id: id(2),
        word: Word { at: 9, verdict: Verdict::Failed, because: "x".into(), by: None },
    });
    assert_eq!(differing(&late, &rules), [(Why::Untold, vec![id(2)])]);
}

fn seen(done: &Done) -> String {
    let day = |day| DateTime::<Utc>::from_timestamp(at(day, 0), 0).unwrap_or_default();
    let text = screen::text(done, (day(0), day(28)), Utc.fix());
    let told = screen::troubles(done);
    let warnings = told.warnings.iter().map(|words| format!("warning: {words}"));
    let errors = told.errors.iter().map(|words| format!("error: {words}"));
    let lines: Vec<String> = warnings.chain(errors).collect();
    format!("{}\n{}\nfinished: {}", anstream::adapter::strip_str(&text), lines.join("\n"), told.finished)
}

#[test]
fn differences_are_named() {
    let rules = Rules::default();
    let ledger = sent(&[1, 2, 3, 1], &rules, |_| ());
    let ids = |numbers: std::ops::RangeInclusive<u32>| numbers.map(id).collect();
    let proof = Differences {
        same: 1,
        missing: ids(2..=9),
        unexpected: ids(10..=10),
        repeated: ids(11..=12),
        moved: ids(13..=13),
        foreign: 3,
    };
    let done = Done {
        summary: Summary { listed: 5, attributed: 4, pending: 1, compared: 3, ..Summary::default() },
        alerts: Some(Ok(1)),
        delivery: Some(Delivery { sent: 3, found: 1, marked: 1, requests: 9, ..Delivery::default() }),
        proof: Some(Ok(proof)),
        rates: rates(&ledger, &ledger.judge(&rules), &rules, at(0, 0), at(28, 0)),
        planned: None,
    };
    insta::assert_snapshot!(seen(&done));
}

#[test]
fn what_went_wrong_is_told_apart_from_what_only_takes_time() {
    let server = || SendError::Server { status: 503, retry_after: None, answer: "no".into() };
    let trouble = Trouble { repository: "acme/ml".into(), workflow: "deploy.yml".into(), run: None, what: What::Cut };
    let done = Done {
        summary: Summary { troubles: vec![trouble; 7], stopped: Some(Stopped::Deadline), ..Summary::default() },
        alerts: Some(Err(server())),
        delivery: Some(Delivery {
            refused: vec![(id(1), "it is wrong".into())],
            pending: 3,
            error: Some(SendError::NoAppKey),
            ..Delivery::default()
        }),
        proof: Some(Err(server())),
        ..Done::default()
    };
    insta::assert_snapshot!(seen(&done));
}
