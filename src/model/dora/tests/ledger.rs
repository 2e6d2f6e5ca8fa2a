//! What speaks against a deployment, and what takes it back.

use super::*;
use crate::model::declared::Source;

fn revert(commit: u32, authored_at: i64, message: &str) -> Change {
    Change {
        title: message.lines().next().unwrap_or_default().into(),
        reverts: reverts(message),
        ..change(commit, authored_at)
    }
}

/// Commits 1, 2 and 3 deployed a day apart; 3 takes back what the message says.
fn reverted_by(message: &str, hours_later: i64) -> Ledger {
    let (first, second, third) = (up(1, 1, at(1, 0)), up(2, 2, at(2, 0)), up(3, 3, at(2, hours_later)));
    ledger([
        compared(&second, 1, Relation::Ahead, vec![change(2, at(1, 1))]),
        compared(&third, 2, Relation::Ahead, vec![revert(3, at(2, 1), message)]),
        Fact::Deployment(first),
        Fact::Deployment(second),
        Fact::Deployment(third),
    ])
}

#[test]
fn a_revert_speaks_against_the_deployment_that_brought_the_commit() {
    let by_sha = format!("Revert \"Something\"\n\nThis reverts commit {}.\n", sha(2));
    for message in [by_sha.as_str(), "Revert \"Change 2\"", "Revert \"Change 2 (#7)\" (#8)"] {
        assert_eq!(failures(&reverted_by(message, 2), &Rules::default()), [(2, vec![Rule::Revert])], "{message}");
        assert_eq!(failures(&reverted_by(message, 48), &Rules::default()).len(), 1, "{message}");
        assert_eq!(failures(&reverted_by(message, 49), &Rules::default()), [], "outside the window");
    }
    for message in [
        "Tidy\n\nThis reverts commit 0 by hand.",
        "Revert \"Change 9\"",
        "Reapply \"Change 2\"",
        "Say Revert \"Change 2\"",
        "Revert \"\"",
    ] {
        assert_eq!(failures(&reverted_by(message, 2), &Rules::default()), [], "{message}");
    }
}

#[test]
fn what_is_taken_back_before_it_is_deployed_and_what_is_put_back_again_are_no_failures() {
    let (first, second, third) = (up(1, 1, at(1, 0)), up(2, 3, at(2, 0)), up(3, 4, at(2, 2)));
    let back = revert(3, at(1, 2), "Revert \"Change 2\"");
    let again = revert(4, at(2, 1), "Revert \"Revert \"Change 2\"\"");
    let ledger = ledger([
        compared(&second, 1, Relation::Ahead, vec![change(2, at(1, 1)), back]),
        compared(&third, 3, Relation::Ahead, vec![again]),
        Fact::Deployment(first),
        Fact::Deployment(second),
        Fact::Deployment(third),
    ]);
    assert_eq!(failures(&ledger, &Rules::default()), []);
}

#[test]
fn a_title_that_returns_is_not_the_commit_that_was_taken_back() {
    let (second, third) = (up(2, 2, at(2, 0)), up(3, 4, at(2, 2)));
    let update = |commit| Change { title: "Update lease.yaml".into(), ..change(commit, at(1, 1)) };
    let message = format!("Revert \"Update lease.yaml\"\n\nThis reverts commit {}.", sha(3));
    let ledger = ledger([
        compared(&second, 1, Relation::Ahead, vec![update(2)]),
        compared(&third, 2, Relation::Ahead, vec![update(3), revert(4, at(2, 1), &message)]),
        Fact::Deployment(up(1, 1, at(1, 0))),
        Fact::Deployment(second),
        Fact::Deployment(third),
    ]);
    assert_eq!(failures(&ledger, &Rules::default()), []);
}

#[test]
fn what_was_rolled_back_and_comes_again_with_its_revert_was_reverted() {
    let (second, back, fourth) = (up(2, 2, at(2, 0)), up(3, 1, at(2, 1)), up(4, 3, at(2, 5)));
    let ledger = ledger([
        compared(&second, 1, Relation::Ahead, vec![change(2, at(1, 1))]),
        compared(&back, 2, Relation::Behind, vec![]),
        compared(&fourth, 1, Relation::Ahead, vec![change(2, at(1, 1)), revert(3, at(2, 4), "Revert \"Change 2\"")]),
        Fact::Deployment(up(1, 1, at(1, 0))),
        Fact::Deployment(second),
        Fact::Deployment(back),
        Fact::Deployment(fourth),
    ]);
    assert_eq!(failures(&ledger, &Rules::default()), [(2, vec![Rule::Rollback, Rule::Revert])]);
}

