//! Forty runs over four weeks, and every metric of them by hand.

use super::*;
use AttemptState::{Cancelled, Failed, Running};
use Relation::{Ahead, Behind, Diverged};

/// The runs, with `day.hour` of their end, their commit, and the commits that they delivered with the age of each.
///
/// `lease` in `data_prod`, from main unless it says otherwise:
///
/// | run | ended | commit | what |
/// |---|---|---|---|
/// | 1 | -10.10 | 1 | before the window |
/// | 2 | 1.10 | 2 | commit 2, 24 h old |
/// | 3 | 1.12 | 2 | preview |
/// | 4 | 3.10 | 4 | commits 3 (24 h) and 4 (6 h), and a merge; **rolled back by 5** |
/// | 5 | 3.12 | 2 | goes back to 2, delivers nothing: rework |
/// | 6 | 4.10 | 5 | commits 3 (48 h), 4 (30 h) and 5 (2 h) |
/// | 7 | 6.11 | 6 | attempt 1 failed at 6.10; commit 6 (24 h) |
/// | 8 | 7.10 | 7 | failed |
/// | 9 | 7.12 | 7 | commit 7 (12 h); **a P1 alerts at 7.12:30, and 10 is a hotfix** |
/// | 10 | 7.13 | 8 | from hotfix/pages, commit 8 (15 min): rework |
/// | 11 | 8.10 | 9 | cancelled after five minutes |
/// | 12 | 9.10 | 9 | cancelled after six hours: timed out |
/// | 13 | 13.10 | 9 | commit 9 (24 h); **reverted by 14** |
/// | 14 | 14.10 | 10 | commit 10 (1 h), which reverts 9: rework |
/// | 15 | 20.10 | 11 | commit 11 (10 h); **ana says that it failed** |
/// | 16 | 21.10 | 12 | more commits than can be listed |
/// | 17 | 27.10 | 13 | commit 13 (24 h); **its endpoint rolls back at 27.10:20** |
/// | 18 | 28.0 | 14 | at the window's end: outside, but it puts 17 right |
///
/// `lease` in `data_dev`:
///
/// | run | ended | commit | what |
/// |---|---|---|---|
/// | 19 | 2.8 | 20 | the first that is known |
/// | 20 | 2.9 | 21 | from feature/a, commit 21 (30 min) |
/// | 21 | 2.10 | 20 | main again, delivers nothing; no failure in development |
/// | 22, 23 | 3.8, 3.9 | | previews |
/// | 24 | 5.8 | | destroy |
/// | 25 | 6.9 | 22 | commit 22 (1 h) |
/// | 26 | 6.12 | 23 | failed |
/// | 27 | 7.8 | 23 | cancelled |
/// | 28 | 27.8 | 23 | still running |
///
/// `invoice` in `data_prod`; run 29 deploys `receipts` too:
///
/// | run | ended | commit | what |
/// |---|---|---|---|
/// | 29 | 1.15 | 30 | the first that is known, twice |
/// | 30 | 8.15 | 31 | commit 31 (60 days) |
/// | 31 | 9.15 | ? | no branch in its title; a P3 alerts |
/// | 32 | 10.15 | 32 | the previous commit is not known |
/// | 33 | 27.20 | 33 | commit 33 (6 h); **its endpoint fails at 27.20:30, nothing puts it right** |
/// | 34 | 27.22 | 34 | failed |
///
/// Runs 35 to 37 and 40 cannot be attributed, 38 and 39 are pending; 40 is from before the window.
pub(crate) fn forty_runs() -> Ledger {
    let compared_with_what_was_before = deliveries().into_iter().flat_map(|(deployment, base, relation, commits)| {
        let finished_at = Outcome::of(&deployment, &Rules::default()).finished_at().unwrap();
        let changes = commits.iter().map(|(commit, age)| {
            let back = (*commit == 10).then(|| Reverted { sha: Some(sha(9)), title: None });
            Change { merge: *commit == MERGE, reverts: back, ..change(*commit, finished_at - age * MINUTE) }
        });
        [compared(&deployment, base, relation, changes.collect()), Fact::Deployment(deployment)]
    });
    let truncated = Comparison { relation: Some(Ahead), changes: Changes::Unknown(NoLead::Truncated) };
    let facts = compared_with_what_was_before
        .chain(others().into_iter().map(Fact::Deployment))
        .chain([
            Fact::Compared { id: up(16, 12, at(21, 10)).id(), base: sha(11), comparison: truncated },
            word(&up(15, 11, at(20, 10)), Verdict::Failed, at(25, 0)),
        ])
        .chain(signals().map(Fact::Signal))
        .chain(unattributed().map(Fact::Run));
    ledger(facts)
}

