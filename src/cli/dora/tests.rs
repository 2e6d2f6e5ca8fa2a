//! The screens, of the forty runs that are worked out by hand in the model's tests.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use chrono::{FixedOffset, Offset, Utc};

use super::explain::Explained;
use super::filter::FilterArgs;
use super::mark::{Marked, Saying};
use super::report::{Asked, Shown};
use super::{CommandError, advice, csv, explain, find, mark, text};
use crate::config::settings::Dora;
use crate::model::dora::tests::worked::forty_runs;
use crate::model::dora::tests::{at, run, up};
use crate::model::dora::{Deployment, DeploymentId, Fact, Ledger, Life, RunState, Sent, Verdict, Window};

/// Moves the cursor, turns the direction of writing, and is a formula.
const HOSTILE: &str = "=cmd|'/C calc'!A0\u{1b}[2J\u{202e}\r\n,\"x\"";

fn dora(section: &str) -> Dora {
    let text = format!("regions: [us-west-2]\ndora: {{{section}}}");
    crate::config::read(&text, "ddsync.yaml", &std::collections::BTreeMap::new()).unwrap().settings.dora
}

fn only(pipeline: &[&str], team: &[&str], environment: &[&str]) -> FilterArgs {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    FilterArgs { pipeline: names(pipeline), team: names(team), environment: names(environment) }
}

fn shown(ledger: &Ledger, dora: &Dora, days: u32, filter: &FilterArgs, blended: bool) -> Shown {
    let window = Window { days, end: at(28, 0), zone: dora.zone };
    Shown::of(
        ledger,
        &Asked {
            dora,
            github: None,
            window,
            looked_at: chrono::DateTime::from_timestamp(window.end - 120, 0),
            filter,
            blended,
        },
    )
}

fn report(ledger: &Ledger, days: u32, filter: &FilterArgs, blended: bool) -> String {
    plain(&text::text(&shown(ledger, &dora(""), days, filter, blended), utc(), false))
}

fn utc() -> FixedOffset {
    Utc.fix()
}

/// As it comes through a pipe.
fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

fn explained(ledger: &Ledger, typed: &str) -> String {
    let dora = dora("");
    let id = find::find(ledger, typed, None).unwrap();
    let judged = ledger.judge(&dora.rules);
    let judged = judged.iter().find(|it| it.id == *id).unwrap();
    plain(&explain::text(&Explained::of(judged, &ledger.entries[id], &dora.rules), utc()))
}

fn refused<T: std::fmt::Debug>(result: Result<T, CommandError>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.code(), 2, "{error}");
    error.to_string()
}

/// With a pipeline, a team, a title and an alert that want to do harm.
fn hostile() -> Ledger {
    let mut ledger = forty_runs();
    let mut bad = up(50, 50, at(26, 10));
    HOSTILE.clone_into(&mut bad.unit.pipeline);
    HOSTILE.clone_into(&mut bad.origin.title);
    bad.origin.branch = Some(HOSTILE.to_owned());
    bad.team = Some(HOSTILE.to_owned());
    ledger.observe(Fact::Deployment(bad));
    ledger
}

#[test]
fn a_report_on_a_terminal() {
    let ledger = forty_runs();
    let shown = shown(&ledger, &dora(""), 28, &FilterArgs::default(), false);
    let screen = text::text(&shown, utc(), true);
    insta::assert_snapshot!(plain(&screen));
    assert!(screen.contains("\u{1b}[1mDORA of 28 days"), "a heading stands out");
}

#[test]
fn a_report_in_a_pipe() {
    insta::assert_snapshot!(report(&forty_runs(), 28, &FilterArgs::default(), false));
}

#[test]
fn a_blended_report_says_so() {
    insta::assert_snapshot!(report(&forty_runs(), 28, &FilterArgs::default(), true));
}

#[test]
fn a_filtered_report_says_so() {
    insta::assert_snapshot!(report(&forty_runs(), 7, &only(&["Lease"], &["docs"], &["data_prod"]), false));
}

#[test]
fn a_report_of_nothing() {
    insta::assert_snapshot!(report(&Ledger::default(), 28, &FilterArgs::default(), true));
}

#[test]
fn a_report_of_titles_that_fit_nothing() {
    let mut ledger = Ledger::default();
    for (id, state, day) in [(1, RunState::NoInputs, 3), (2, RunState::NoInputs, 20), (3, RunState::Pending, 27)] {
        ledger.observe(Fact::Run(run(id, state, at(day, 0))));
    }
    insta::assert_snapshot!(report(&ledger, 28, &FilterArgs::default(), false));
}

