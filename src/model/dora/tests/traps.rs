//! One test for each trap of GitHub, git and Datadog that is decided here.

use super::*;

#[test]
fn a_run_that_fails_and_is_run_again_is_one_deployment_with_a_failed_attempt() {
    let twice = up(1, 1, at(1, 12)).but(|it| {
        it.attempts.insert(1, attempt(AttemptState::Failed, 60, at(1, 10)));
        it.attempts.insert(2, attempt(AttemptState::Succeeded, 300, at(1, 12)));
    });
    let ledger = deployed(std::slice::from_ref(&twice));
    of(&ledger, &twice, |it| {
        let reached = Outcome::Reached { attempt: 2, started_at: at(1, 12) - 300, finished_at: at(1, 12) };
        assert_eq!((it.outcome, it.standing, it.failure), (reached, Standing::Counts, false));
        let words: Vec<String> = it.explain(&Rules::default()).into_iter().map(|reason| reason.words).collect();
        assert!(words.contains(&"attempt 1 failed, its deploy job ran 1 min".to_owned()), "{words:?}");
    });
    let rules = Rules { failed_up_counts: true, ..Rules::default() };
    let metrics = metrics_of(&ledger, &rules, &window(7, at(7, 0)));
    assert_eq!((metrics.change_failure_rate.hits.len(), metrics.change_failure_rate.of.len()), (0, 1));
}

#[test]
fn an_old_run_that_is_run_again_takes_the_environment_back_without_being_a_deployment() {
    let (old, new) = (up(1, 1, at(1, 0)), up(2, 2, at(2, 0)));
    let again = old.clone().but(|it| {
        it.attempts.insert(2, attempt(AttemptState::Succeeded, 300, at(2, 3)));
    });
    let ledger = ledger([
        Fact::Deployment(again),
        Fact::Deployment(new.clone()),
        compared(&new, 1, Relation::Ahead, vec![change(2, at(1, 12))]),
    ]);
    assert_eq!(failures(&ledger, &Rules::default()), [(2, vec![Rule::Rollback])]);
    of(&ledger, &new, |it| assert_eq!(it.recovery.as_ref().map(|it| it.seconds), Some(3 * HOUR)));
    let metrics = metrics_of(&ledger, &Rules::default(), &window(7, at(7, 0)));
    assert_eq!((metrics.frequency.deployments.len(), metrics.rework_rate.hits.len()), (2, 0));
}

#[test]
fn a_cancelled_up_is_neither_unless_it_ran_as_long_as_its_timeout() {
    let ended = |seconds| {
        up(1, 1, at(1, 0)).but(|it| {
            it.attempts.insert(1, attempt(AttemptState::Cancelled, seconds, at(1, 0)));
        })
    };
    let rules = Rules { failed_up_counts: true, ..Rules::default() };
    for (seconds, standing, failed) in
        [(359 * MINUTE, Standing::Cancelled, 0), (360 * MINUTE, Standing::CountsAsFailedUp, 1)]
    {
        let ledger = deployed(&[ended(seconds)]);
        let judged = ledger.judge(&rules);
        assert_eq!(judged[0].standing, standing);
        assert_eq!(metrics_of(&ledger, &rules, &window(7, at(7, 0))).change_failure_rate.hits.len(), failed);
    }
    // A run that was cancelled while it waited for its approval never began.
    let waiting = ended(0).but(|it| {
        let attempt = it.attempts.get_mut(&1).unwrap();
        (attempt.started_at, attempt.finished_at) = (None, None);
    });
    assert_eq!(deployed(&[waiting]).judge(&rules)[0].standing, Standing::Cancelled);
}

#[test]
fn a_failed_up_counts_only_when_it_is_told_to() {
    let failed = up(1, 1, at(1, 0)).ended(AttemptState::Failed);
    let ledger = deployed(&[failed, up(2, 1, at(1, 2))]);
    let metrics = metrics_of(&ledger, &Rules::default(), &window(7, at(7, 0)));
    assert_eq!((metrics.change_failure_rate.hits.len(), metrics.change_failure_rate.of.len()), (0, 1));
    let rules = Rules { failed_up_counts: true, ..Rules::default() };
    let metrics = metrics_of(&ledger, &rules, &window(7, at(7, 0)));
    assert_eq!((metrics.change_failure_rate.hits.len(), metrics.change_failure_rate.of.len()), (1, 2));
    assert_eq!(metrics.recovery_time.durations.median, Some(2 * HOUR));
    assert_eq!((metrics.frequency.deployments.len(), metrics.rework_rate.of.len()), (1, 1));
}