/// A merge commit.
const MERGE: u32 = 1000;

/// A deployment, the commit before it, how it relates to that, and its commits with their age in minutes.
type Delivery = (Deployment, u32, Relation, &'static [(u32, i64)]);

fn dev(run: u32, commit: u32, time: i64) -> Deployment {
    up(run, commit, time).of("lease", "data_dev")
}

fn invoice(run: u32, commit: u32, time: i64) -> Deployment {
    up(run, commit, time).of("invoice", "data_prod")
}

fn deliveries() -> Vec<Delivery> {
    let twice = up(7, 6, at(6, 11)).but(|it| {
        it.attempts.insert(1, attempt(Failed, 300, at(6, 10)));
        it.attempts.insert(2, attempt(AttemptState::Succeeded, 300, at(6, 11)));
    });
    vec![
        (up(2, 2, at(1, 10)), 1, Ahead, &[(2, 24 * 60)]),
        (up(4, 4, at(3, 10)), 2, Ahead, &[(3, 24 * 60), (4, 6 * 60), (MERGE, 60)]),
        (up(5, 2, at(3, 12)), 4, Behind, &[]),
        (up(6, 5, at(4, 10)), 2, Ahead, &[(3, 48 * 60), (4, 30 * 60), (5, 2 * 60)]),
        (twice, 5, Ahead, &[(6, 24 * 60)]),
        (up(9, 7, at(7, 12)), 6, Ahead, &[(7, 12 * 60)]),
        (up(10, 8, at(7, 13)).from("hotfix/pages"), 7, Ahead, &[(8, 15)]),
        (up(13, 9, at(13, 10)), 8, Ahead, &[(9, 24 * 60)]),
        (up(14, 10, at(14, 10)), 9, Ahead, &[(10, 60)]),
        (up(15, 11, at(20, 10)), 10, Ahead, &[(11, 10 * 60)]),
        (up(17, 13, at(27, 10)), 12, Ahead, &[(13, 24 * 60)]),
        (up(18, 14, at(28, 0)), 13, Ahead, &[(14, 60)]),
        (dev(20, 21, at(2, 9)).from("feature/a"), 20, Diverged, &[(21, 30)]),
        (dev(21, 20, at(2, 10)), 21, Diverged, &[]),
        (dev(25, 22, at(6, 9)), 20, Ahead, &[(22, 60)]),
        (invoice(30, 31, at(8, 15)), 30, Ahead, &[(31, 60 * 24 * 60)]),
        (invoice(33, 33, at(27, 20)), 32, Ahead, &[(33, 6 * 60)]),
    ]
}

fn others() -> Vec<Deployment> {
    let preview = |it: Deployment| it.but(|it| it.action = Action::Preview);
    let only = |it: Deployment, attempt| it.but(|it| it.attempts = BTreeMap::from([(1, attempt)]));
    let unknown = |it: &mut Deployment| {
        it.origin.by = Attribution::JobName;
        it.origin.branch = None;
        it.commit = Commit::Unknown(NoCommit::BranchUnknown);
    };
    vec![
        up(1, 1, at(-10, 10)),
        preview(up(3, 2, at(1, 12))),
        up(8, 7, at(7, 10)).ended(Failed),
        up(11, 9, at(8, 10)).ended(Cancelled),
        only(up(12, 9, at(9, 10)), attempt(Cancelled, 6 * HOUR, at(9, 10))),
        up(16, 12, at(21, 10)),
        dev(19, 20, at(2, 8)),
        preview(dev(22, 21, at(3, 8))),
        preview(dev(23, 21, at(3, 9))),
        dev(24, 20, at(5, 8)).but(|it| it.action = Action::Destroy),
        dev(26, 23, at(6, 12)).ended(Failed),
        dev(27, 23, at(7, 8)).ended(Cancelled),
        only(dev(28, 23, at(27, 8)), attempt(Running, 0, at(27, 8))),
        invoice(29, 30, at(1, 15)),
        up(29, 30, at(1, 15)).of("receipts", "data_prod"),
        invoice(31, 0, at(9, 15)).but(unknown),
        invoice(32, 32, at(10, 15)),
        invoice(34, 34, at(27, 22)).ended(Failed),
    ]
}

fn signals() -> impl Iterator<Item = Signal> {
    let of_invoice = |signal| Signal { unit: Unit::new("invoice", "data_prod"), ..signal };
    let half = 30 * MINUTE;
    let signals = [
        signal("a", SignalKind::Monitor { priority: 1 }, at(7, 12) + half),
        signal("b", SignalKind::EndpointRolledBack, at(27, 10) + 20 * MINUTE),
        of_invoice(signal("c", SignalKind::Monitor { priority: 3 }, at(9, 15) + half)),
        of_invoice(signal("d", SignalKind::EndpointFailed, at(27, 20) + half)),
    ];
    signals.into_iter()
}

fn unattributed() -> impl Iterator<Item = Run> {
    let runs = [
        (35, RunState::NoInputs, 2),
        (36, RunState::NoInputs, 12),
        (37, RunState::NoFile, 22),
        (38, RunState::Pending, 27),
        (39, RunState::Pending, 27),
        (40, RunState::NoInputs, -3),
    ];
    runs.into_iter().map(|(id, state, day)| run(id, state, at(day, 0)))
}

fn counts(rate: &Rate) -> (usize, usize) {
    (rate.hits.len(), rate.of.len())
}

fn seconds(hours: &[i64]) -> Vec<i64> {
    hours.iter().map(|hours| hours * HOUR).collect()
}

fn unit<'a>(report: &'a Report, name: &str) -> &'a Metrics {
    &report.units.iter().find(|it| it.unit.to_string() == name).unwrap().metrics
}

