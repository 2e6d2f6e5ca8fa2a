#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use globset::Glob;

use super::*;
use crate::source::logs::tests::read_one;

fn rule(keep: Keep) -> Rule {
    Rule { pipeline: None, environment: None, stage: None, at_most: None, pattern: None, keep }
}

fn rules(rules: Vec<Rule>) -> Rules {
    Rules { rules, ..Rules::default() }
}

#[test]
fn the_first_rule_that_fits_decides() {
    let glob = |pattern: &str| Some(Glob::new(pattern).expect("a glob").compile_matcher());
    let rules = rules(vec![
        Rule { pattern: Some(Regex::new("GET /ping").expect("a pattern")), ..rule(Keep::None) },
        Rule { pipeline: glob("doc-*"), ..rule(Keep::All) },
        Rule { environment: glob("*_dev"), ..rule(Keep::None) },
        Rule { stage: glob("embed"), at_most: Some(Status::Info), ..rule(Keep::None) },
    ]);
    for (text, environment, pipeline, stage, verdict) in [
        ("INFO: GET /ping", "data_prod", "doc-search", "embed", Verdict::Excluded),
        ("INFO: x", "data_prod", "doc-search", "embed", Verdict::Kept),
        ("INFO: x", "data_prod", "other", "embed", Verdict::Excluded),
        ("WARN: x", "data_prod", "other", "embed", Verdict::Kept),
        ("INFO: x", "data_prod", "other", "rank", Verdict::Kept),
        ("ERROR: GET /ping", "data_prod", "other", "rank", Verdict::Excluded),
        ("WARN: x", "data_dev", "other", "rank", Verdict::Excluded),
        ("WARN: x", "data_dev", "doc-search", "rank", Verdict::Kept),
    ] {
        let whose = Whose { pipeline, environment, stage };
        assert_eq!(rules.verdict(&read_one(text), whose), verdict, "{text} {whose:?}");
    }
}

#[test]
fn a_share_keeps_every_error() {
    let none = rules(vec![rule(Keep::Share(0.0))]);
    assert_eq!(none.verdict(&read_one("INFO: x"), Whose::default()), Verdict::Sampled);
    assert_eq!(none.verdict(&read_one("ERROR: x"), Whose::default()), Verdict::Kept);
    let kept = (0..10_000).filter(|id| is_in_share(&id.to_string(), 0.1)).count();
    assert!((900..1_100).contains(&kept), "{kept} of 10000");
    // What a version keeps, the next one keeps too.
    assert_eq!((0..40).filter(|id| is_in_share(&id.to_string(), 0.1)).collect::<Vec<_>>(), [9, 39]);
}

#[test]
fn lines_of_lambda_go_when_nobody_wants_them() {
    let rules = Rules { lambda: false, ..Rules::default() };
    let id = "8f5c0b9e-1234-4000-8000-00000000000a";
    for (text, verdict) in [
        (format!("START RequestId: {id}"), Verdict::Lifecycle),
        (format!("REPORT RequestId: {id}\tDuration: 1 ms"), Verdict::Lifecycle),
        (format!("REPORT RequestId: {id}\tDuration: 1 ms\tStatus: timeout"), Verdict::Kept),
        (format!("2024-05-01T10:00:00Z {id} Task timed out after 3.00 seconds"), Verdict::Kept),
        ("INFO: x".to_owned(), Verdict::Kept),
    ] {
        assert_eq!(rules.verdict(&read_one(&text), Whose::default()), verdict, "{text}");
    }
}

#[test]
fn above_the_cap_only_errors_are_sent_and_it_is_told_once_a_day() {
    let mut account = Account::default();
    let cap = Some(100);
    let day = 19_844 * DAY;
    let crossing = || Some(Crossing { pipeline: "p".to_owned(), cap: 100 });
    assert_eq!(account.take("p", 60, false, cap, day), (Verdict::Kept, None));
    assert_eq!(account.take("p", 60, false, cap, day + 1), (Verdict::OverCap, crossing()));
    assert_eq!(account.take("p", 10, false, cap, day + 2), (Verdict::OverCap, None), "also what would fit");
    assert_eq!(account.take("p", 60, true, cap, day + 3), (Verdict::Kept, None));
    assert_eq!(account.take("q", 60, false, cap, day + 3), (Verdict::Kept, None), "another pipeline");
    assert_eq!(account.take("p", 1, false, cap, day - 1), (Verdict::OverCap, None), "a clock that is set back");
    assert_eq!(account.take("p", 60, false, cap, day + DAY), (Verdict::Kept, None));
    assert_eq!(account.sent("p"), 60);
    let mut ahead = account.clone();
    ahead.take("p", 60, false, cap, day + 400 * DAY);
    assert_eq!(ahead.take("p", 60, false, cap, day + DAY), (Verdict::Kept, None), "a clock that had been far ahead");
    assert_eq!(account.take("r", u64::MAX, true, cap, day + DAY).0, Verdict::Kept);
    assert_eq!(account.take("p", 1_000_000, false, None, day + DAY), (Verdict::Kept, None));
}

#[test]
fn names_are_written_as_people_write_them() {
    let of = |pipeline: &str| {
        let (pipeline, keep) = (Some(pipeline.to_owned()), Keep::None);
        let rule = LogRule { pipeline, environment: None, stage: None, level: None, pattern: None, keep };
        rules(Rule::of(&rule).into_iter().collect())
    };
    let whose = Whose { pipeline: "fax_intake", ..Whose::default() };
    for name in ["Fax Intake", "fax_intake", "Fax*", "{Fax Intake,other}", "F[a-z]x ?ntake"] {
        assert_eq!(of(name).verdict(&read_one("INFO: x"), whose), Verdict::Excluded, "{name}");
    }
    assert_eq!(of("FaxIntake").verdict(&read_one("INFO: x"), whose), Verdict::Kept);
}