#[test]
fn a_preview_never_counts_and_a_destroy_is_its_own_kind() {
    let preview = up(1, 1, at(1, 0)).but(|it| it.action = Action::Preview);
    let destroy = up(2, 1, at(1, 1)).but(|it| it.action = Action::Destroy);
    let ledger = ledger([
        word(&preview, Verdict::Failed, at(2, 0)),
        word(&destroy, Verdict::Failed, at(2, 0)),
        Fact::Deployment(preview.clone()),
        Fact::Deployment(destroy.clone()),
    ]);
    let metrics = metrics_of(&ledger, &Rules { failed_up_counts: true, ..Rules::default() }, &window(7, at(7, 0)));
    assert_eq!((metrics.frequency.deployments.len(), metrics.change_failure_rate.value()), (0, None));
    of(&ledger, &preview, |it| assert_eq!((it.standing, it.failure), (Standing::Preview, false)));
    of(&ledger, &destroy, |it| assert_eq!((it.standing, it.failure), (Standing::Destroy, false)));
}

#[test]
fn what_was_taken_away_cannot_be_rolled_back() {
    let (first, bad) = (up(1, 1, at(1, 0)), up(2, 2, at(2, 0)));
    let destroy = up(3, 2, at(3, 0)).but(|it| it.action = Action::Destroy);
    let again = up(4, 1, at(4, 0));
    let with = deployed(&[first.clone(), bad.clone(), destroy, again.clone()]);
    assert_eq!(failures(&with, &Rules::default()), []);
    assert_eq!(failures(&deployed(&[first, bad, again]), &Rules::default()), [(2, vec![Rule::Rollback])]);
}

#[test]
fn a_commit_that_is_not_known_is_not_the_one_of_the_branch_that_the_workflow_was_dispatched_on() {
    let first = up(1, 1, at(1, 0));
    let blind = up(2, 2, at(2, 0)).but(|it| {
        it.origin.branch = None;
        it.commit = Commit::Unknown(NoCommit::BranchUnknown);
    });
    let after = up(3, 3, at(3, 0));
    let ledger = deployed(&[first, blind.clone(), after.clone()]);
    of(&ledger, &blind, |it| assert_eq!(it.lead, Lead::Unknown(NoLead::CommitUnknown)));
    of(&ledger, &after, |it| assert_eq!(it.lead, Lead::Unknown(NoLead::PreviousUnknown)));
    assert_eq!(ledger.questions(), []);
    let metrics = metrics_of(&ledger, &Rules::default(), &window(7, at(7, 0)));
    assert_eq!((metrics.lead_time.durations.median, metrics.lead_time.unknown.len()), (None, 3));
}

#[test]
fn in_development_going_to_a_branch_and_back_is_no_failure() {
    let there = |environment| {
        let main = up(1, 1, at(1, 0)).of("lease", environment);
        let feature = up(2, 2, at(2, 0)).of("lease", environment).from("feature/a");
        let back = up(3, 1, at(3, 0)).of("lease", environment);
        ledger([
            compared(&feature, 1, Relation::Ahead, vec![change(2, at(1, 1))]),
            compared(&back, 2, Relation::Behind, vec![]),
            Fact::Deployment(main),
            Fact::Deployment(feature),
            Fact::Deployment(back),
        ])
    };
    assert_eq!(failures(&there("data_dev"), &Rules::default()), []);
    assert_eq!(failures(&there("Data_Dev"), &Rules::default()), [], "environments are compared as tags");
    assert_eq!(failures(&there("data_prod"), &Rules::default()), [(2, vec![Rule::Rollback])]);
    let on_main = there("data_dev").entries.into_values().filter_map(|it| it.deployment).map(|it| it.from("main"));
    assert_eq!(failures(&deployed(&on_main.collect::<Vec<_>>()), &Rules::default()), [(2, vec![Rule::Rollback])]);
}

#[test]
fn a_merge_is_dropped_and_a_squash_counts_from_its_own_date() {
    let (first, second) = (up(1, 1, at(1, 0)), up(2, 2, at(2, 0)));
    let merge = Change { merge: true, ..change(2, at(1, 23)) };
    let changes = vec![merge, change(3, at(1, 20)), change(4, at(1, 12))];
    let ledger = ledger([
        compared(&second, 1, Relation::Ahead, changes),
        Fact::Deployment(first.clone()),
        Fact::Deployment(second.clone()),
    ]);
    of(&ledger, &second, |it| {
        let time =
            |commit, hours: i64| LeadTime { authored_at: at(1, 24 - hours), seconds: hours * HOUR, sha: sha(commit) };
        let times = vec![time(4, 12), time(3, 4)];
        assert_eq!(it.lead, Lead::Known { since: first.id(), commits: times });
    });
}

#[test]
fn an_author_date_after_the_deployment_is_no_negative_lead() {
    let second = up(2, 2, at(2, 0));
    let compared = compared(&second, 1, Relation::Ahead, vec![change(2, at(2, 1))]);
    let ledger = ledger([compared, Fact::Deployment(up(1, 1, at(1, 0))), Fact::Deployment(second)]);
    assert_eq!(metrics_of(&ledger, &Rules::default(), &window(7, at(7, 0))).lead_time.durations.median, Some(0));
}