#[test]
fn lease_in_production() {
    let ledger = forty_runs();
    let report = report(&ledger, &Rules::default(), &window(28, at(28, 0)), &|_| true);
    let metrics = unit(&report, "lease in data_prod");
    // Runs 2 4 5 6 7 9 10 13 14 15 16 17: 12 in 28 days, 7 * 12 / 28 = 3 a week.
    // Days 1 3 4 6 7 13 14 20 21 27.
    assert_eq!(metrics.frequency.deployments.len(), 12);
    assert!((metrics.frequency.per_week - 3.0).abs() < 1e-9 && (metrics.frequency.per_day - 12.0 / 28.0).abs() < 1e-9);
    assert_eq!(metrics.frequency.active_days, 10);
    // Failures: 4 by rollback, 9 by monitor and hotfix, 13 by revert, 15 by ana, 17 by its endpoint.
    assert_eq!(counts(&metrics.change_failure_rate), (5, 12));
    // Rework: 5, 10, 14. Run 16 follows a failure, but nothing says that it is because of it.
    assert_eq!(counts(&metrics.rework_rate), (3, 12));
    // Hours: 0.25, 1 (14), 2, 6, 10, 12, 24 (2), 24 (4), 24 (7), 24 (13), 24 (17), 30, 48: n = 13.
    // Median: h = 12 * 0.5 = 6, x[6] = 24 h. p90: h = 10.8, x[10] + 0.8 * (x[11] - x[10]) = 24 h + 0.8 * 6 h = 28.8 h.
    let lead = &metrics.lead_time;
    assert_eq!(lead.durations.observations.len(), 13);
    assert_eq!((lead.durations.median, lead.durations.p90), (Some(24 * HOUR), Some(288 * HOUR / 10)));
    // Run 5 delivered nothing, run 16 is not known.
    assert_eq!((lead.without_commits.len(), lead.unknown.len()), (1, 1));
    // 4 -> 5: 2 h. 9 -> 10: 1 h. 13 -> 14: 24 h. 15 -> 16: 24 h. 17 -> 18: 14 h. In order 1 2 14 24 24:
    // median 14 h; p90: h = 3.6, x[3] + 0.6 * 0 = 24 h.
    let recovery = &metrics.recovery_time;
    let times: Vec<i64> = recovery.durations.observations.iter().map(|it| it.seconds).collect();
    assert_eq!(times, seconds(&[2, 1, 24, 24, 14]));
    assert_eq!((recovery.durations.median, recovery.durations.p90), (Some(14 * HOUR), Some(24 * HOUR)));
    assert_eq!(recovery.open, []);
    // Days 0 to 6: 2 4 5 6 7. 7 to 13: 9 10 13. 14 to 20: 14 15. 21 to 27: 16 17.
    let weeks: Vec<_> = metrics.weeks.iter().map(|week| (week.failures, week.of, week.deployments)).collect();
    assert_eq!(weeks, [(1, 5, 5), (2, 3, 3), (1, 2, 2), (1, 2, 2)]);
}