#[test]
fn a_failure_lasts_until_what_put_it_right_and_not_until_the_next_deployment() {
    let (second, fourth) = (up(2, 2, at(2, 0)), up(4, 4, at(2, 9)));
    let ledger = ledger([
        compared(&second, 1, Relation::Ahead, vec![change(2, at(1, 1))]),
        compared(&fourth, 3, Relation::Ahead, vec![revert(4, at(2, 4), "Revert \"Change 2\"")]),
        Fact::Deployment(up(1, 1, at(1, 0))),
        Fact::Deployment(second.clone()),
        Fact::Deployment(up(3, 3, at(2, 3))),
        Fact::Deployment(fourth),
    ]);
    of(&ledger, &second, |it| assert_eq!(it.recovery.as_ref().map(|it| it.seconds), Some(9 * HOUR)));
}

#[test]
fn a_hotfix_is_told_by_its_branch_or_its_commits_within_the_window() {
    let fixed = |branch: &str, title: &str, hours| {
        let fix = up(2, 2, at(1, hours)).from(branch);
        let commit = Change { title: title.into(), ..change(2, at(1, 0)) };
        let compared = compared(&fix, 1, Relation::Ahead, vec![commit]);
        ledger([compared, Fact::Deployment(up(1, 1, at(1, 0))), Fact::Deployment(fix)])
    };
    for (branch, title, hours, failed) in [
        ("hotfix/lease", "x", 1, true),
        ("HOT-FIX_2", "x", 48, true),
        ("main", "Hotfix: count pages from 1", 1, true),
        ("main", "Merge pull request #3 from acme/hotfix/a", 1, true),
        ("hotfix/lease", "x", 49, false),
        ("main", "Rename hotfixes to patches", 1, false),
        ("main", "x", 1, false),
    ] {
        let found = !failures(&fixed(branch, title, hours), &Rules::default()).is_empty();
        assert_eq!(found, failed, "{branch} {title} {hours}");
    }
    let development = [up(1, 1, at(1, 0)), up(2, 2, at(1, 1)).from("hotfix/a"), up(3, 3, at(1, 2)).from("hotfix/a")];
    let development = development.map(|it| it.of("lease", "data_dev"));
    assert_eq!(failures(&deployed(&development), &Rules::default()), [], "where hotfixes are tried out");
    let off = Rules { off: [Rule::Hotfix].into(), ..Rules::default() };
    assert_eq!(failures(&fixed("hotfix/lease", "x", 1), &off), []);
}

#[test]
fn a_hotfix_named_pipeline_makes_no_hotfixes() {
    let odd = |run, time| {
        up(run, run, time).but(|it| it.origin.title = "up pipelines/hotfix.yaml to data_prod from main".into())
    };
    assert_eq!(failures(&deployed(&[odd(1, at(1, 0)), odd(2, at(1, 1))]), &Rules::default()), []);
    let by_hand = odd(2, at(1, 1)).but(|it| it.origin.by = Attribution::JobName);
    assert_eq!(failures(&deployed(&[odd(1, at(1, 0)), by_hand]), &Rules::default()), [(1, vec![Rule::Hotfix])]);
}

#[test]
fn a_signal_speaks_against_what_was_live_or_being_applied_when_it_came() {
    let (first, second) = (up(1, 1, at(1, 0)), up(2, 2, at(1, 3)));
    let failed = |kind, time| {
        let facts =
            [Fact::Signal(signal("a", kind, time)), Fact::Deployment(first.clone()), Fact::Deployment(second.clone())];
        failures(&ledger(facts), &Rules::default())
    };
    let urgent = SignalKind::Monitor { priority: 2 };
    assert_eq!(failed(urgent, at(1, 0) - 301), [], "before the job");
    assert_eq!(failed(urgent, at(1, 0) - 300), [(1, vec![Rule::Monitor])], "while it was applied");
    assert_eq!(failed(urgent, at(1, 1)), [(1, vec![Rule::Monitor])]);
    assert_eq!(failed(urgent, at(1, 1) + 1), [], "more than 60 minutes later");
    assert_eq!(failed(urgent, at(1, 3)), [(2, vec![Rule::Monitor])]);
    assert_eq!(failed(SignalKind::Monitor { priority: 3 }, at(1, 1)), []);
    assert_eq!(failed(SignalKind::Monitor { priority: 0 }, at(1, 1)), [], "no priority");
    assert_eq!(failed(SignalKind::EndpointFailed, at(1, 1)), [(1, vec![Rule::Endpoint])]);
    assert_eq!(failed(SignalKind::EndpointRolledBack, at(1, 1)), [(1, vec![Rule::Endpoint])]);
}

