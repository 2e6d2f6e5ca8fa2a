use super::*;
use crate::config::settings::{Keep, LogRule, Redact};
use crate::model::log::Status;

#[test]
fn logs_are_followed_whole_unless_it_is_said_otherwise() {
    let logs = settings("regions: [us-west-2]", &[]).logs;
    assert!(logs.collect && logs.lambda_lines && logs.rules.is_empty() && logs.daily_bytes.is_none());
    assert_eq!((logs.requests_per_second, logs.reread.as_secs(), logs.redact), (3, 300, Redact::default()));
}

#[test]
fn rules_say_which_lines_and_how_many() {
    let text = "regions: [us-west-2]\nlogs:\n  daily_megabytes: 5\n  redact: {credentials: false, cards: true, patterns: [a+]}\n  rules:\n    \
                - {pipeline: \"Lease*\", environment: data_dev, level: info, keep: 0.25}\n    - {stage: split, pattern: \"GET /ping\", keep: none}\n    \
                - {keep: errors}\n    - {keep: all}\n    - {keep: 1}\n";
    let logs = settings(text, &[]).logs;
    let keeps: Vec<Keep> = logs.rules.iter().map(|rule| rule.keep).collect();
    assert_eq!(keeps, [Keep::Share(0.25), Keep::None, Keep::Share(0.0), Keep::All, Keep::Share(1.0)]);
    let first = LogRule {
        pipeline: Some("Lease*".into()),
        environment: Some("data_dev".into()),
        stage: None,
        level: Some(Status::Info),
        pattern: None,
        keep: Keep::Share(0.25),
    };
    assert_eq!((&logs.rules[0], logs.daily_bytes), (&first, Some(5_000_000)));
    let redact = Redact { credentials: false, emails: false, cards: true, patterns: vec!["a+".into()] };
    assert_eq!(logs.redact, redact);
}

#[test]
fn what_cannot_be_used_is_named() {
    let text = "regions: [us-west-2]\nlogs:\n  reread: 5s\n  redact: {patterns: [\"(a\", \"b{1000}{1000}\"]}\n  rules:\n    - {level: loud, keep: all}\n    \
                - {pipeline: \"a[\", keep: all}\n    - {stage: x}\n    - {keep: 2}\n    - {keep: some}\n    - {pattern: \"*\", keep: none}\n";
    insta::assert_snapshot!(problems(text));
}

#[test]
fn rules_that_are_hardly_meant_are_told() {
    let of = |rules: &str| warnings(&format!("regions: [us-west-2]\nlogs:\n  rules: {rules}\n"));
    assert_eq!(of("[{stage: x, keep: none}, {keep: errors}]"), "");
    insta::assert_snapshot!(of("[{keep: none}]"));
    insta::assert_snapshot!(of("[{keep: all}, {stage: x, keep: none}]"));
}