#[test]
fn lease_in_development() {
    let ledger = forty_runs();
    let report = report(&ledger, &Rules::default(), &window(28, at(28, 0)), &|_| true);
    let metrics = unit(&report, "lease in data_dev");
    // Runs 19 20 21 25, on days 2 and 6, none failed.
    assert_eq!((metrics.frequency.deployments.len(), metrics.frequency.active_days), (4, 2));
    assert_eq!((counts(&metrics.change_failure_rate), counts(&metrics.rework_rate)), ((0, 4), (0, 4)));
    assert_eq!(metrics.change_failure_rate.value(), Some(0.0));
    // 30 and 60 min: median 45 min; p90: h = 0.9, 30 + 0.9 * 30 = 57 min. Run 21 delivered nothing, 19 is the first.
    let lead = &metrics.lead_time;
    assert_eq!((lead.durations.median, lead.durations.p90), (Some(45 * MINUTE), Some(57 * MINUTE)));
    assert_eq!((lead.without_commits.len(), lead.unknown.len()), (1, 1));
    assert_eq!((metrics.recovery_time.durations.median, metrics.recovery_time.open.len()), (None, 0));
}

#[test]
fn invoice_and_receipts() {
    let ledger = forty_runs();
    let report = report(&ledger, &Rules::default(), &window(28, at(28, 0)), &|_| true);
    let metrics = unit(&report, "invoice in data_prod");
    // Runs 29 30 31 32 33; 33 failed and is open: 34 did not succeed.
    assert_eq!((counts(&metrics.change_failure_rate), counts(&metrics.rework_rate)), ((1, 5), (0, 5)));
    assert_eq!((metrics.recovery_time.durations.median, metrics.recovery_time.open.len()), (None, 1));
    // 6 h and 1440 h: median 723 h; p90: 6 + 0.9 * 1434 = 1296.6 h. Runs 29, 31 and 32 are not known.
    let lead = &metrics.lead_time;
    assert_eq!((lead.durations.median, lead.durations.p90), (Some(723 * HOUR), Some(12_966 * HOUR / 10)));
    let why: Vec<NoLead> = lead.unknown.iter().map(|(_, why)| *why).collect();
    assert_eq!(why, [NoLead::FirstKnown, NoLead::CommitUnknown, NoLead::PreviousUnknown]);
    assert_eq!(counts(&unit(&report, "receipts in data_prod").change_failure_rate), (0, 1));
}

#[test]
fn blended_and_honest() {
    let ledger = forty_runs();
    let report = report(&ledger, &Rules::default(), &window(28, at(28, 0)), &|_| true);
    // 12 + 4 + 5 + 1 = 22 deployments, 22 / 4 = 5.5 a week, on days 1 2 3 4 6 7 8 9 10 13 14 20 21 27.
    let metrics = &report.blended;
    assert_eq!((metrics.frequency.deployments.len(), metrics.frequency.active_days), (22, 14));
    assert!((metrics.frequency.per_week - 5.5).abs() < 1e-9);
    assert_eq!((counts(&metrics.change_failure_rate), counts(&metrics.rework_rate)), ((6, 22), (3, 22)));
    // Hours: 0.25 0.5 1 1 2 6 6 10 12 24 24 24 24 24 30 48 1440: n = 17, median x[8] = 12 h;
    // p90: h = 14.4, 30 + 0.4 * (48 - 30) = 37.2 h. Not known: 16, 19, 29 twice, 31, 32.
    let lead = &metrics.lead_time;
    assert_eq!(lead.durations.observations.len(), 17);
    assert_eq!((lead.durations.median, lead.durations.p90), (Some(12 * HOUR), Some(372 * HOUR / 10)));
    assert_eq!((lead.without_commits.len(), lead.unknown.len()), (2, 6));
    assert_eq!((metrics.recovery_time.durations.median, metrics.recovery_time.open.len()), (Some(14 * HOUR), 1));
    // Created in the window: runs 2 to 34 are attributed, 35 36 37 not, 38 39 pending: 38.
    let honesty = &report.honesty;
    assert_eq!((honesty.listed, honesty.attributed), (38, 33));
    assert_eq!((honesty.unattributed.as_slice(), honesty.pending.as_slice()), (&[35, 36, 37][..], &[38, 39][..]));
    assert_eq!(honesty.example.as_deref(), Some("Deploy self-service infrastructure 37"));
    assert_eq!(honesty.known_since, Some(at(-10, 10) - 600));
}