#[test]
fn a_failed_up_bears_the_blame_for_its_own_signals() {
    let failed = up(2, 2, at(1, 0) + 30 * MINUTE).ended(AttemptState::Failed);
    let alert = Fact::Signal(signal("a", SignalKind::EndpointFailed, at(1, 0) + 31 * MINUTE));
    let ledger = ledger([Fact::Deployment(up(1, 1, at(1, 0))), Fact::Deployment(failed.clone()), alert]);
    assert_eq!(failures(&ledger, &Rules::default()), []);
    of(&ledger, &failed, |it| assert_eq!((it.evidence.len(), it.failure), (1, false)));
    let rules = Rules { failed_up_counts: true, ..Rules::default() };
    assert_eq!(failures(&ledger, &rules), [(2, vec![Rule::FailedUp, Rule::Endpoint])]);
}

#[test]
fn a_hotfix_after_a_rollback_mends_what_was_rolled_back() {
    let turns = [up(1, 1, at(1, 0)), up(2, 2, at(2, 0)), up(3, 1, at(2, 1)), up(4, 3, at(2, 4)).from("hotfix/a")];
    let ledger = deployed(&turns);
    assert_eq!(failures(&ledger, &Rules::default()), [(2, vec![Rule::Rollback, Rule::Hotfix])]);
    let metrics = metrics_of(&ledger, &Rules::default(), &window(7, at(7, 0)));
    assert_eq!(metrics.rework_rate.hits, [turns[2].id(), turns[3].id()]);
    assert_eq!(metrics.recovery_time.durations.median, Some(HOUR));
}

#[test]
fn a_later_fact_undoes_an_earlier_failure() {
    let (first, third) = (up(1, 1, at(1, 0)), up(3, 1, at(3, 0)));
    let mut ledger = deployed(&[first.clone(), up(2, 2, at(2, 0)), third.clone()]);
    assert_eq!(failures(&ledger, &Rules::default()), [(2, vec![Rule::Rollback])]);
    ledger.observe(compared(&third, 2, Relation::Ahead, vec![]));
    assert_eq!(failures(&ledger, &Rules::default()), [], "GitHub knows better than the order of deployments");

    let alert = signal("a", SignalKind::Monitor { priority: 1 }, at(1, 0) + 60);
    ledger.observe(Fact::Signal(alert.clone()));
    assert_eq!(failures(&ledger, &Rules::default()), [(1, vec![Rule::Monitor])]);
    ledger.observe(Fact::Signal(Signal { withdrawn: true, as_of: alert.as_of + 1, ..alert }));
    assert_eq!(failures(&ledger, &Rules::default()), []);
}

#[test]
fn a_persons_last_word_beats_every_rule() {
    let (first, second, third) = (up(1, 1, at(1, 0)), up(2, 2, at(2, 0)), up(3, 1, at(3, 0)));
    let mut ledger = deployed(&[first.clone(), second.clone(), third]);
    ledger.observe(word(&second, Verdict::Ok, at(4, 0)));
    assert_eq!(failures(&ledger, &Rules::default()), []);
    let metrics = metrics_of(&ledger, &Rules::default(), &window(7, at(7, 0)));
    assert_eq!(metrics.rework_rate.hits, [], "no failure, so nothing was put right");
    of(&ledger, &second, |it| {
        let words: Vec<String> = it.explain(&Rules::default()).into_iter().map(|reason| reason.words).collect();
        assert!(words.contains(&"no failure: ana said so: I looked".to_owned()), "{words:?}");
        assert!(words.iter().any(|it| it.starts_with("set aside by the rule rollback")), "{words:?}");
    });
    ledger.observe(word(&first, Verdict::Failed, at(4, 0)));
    ledger.observe(word(&second, Verdict::Failed, at(3, 0)));
    assert_eq!(failures(&ledger, &Rules::default()), [(1, vec![Rule::Person])], "an earlier word is no last one");
    ledger.observe(word(&second, Verdict::Failed, at(5, 0)));
    assert_eq!(failures(&ledger, &Rules::default()).len(), 2);
}

#[test]
fn a_person_can_make_a_failed_up_count() {
    let failed = up(1, 1, at(1, 0)).ended(AttemptState::Failed);
    let mut ledger = deployed(std::slice::from_ref(&failed));
    ledger.observe(word(&failed, Verdict::Failed, at(2, 0)));
    assert_eq!(failures(&ledger, &Rules::default()), [(1, vec![Rule::Person])]);
}

#[test]
fn a_remediation_that_fails_itself_is_no_recovery() {
    let (second, third) = (up(2, 2, at(2, 0)), up(3, 3, at(2, 2)));
    let ledger = ledger([
        Fact::Deployment(up(1, 1, at(1, 0))),
        word(&second, Verdict::Failed, at(9, 0)),
        word(&third, Verdict::Failed, at(9, 0)),
        Fact::Deployment(second.clone()),
        Fact::Deployment(third.clone()),
        Fact::Deployment(up(4, 4, at(2, 5))),
    ]);
    of(&ledger, &second, |it| assert_eq!(it.recovery.as_ref().map(|it| it.seconds), Some(5 * HOUR)));
    of(&ledger, &third, |it| assert_eq!(it.recovery.as_ref().map(|it| it.seconds), Some(3 * HOUR)));
}