#[test]
fn lead_is_by_commit_even_when_the_previous_deployment_was_60_days_ago() {
    let (old, new) = (up(1, 1, at(-60, 0)), up(2, 2, at(0, 6)));
    let compared = compared(&new, 1, Relation::Ahead, vec![change(2, at(0, 0))]);
    let ledger = ledger([compared, Fact::Deployment(old), Fact::Deployment(new)]);
    let metrics = metrics_of(&ledger, &Rules::default(), &window(7, at(7, 0)));
    assert_eq!(metrics.lead_time.durations.median, Some(6 * HOUR), "not 60 days");
    assert_eq!(metrics.lead_time.unknown, []);
}

#[test]
fn history_that_is_gone_makes_lead_unknown_and_says_why() {
    for why in [NoLead::HistoryGone, NoLead::ForcePushed, NoLead::BranchDeleted, NoLead::Truncated] {
        let second = up(2, 2, at(2, 0));
        let comparison = Comparison { relation: None, changes: Changes::Unknown(why) };
        let ledger = ledger([
            Fact::Compared { id: second.id(), base: sha(1), comparison },
            Fact::Deployment(up(1, 1, at(1, 0))),
            Fact::Deployment(second.clone()),
        ]);
        of(&ledger, &second, |it| assert_eq!(it.lead, Lead::Unknown(why)));
        assert_eq!(ledger.questions(), [], "asked once");
        let metrics = metrics_of(&ledger, &Rules::default(), &window(7, at(7, 0)));
        assert!(metrics.lead_time.unknown.contains(&(second.id(), why)));
    }
}

#[test]
fn without_history_what_was_deployed_first_is_the_earlier_one() {
    let turns = [up(1, 1, at(1, 0)), up(2, 2, at(2, 0)), up(3, 1, at(3, 0)), up(4, 2, at(4, 0))];
    assert_eq!(
        failures(&deployed(&turns), &Rules::default()),
        [(2, vec![Rule::Rollback])],
        "forward again is no rollback"
    );
}

#[test]
fn what_github_says_of_two_commits_holds_in_both_directions() {
    let (newer, older) = (up(1, 2, at(1, 0)), up(2, 1, at(2, 0)));
    let forward_again = newer.but(|it| {
        it.attempts.insert(2, attempt(AttemptState::Succeeded, 300, at(3, 0)));
    });
    let behind = compared(&older, 2, Relation::Behind, vec![]);
    let ledger = ledger([behind, Fact::Deployment(forward_again), Fact::Deployment(older)]);
    assert_eq!(failures(&ledger, &Rules::default()), [(1, vec![Rule::Rollback])]);
}

#[test]
fn another_branch_is_no_earlier_commit() {
    let branch = up(2, 2, at(2, 0)).from("feature/a");
    let diverged = compared(&branch, 1, Relation::Diverged, vec![change(2, at(1, 1))]);
    let ledger = ledger([diverged, Fact::Deployment(up(1, 1, at(1, 0))), Fact::Deployment(branch)]);
    assert_eq!(failures(&ledger, &Rules::default()), []);
}

#[test]
fn going_back_to_an_earlier_version_is_a_rollback_though_the_commit_is_new() {
    let version = |run, commit, version: &str, time| up(run, commit, time).but(|it| it.version = Some(version.into()));
    let ledger =
        deployed(&[version(1, 1, "1.4", at(1, 0)), version(2, 2, "1.5", at(2, 0)), version(3, 3, "1.4", at(3, 0))]);
    assert_eq!(failures(&ledger, &Rules::default()), [(2, vec![Rule::Rollback])]);
}

#[test]
fn two_pipelines_that_one_run_deploys_in_one_second_are_two_deployments() {
    let (lease, invoice) = (up(1, 1, at(1, 0)), up(1, 1, at(1, 0)).of("invoice", "data_prod"));
    assert_ne!(lease.id(), invoice.id());
    let ledger = deployed(&[lease, invoice]);
    let report = report(&ledger, &Rules::default(), &window(7, at(7, 0)), &|_| true);
    assert_eq!((report.units.len(), report.blended.frequency.deployments.len()), (2, 2));
    assert_eq!((report.honesty.listed, report.honesty.attributed), (1, 1), "of one run");
}

#[test]
fn two_deployments_of_one_service_are_sent_with_different_seconds() {
    let sent = |deployment: &Deployment, second| Fact::Life {
        id: deployment.id(),
        life: Life {
            sent: Some(Sent { at: second, started_at: second - 300, finished_at: second }),
            ..Life::default()
        },
    };
    let (prod, dev) = (up(1, 1, at(1, 0)), up(2, 1, at(1, 0)).of("Lease", "data_dev"));
    let other = up(3, 1, at(1, 0)).of("invoice", "data_prod");
    let mut ledger = deployed(&[prod.clone(), dev, other.clone()]);
    ledger.observe(sent(&other, at(1, 0)));
    assert_eq!(ledger.seconds().take("lease", at(1, 0)), at(1, 0));
    ledger.observe(sent(&prod, at(1, 0)));
    let mut seconds = ledger.seconds();
    assert_eq!(seconds.take("lease", at(1, 0)), at(1, 0) + 1, "the service has no environment");
    assert_eq!(seconds.take("LEASE", at(1, 0)), at(1, 0) + 2, "and what was just taken is taken");
}