#[test]
fn failed_ups_count_when_they_are_told_to() {
    let ledger = forty_runs();
    let rules = Rules { failed_up_counts: true, ..Rules::default() };
    let report = report(&ledger, &rules, &window(28, at(28, 0)), &|_| true);
    // Runs 8 and 12 as well, in k and in n, but not in frequency and rework.
    let metrics = unit(&report, "lease in data_prod");
    assert_eq!((counts(&metrics.change_failure_rate), counts(&metrics.rework_rate)), ((7, 14), (3, 12)));
    assert_eq!(metrics.frequency.deployments.len(), 12);
    // In the order of failing: 4, 8 -> 10 (9 failed itself): 3 h, 9, 12 -> 13 failed, so -> 14: 5 days, 13, 15, 17.
    let times: Vec<i64> = metrics.recovery_time.durations.observations.iter().map(|it| it.seconds).collect();
    assert_eq!(times, seconds(&[2, 3, 1, 120, 24, 24, 14]));
    // Run 26 in development: 25 was before it, nothing after.
    let metrics = unit(&report, "lease in data_dev");
    assert_eq!((counts(&metrics.change_failure_rate), metrics.recovery_time.open.len()), ((1, 5), 1));
    assert_eq!(counts(&report.blended.change_failure_rate), (10, 26));
}

#[test]
fn nothing_deployed_is_none_and_not_zero() {
    let report = report(&forty_runs(), &Rules::default(), &window(7, at(60, 0)), &|_| true);
    let metrics = &report.blended;
    assert_eq!((metrics.change_failure_rate.value(), metrics.rework_rate.value()), (None, None));
    assert_eq!((metrics.lead_time.durations.median, metrics.recovery_time.durations.p90), (None, None));
    assert_eq!(metrics.frequency.deployments, []);
}

#[test]
fn a_day_is_a_day_of_the_zone() {
    // 22:30 and 23:30 UTC are one day in UTC, and two in Berlin's summer.
    let ledger = deployed(&[up(1, 1, at(1, 22) + 30 * MINUTE), up(2, 1, at(1, 23) - 90 * MINUTE)]);
    let days = |hours| {
        let zone = chrono::FixedOffset::east_opt(hours * 3_600).unwrap();
        metrics_of(&ledger, &Rules::default(), &Window { zone, ..window(7, at(7, 0)) }).frequency.active_days
    };
    assert_eq!((days(0), days(2), days(-12)), (1, 2, 1));
}

#[test]
fn the_explanation_of_run_9_tells_all_of_it() {
    let ledger = forty_runs();
    let rules = Rules::default();
    let judged = ledger.judge(&rules);
    let ninth = judged.iter().find(|it| it.deployment.run == 9).unwrap();
    let words: Vec<String> = ninth.explain(&rules).into_iter().map(|reason| reason.words).collect();
    let seventh = sha(7);
    let expected = [
        "run 9 was recognised by its title; its title is \"up pipelines/lease.yaml to data_prod from main\"",
        "attempt 1 succeeded, its deploy job ran 5 min",
        "counts: an up that reached the environment",
        &format!("commit {seventh}: the workflow was dispatched on the branch that it deployed"),
        "it delivered 1 commit of this pipeline since ddsync:00000000007:up:data_prod:lease",
        &format!("commit {seventh} of 2026-09-14T00:00:00Z, after 12 h"),
        "failure by the rule monitor: Expired requests alerted, 30 min after it",
        "failure by the rule hotfix: ddsync:00000000010:up:data_prod:lease was a hotfix: \"hotfix/pages\"",
        "put right by ddsync:00000000010:up:data_prod:lease after 1 h",
    ];
    assert_eq!(words, expected);
}
