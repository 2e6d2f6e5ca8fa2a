//! What following costs, and what happens when a limit is used up.

use std::sync::atomic::{AtomicUsize, Ordering};

use ddsync::model::dora::{Commit, Life};
use ddsync::sim::{Fault, Rule};
use ddsync::source::deploys::Stopped;

use super::*;

#[tokio::test]
async fn ten_thousand_runs_are_listed_in_115_requests_and_for_nothing_the_second_time() {
    let mut follower = Follower::of(|options| Options { github_runs: 10_150, ..options }, &|yaml| {
        yaml.replace(", {repo: acme/claims, workflows: [release.yml]}", "")
    })
    .await;
    let deadline = follower.client.now() + TimeDelta::minutes(1);
    let open = async |follower: &Follower| {
        let Follower { client, settings, ledger, watermarks, since, .. } = follower;
        Round::open(client, settings, ledger, watermarks, *since, deadline, &|_| ()).await.pending()
    };
    let pending = open(&follower).await;
    assert_eq!(pending, follower.truth(ML).len());
    assert!(pending > 10_000 && follower.asked("runs") <= 115, "{}", follower.asked("runs"));
    let left = follower.client.quota().expect("told").remaining;
    follower = follower.restarted();
    assert_eq!(open(&follower).await, pending);
    assert_eq!(follower.client.quota().expect("told").remaining, left);
    follower.sim.stop().await;
}

#[tokio::test]
async fn a_round_with_nothing_new_costs_no_quota_even_after_a_restart() {
    let mut follower = Follower::of(|options| Options { github_runs: 400, ..options }, &|yaml| yaml).await;
    let whole = follower.round().await;
    // From now on the question is about the last thirty days.
    let first = follower.round().await;
    assert!(first.listed < whole.listed, "what is older than a run again can be is not listed again");
    let (ledger, left) = (follower.ledger.clone(), follower.client.quota().expect("told").remaining);
    let (runs, jobs) = (follower.asked("runs"), follower.asked("jobs"));
    follower = follower.restarted();
    assert_eq!(follower.round().await, first);
    assert_eq!(follower.client.quota().expect("told").remaining, left);
    assert_eq!(follower.ledger, ledger);
    assert!(follower.asked("runs") > runs && follower.asked("jobs") - jobs < 5, "only what goes on is looked at");
    follower.sim.stop().await;
}

#[tokio::test]
async fn a_limit_ends_the_round_with_what_it_has_and_the_next_one_goes_on() {
    let mut undisturbed = Follower::of(|options| Options { github_runs: 300, ..options }, &|yaml| yaml).await;
    undisturbed.round().await;
    for (fault, words) in [(Fault::HourUsedUp(1_800), "hourly"), (Fault::SecondaryLimit(None), "secondary rate")] {
        for operation in ["jobs", "contents", "compare"] {
            let mut follower = Follower::of(|options| Options { github_runs: 300, ..options }, &|yaml| yaml).await;
            follower.sim.faults().set(vec![Rule::new("github", fault).on(operation).with_probability(0.02)]);
            let deadline = follower.client.now() + TimeDelta::seconds(30);
            let summary = follower.round_until(deadline, &|_| ()).await;
            let Some(Stopped::Limited { until, error }) = &summary.stopped else { panic!("{:?}", summary.stopped) };
            assert!(*until > deadline && error.to_string().contains(words), "{error}");
            assert_eq!(summary.attributed + summary.unattributed + summary.pending, summary.listed);
            assert_eq!(summary.troubles, []);
            let left = follower.truth(ML).len() > follower.ledger.deployments().count() || operation == "compare";
            assert!(left && (operation == "compare" || !follower.ledger.runs.is_empty()), "{operation}");
            follower.sim.faults().set(Vec::new());
            follower = follower.restarted();
            assert_eq!(follower.round().await.stopped, None);
            same(&follower.ledger, &undisturbed.ledger);
            follower.sim.stop().await;
        }
    }
    undisturbed.sim.stop().await;
}

/// The same but for when something was found out.
fn same(one: &Ledger, other: &Ledger) {
    let plain = |ledger: &Ledger| {
        let mut ledger = ledger.clone();
        for entry in ledger.entries.values_mut() {
            entry.life = Life::default();
            let Some(deployment) = &mut entry.deployment else { continue };
            deployment.origin.as_of = 0;
            if let Commit::Known { resolved_at, .. } = &mut deployment.commit {
                *resolved_at = 0;
            }
        }
        ledger
    };
    let (one, other) = (plain(one), plain(other));
    assert_eq!(one.runs.keys().collect::<Vec<_>>(), other.runs.keys().collect::<Vec<_>>());
    assert_eq!(one.entries.keys().collect::<Vec<_>>(), other.entries.keys().collect::<Vec<_>>());
    for (id, entry) in &one.entries {
        assert_eq!(entry, &other.entries[id], "{id}");
    }
}

#[tokio::test]
async fn a_deadline_ends_it_too_and_the_bar_ends_full() {
    let mut follower = Follower::of(|options| Options { github_runs: 300, ..options }, &|yaml| yaml).await;
    let summary = follower.round_until(follower.client.now(), &|_| ()).await;
    assert_eq!((summary.stopped, summary.listed), (Some(Stopped::Deadline), 0));
    let (most, last) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let tell = |progress: Progress<'_>| {
        if let Progress::Runs { done, of } = progress {
            most.store(of, Ordering::Relaxed);
            assert!(done >= last.swap(done, Ordering::Relaxed), "it never goes back");
        }
    };
    let deadline = follower.client.now() + TimeDelta::minutes(1);
    let summary = follower.round_until(deadline, &tell).await;
    assert_eq!(summary.stopped, None);
    assert_eq!((most.into_inner(), last.into_inner()), (summary.listed, summary.listed));
    follower.sim.stop().await;
}