#[test]
fn a_better_attribution_wins_and_a_run_that_is_none_yields() {
    let run = Run { title: "Deploy".into(), ..run(1, RunState::NoInputs, at(1, 0)) };
    let mut ledger = ledger([Fact::Run(run.clone())]);
    let before = report(&ledger, &Rules::default(), &window(7, at(7, 0)), &|_| true).honesty;
    assert_eq!((before.listed, before.unattributed, before.example.as_deref()), (1, vec![1], Some("Deploy")));
    let by_job = up(1, 1, at(1, 0)).but(|it| {
        it.origin.by = Attribution::JobName;
        it.origin.as_of = at(3, 0);
        it.commit = Commit::Unknown(NoCommit::BranchUnknown);
    });
    assert!(ledger.observe(Fact::Deployment(by_job.clone())));
    assert!(!ledger.observe(Fact::Run(run)));
    assert!(ledger.observe(Fact::Deployment(up(1, 1, at(1, 0)))));
    assert!(!ledger.observe(Fact::Deployment(by_job)));
    of(&ledger, &up(1, 1, at(1, 0)), |it| {
        assert_eq!((it.deployment.origin.by, it.deployment.commit.sha()), (Attribution::Title, Some(sha(1).as_str())));
    });
    assert!(ledger.runs.is_empty());
}

#[test]
fn the_question_is_about_the_deployment_that_was_the_previous_one() {
    let (first, third) = (up(1, 1, at(1, 0)), up(3, 3, at(3, 0)));
    let mut ledger = deployed(&[first, third.clone()]);
    assert_eq!(ledger.questions().iter().map(|it| it.base.clone()).collect::<Vec<_>>(), [sha(1)]);
    ledger.observe(compared(&third, 1, Relation::Ahead, vec![change(2, at(1, 1)), change(3, at(2, 1))]));
    assert_eq!(ledger.questions(), []);
    // A run that was listed late comes between.
    ledger.observe(Fact::Deployment(up(2, 2, at(2, 0))));
    let pairs: Vec<_> = ledger.questions().into_iter().map(|it| (it.base, it.head)).collect();
    assert_eq!(pairs, [(sha(1), sha(2)), (sha(2), sha(3))]);
    of(&ledger, &third, |it| assert_eq!(it.lead, Lead::Unknown(NoLead::NotAsked)));
}

#[test]
fn what_is_pruned_does_not_come_back() {
    let old = up(1, 1, at(1, 0));
    let mut ledger = deployed(&[old.clone(), up(2, 2, at(9, 0))]);
    assert!(ledger.prune(at(5, 0)) && !ledger.prune(at(4, 0)));
    assert!(!ledger.observe(Fact::Deployment(old)));
    assert_eq!(ledger.deployments().map(|it| it.run).collect::<Vec<_>>(), [2]);
}

#[test]
fn a_mark_taken_back_in_the_same_second_is_taken_back() {
    let mut life = Life::default();
    life.mark(5);
    assert!(life.is_marked());
    life.unmark(5);
    assert!(!life.is_marked());
    life.mark(5);
    assert!(life.is_marked());
}

#[test]
fn in_force_is_what_arrived_last_and_was_not_taken_away() {
    let source =
        |commit| Source { repository: "acme/ml".into(), yaml: "pipelines/lease.yaml".into(), sha: sha(commit) };
    let unit = |pipeline: &str| Unit::new(pipeline, "data_prod");
    let other = |run, commit, hour| up(run, commit, at(1, hour)).of("fax", "data_prod");
    let mut facts = vec![
        up(1, 1, at(1, 0)),
        up(2, 2, at(1, 1)),
        up(3, 3, at(1, 2)).ended(AttemptState::Failed),
        up(4, 4, at(1, 3)).but(|it| it.action = Action::Preview),
        other(5, 5, 0),
    ];
    assert_eq!(deployed(&facts).in_force(), [(unit("fax"), source(5)), (unit("lease"), source(2))]);
    // Back to the first commit; the other is gone.
    facts.extend([up(6, 1, at(2, 0)), other(7, 5, 9).but(|it| it.action = Action::Destroy)]);
    assert_eq!(deployed(&facts).in_force(), [(unit("lease"), source(1))]);
    // What cannot be told is not guessed.
    facts.push(up(8, 8, at(3, 0)).but(|it| it.commit = Commit::Unknown(NoCommit::BranchDeleted)));
    assert_eq!(deployed(&facts).in_force(), []);
    facts.push(up(9, 9, at(4, 0)).but(|it| it.origin.yaml = String::new()));
    assert_eq!(deployed(&facts).in_force(), []);
}