#[test]
fn the_line_for_a_workflow_follows_its_own_pattern() {
    let text = "regions: [us-west-2]
github:
  repositories:
    - repo: Acme/ML
      workflows: [other.yml, {file: deploy.yml, run_name: \"{action} {pipeline} in {environment}\"}]
";
    let settings = crate::config::read(text, "ddsync.yaml", &std::collections::BTreeMap::new()).unwrap().settings;
    let run = run(1, RunState::NoInputs, at(1, 0));
    let line = |github| advice::run_name(github, &run).unwrap();
    let own = "run-name: '${{ inputs.action }} ${{ inputs.pipeline }} in ${{ inputs.environment }}'";
    assert_eq!(line(settings.github.as_ref()), own);
    assert!(line(None).contains("${{ inputs.YAML }} to ${{ inputs.environment }}"));
}

#[test]
fn a_report_of_other_rules_says_which() {
    let dora = dora(
        "rules: {monitor: false, rollback: false}, failed_up_counts: true, zone: \"+05:30\", monitor_priority: 1, \
         hotfix_words: [urgent], development: []",
    );
    let shown = shown(&forty_runs(), &dora, 90, &only(&["lease"], &[], &["data_prod"]), false);
    insta::assert_snapshot!(plain(&text::text(&shown, dora.zone, true)));
}

#[test]
fn json_has_what_every_number_is_made_of() {
    let ledger = forty_runs();
    let shown = shown(&ledger, &dora(""), 28, &only(&["lease"], &[], &["data_dev"]), true);
    insta::assert_json_snapshot!(shown);
}

#[test]
fn csv_is_a_row_a_unit() {
    let ledger = forty_runs();
    let shown = |ledger: &Ledger| shown(ledger, &dora(""), 28, &FilterArgs::default(), true);
    insta::assert_snapshot!(String::from_utf8(csv::csv(&shown(&ledger)).unwrap()).unwrap());
    let empty = csv::csv(&self::shown(&Ledger::default(), &dora(""), 28, &FilterArgs::default(), false)).unwrap();
    assert_eq!(String::from_utf8(empty).unwrap().lines().count(), 1, "the names of the columns");
}

#[test]
fn names_of_others_do_no_harm() {
    let ledger = hostile();
    let shown = shown(&ledger, &dora(""), 28, &FilterArgs::default(), false);
    let table = plain(&text::text(&shown, utc(), true));
    let bytes = csv::csv(&shown).unwrap();
    let mut read = ::csv::Reader::from_reader(bytes.as_slice());
    let rows: Vec<_> = read.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 5);
    let formula = |field: &str| field.starts_with(['=', '+', '-', '@']) && field.parse::<f64>().is_err();
    assert!(!rows.iter().any(|row| row.iter().any(formula)), "{rows:?}");
    assert!(rows.iter().any(|row| row.iter().any(|field| field.starts_with("'=cmd|"))), "{rows:?}");
    let explained = explained(&ledger, "50");
    let said = refused(only(&[HOSTILE, "x"], &[], &[]).check(&forty_runs()));
    for screen in [&table, &explained, &said] {
        assert!(screen.contains("cmd"), "{screen}");
        assert!(!screen.contains(['\u{1b}', '\u{202e}', '\r']), "{screen}");
    }
    insta::assert_snapshot!(explained);
}

#[test]
fn a_filter_that_means_nothing_says_what_there_is() {
    let ledger = forty_runs();
    let refused = |filter: FilterArgs| refused(filter.check(&ledger));
    insta::assert_snapshot!(
        [
            refused(only(&["leas"], &[], &[])),
            refused(only(&["lease", "zebra"], &[], &[])),
            refused(only(&[], &["Dosc"], &[])),
            refused(only(&[], &["x"], &[])),
            refused(only(&["invoice"], &[], &["data_dev"])),
        ]
        .join("\n")
    );
    only(&["LEASE", "invoice"], &["Docs"], &["DATA_PROD"]).check(&ledger).unwrap();
    only(&["x"], &[], &[]).check(&Ledger::default()).unwrap();
}

#[test]
fn explanations() {
    let mut ledger = forty_runs();
    let id = up(2, 2, at(1, 10)).id();
    let sent = Sent { at: at(1, 10) + 90, started_at: at(1, 10) - 300, finished_at: at(1, 10) };
    let life =
        Life { seen: Some(at(1, 10) + 60), attributed: Some(at(1, 10) + 60), sent: Some(sent), ..Life::default() };
    ledger.observe(Fact::Life { id, life });
    let life = Life { marked: Some(at(3, 13)), unmarked: Some(at(3, 14)), ..Life::default() };
    ledger.observe(Fact::Life { id: up(4, 4, at(3, 10)).id(), life });
    for (run, what) in [
        ("2", "good"),
        ("4", "rolled_back"),
        ("9", "alert_and_hotfix"),
        ("10", "rework"),
        ("15", "by_a_person"),
        ("3", "preview"),
        ("24", "destroy"),
        ("11", "cancelled"),
        ("12", "timed_out"),
        ("28", "pending"),
        ("8", "failed_up"),
        ("16", "unknown_lead_time"),
        ("31", "unknown_commit"),
        ("33", "open"),
    ] {
        insta::assert_snapshot!(format!("explain_{what}"), explained(&ledger, run));
    }
}

#[test]
fn an_explanation_as_json() {
    let ledger = forty_runs();
    let dora = dora("");
    let judged = ledger.judge(&dora.rules);
    let judged = judged.iter().find(|it| it.deployment.run == 4).unwrap();
    insta::assert_json_snapshot!(Explained::of(judged, &ledger.entries[&judged.id], &dora.rules));
}

#[test]
fn a_deployment_is_found_by_what_people_have_at_hand() {
    let ledger = forty_runs();
    let ninth = "ddsync:00000000009:up:data_prod:lease";
    for typed in [
        ninth,
        " ddsync:00000000009 ",
        "00000000009:up",
        "9",
        "https://github.com/acme/ml/actions/runs/9",
        "https://github.com/acme/ml/actions/runs/9/attempts/1?pr=1",
        "https://github.com/acme/ml/actions/runs/9/job/77#step:3:1",
    ] {
        assert_eq!(find::find(&ledger, typed, None).unwrap().as_str(), ninth, "{typed}");
    }
    let refused = |typed: &str| refused(find::find(&ledger, typed, None));
    insta::assert_snapshot!(
        ["29", "ddsync:", "35", "37", "38", "ddsync:00000000009:up:data_prod:leese", "999", "x\u{1b}[2J", ""]
            .map(refused)
            .join("\n")
    );
    assert_eq!(
        self::refused(find::find(&Ledger::default(), "9", None)),
        "there is no deployment \"9\": none is known yet"
    );
}

fn say(ledger: &Ledger, run: u64, verdict: Verdict, because: &str, now: i64) -> Result<Marked, CommandError> {
    let id = ledger.deployments().find(|it| it.run == run).map_or(DeploymentId::from_text("x"), Deployment::id);
    let saying = Saying { id: &id, verdict, because, by: Some("ana") };
    mark::mark(ledger, &dora("").rules, &saying, now)
}

#[test]
fn words_of_a_person() {
    let ledger = forty_runs();
    let marked =
        |run, verdict| plain(&mark::text(&say(&ledger, run, verdict, " I \u{202e}looked\n", at(28, 0)).unwrap()));
    insta::assert_snapshot!(
        [
            marked(2, Verdict::Failed),
            marked(2, Verdict::Ok),
            marked(4, Verdict::Ok),
            marked(4, Verdict::Failed),
            marked(8, Verdict::Failed),
            marked(28, Verdict::Failed),
        ]
        .join("\n\n")
    );
    insta::assert_snapshot!(
        [
            refused(say(&ledger, 3, Verdict::Failed, "x", at(28, 0))),
            refused(say(&ledger, 24, Verdict::Failed, "x", at(28, 0))),
            refused(say(&ledger, 2, Verdict::Failed, "  ", at(28, 0))),
            refused(say(&ledger, 2, Verdict::Failed, &"x".repeat(1_001), at(28, 0))),
            refused(say(&ledger, 999, Verdict::Failed, "x", at(28, 0))),
        ]
        .join("\n")
    );
}

#[test]
fn the_opposite_undoes_within_a_second_and_from_a_clock_that_is_behind() {
    let mut ledger = forty_runs();
    let rules = dora("").rules;
    let id = up(2, 2, at(1, 10)).id();
    let mut failed = |verdict, now| {
        let word = say(&ledger, 2, verdict, "so", now).unwrap().word;
        ledger.observe(Fact::Word { id: id.clone(), word });
        ledger.judge(&rules).iter().find(|it| it.id == id).unwrap().failure
    };
    let now = at(28, 0);
    assert!(failed(Verdict::Failed, now));
    assert!(!failed(Verdict::Ok, now));
    assert!(failed(Verdict::Failed, now - 3_600));
}
