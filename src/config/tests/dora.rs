use std::collections::BTreeSet;

use super::*;
use crate::config::settings::Dora;
use crate::model::dora::{Rule, Rules};

fn dora(section: &str) -> Dora {
    settings(&format!("regions: [us-west-2]\n{section}"), &[]).dora
}

#[test]
fn without_the_section_every_rule_is_on_and_days_are_those_of_utc() {
    let dora = dora("");
    assert_eq!((dora.rules, dora.zone.local_minus_utc()), (Rules::default(), 0));
}

#[test]
fn everything_can_be_set() {
    let text = "
dora:
  zone: \"-05:30\"
  rules: {rollback: false, revert: false, hotfix: true, endpoint: false, monitor: false}
  failed_up_counts: true
  repair_window: 1d
  hotfix_words: [urgent]
  endpoint_window: 5m
  monitor_window: 90s
  monitor_priority: 1
  job_timeout: 30m
  development: []
";
    let dora = dora(text);
    let rules = Rules {
        off: BTreeSet::from([Rule::Rollback, Rule::Revert, Rule::Endpoint, Rule::Monitor]),
        repair_window: 86_400,
        hotfix_words: vec!["urgent".into()],
        endpoint_window: 300,
        monitor_window: 90,
        monitor_priority: 1,
        failed_up_counts: true,
        job_timeout: 1_800,
        development: BTreeSet::new(),
    };
    assert_eq!((dora.rules, dora.zone.local_minus_utc()), (rules, -5 * 3_600 - 30 * 60));
}

#[test]
fn an_offset_is_written_as_people_do() {
    for (text, hours) in
        [("UTC", 0), ("Z", 0), ("+02:00", 2), ("\"+0200\"", 2), ("\"-12:00\"", -12), ("\"+14:00\"", 14)]
    {
        assert_eq!(dora(&format!("dora: {{zone: {text}}}")).zone.local_minus_utc(), hours * 3_600, "{text}");
    }
}

#[test]
fn every_mistake_is_named() {
    let text = "regions: [us-west-2]
environments: [data_dev, data_prod]
dora:
  zone: Europe/Berlin
  rules: {rolback: true, person: false, monitor: no thanks}
  failed_up_counts: 1
  repair_window: 48
  hotfix_words: []
  endpoint_window: 0s
  monitor_window: 30d
  monitor_priority: P2
  job_timeout: 6h
  development: [data_dve]
  failed_ups: true
";
    insta::assert_snapshot!(problems(text), @r#"
    ddsync.yaml:4: dora.zone: `Europe/Berlin` is no fixed offset; write `UTC`, or one such as `"+01:00"`. The name of a place is not taken: with summer time it has two offsets, and a window may hold both
    ddsync.yaml:5: dora.rules.rolback: unknown key; did you mean `rollback`?
    ddsync.yaml:5: dora.rules.person: unknown key; known here: rollback, revert, hotfix, endpoint, monitor
    ddsync.yaml:5: dora.rules.monitor: expected true or false, found `no thanks`
    ddsync.yaml:6: dora.failed_up_counts: expected true or false, found `1`
    ddsync.yaml:7: dora.repair_window: expected a number with its unit, for example `48s` or `5m`, found `48`
    ddsync.yaml:8: dora.hotfix_words: without words nothing is a hotfix; switch the rule off with `rules: {hotfix: false}`
    ddsync.yaml:9: dora.endpoint_window: expected a duration from 1m to 7days, found `0s`
    ddsync.yaml:10: dora.monitor_window: expected a duration from 1m to 7days, found `30d`
    ddsync.yaml:11: dora.monitor_priority: expected a whole number from 1 to 5, found `P2`
    ddsync.yaml:13: dora.development[0]: `data_dve` is none of `environments`; did you mean `data_dev`?
    ddsync.yaml:14: dora.failed_ups: unknown key; known here: zone, rules, failed_up_counts, repair_window, hotfix_words, endpoint_window, monitor_window, monitor_priority, job_timeout, development
    "#);
    let text = "regions: [us-west-2]\ndora: {zone: \"+15:00\", hotfix_words: [\"--\"]}";
    insta::assert_snapshot!(problems(text), @r#"
    ddsync.yaml:2: dora.zone: `+15:00` is no fixed offset; write `UTC`, or one such as `"+01:00"`. The name of a place is not taken: with summer time it has two offsets, and a window may hold both
    ddsync.yaml:2: dora.hotfix_words[0]: `--` has no word in it
    "#);
}
