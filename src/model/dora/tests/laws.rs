//! What holds for all facts.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

fn any_state() -> impl Strategy<Value = AttemptState> {
    use AttemptState::{Cancelled, Failed, Running, Succeeded, TimedOut};
    select(vec![Running, Cancelled, Failed, TimedOut, Succeeded, Succeeded])
}

fn any_commit() -> impl Strategy<Value = Commit> {
    let source = select(vec![CommitSource::Run, CommitSource::DispatchedRef, CommitSource::BranchAtStart]);
    prop_oneof![
        4 => (source, 0i64..3, 1u32..5)
            .prop_map(|(from, resolved_at, number)| Commit::Known { from, resolved_at, sha: sha(number) }),
        1 => select(vec![NoCommit::BranchUnknown, NoCommit::NotAsked]).prop_map(Commit::Unknown),
    ]
}

fn any_deployment() -> impl Strategy<Value = Deployment> {
    let what = (1u32..7, select(vec!["lease", "Lease", "invoice"]), select(vec!["data_dev", "data_prod"]));
    let action = select(vec![Action::Up, Action::Up, Action::Up, Action::Destroy, Action::Preview]);
    let attempts = vec((1u32..3, any_state(), 0i64..400, 0i64..60), 0..3);
    let origin = (select(vec![Attribution::Title, Attribution::JobName]), 0i64..3, select(vec!["main", "hotfix/a"]));
    (what, action, attempts, origin, any_commit()).prop_map(
        |((run, pipeline, environment), action, tries, origin, commit)| {
            up(run, 1, at(run.into(), 0)).of(pipeline, environment).from(origin.2).but(|it| {
                (it.action, it.commit) = (action, commit);
                (it.origin.by, it.origin.as_of) = (origin.0, origin.1);
                let tries = tries.into_iter().map(|(number, state, minutes, hour)| {
                    (number, attempt(state, minutes * MINUTE, at(run.into(), hour)))
                });
                it.attempts = tries.collect();
            })
        },
    )
}

fn any_changes() -> impl Strategy<Value = Changes> {
    let change =
        (1u32..5, 0i64..8, any::<bool>(), proptest::option::of(1u32..5)).prop_map(|(number, day, merge, back)| {
            let reverts = back.map(|back| Reverted { sha: Some(sha(back)), title: None });
            Change { merge, reverts, ..change(number, at(day, 0)) }
        });
    prop_oneof![
        3 => vec(change, 0..3).prop_map(Changes::Known),
        1 => select(vec![NoLead::Truncated, NoLead::HistoryGone]).prop_map(Changes::Unknown),
    ]
}

fn any_fact() -> impl Strategy<Value = Fact> {
    let relation = select(vec![Relation::Ahead, Relation::Behind, Relation::Diverged]);
    let kind = select(vec![SignalKind::EndpointFailed, SignalKind::Monitor { priority: 1 }]);
    let verdict = select(vec![Verdict::Ok, Verdict::Failed]);
    prop_oneof![
        4 => any_deployment().prop_map(Fact::Deployment),
        2 => (any_deployment(), 1u32..5, proptest::option::of(relation), any_changes()).prop_map(
            |(deployment, base, relation, changes)| Fact::Compared {
                id: deployment.id(),
                base: sha(base),
                comparison: Comparison { relation, changes },
            }
        ),
        1 => (select(vec!["a", "b"]), kind, 1i64..8, 0i64..3, any::<bool>()).prop_map(
            |(key, kind, day, as_of, withdrawn)| Fact::Signal(Signal {
                as_of,
                withdrawn,
                ..signal(key, kind, at(day, 0))
            })
        ),
        1 => (any_deployment(), verdict, 0i64..3).prop_map(|(deployment, verdict, time)| word(&deployment, verdict, time)),
        1 => (any_deployment(), vec(proptest::option::of(0i64..3), 4)).prop_map(|(deployment, times)| Fact::Life {
            id: deployment.id(),
            life: Life {
                seen: times[0],
                attributed: times[1],
                marked: times[2],
                unmarked: times[3],
                posted: times[0],
                remedied: times[1].map(|at| Remedied { at, by: DeploymentId::from_text(&at.to_string()) }),
                sent: None,
            },
        }),
        1 => (1u64..7, 0i64..3, select(vec![RunState::Pending, RunState::NoInputs])).prop_map(|(id, as_of, state)| {
            Fact::Run(Run { as_of, ..run(id, state, at(1, 0)) })
        }),
    ]
}

/// Facts, and the same ones in another order, some of them twice.
fn any_two_tellings() -> impl Strategy<Value = (Vec<Fact>, Vec<Fact>)> {
    vec(any_fact(), 0..20).prop_flat_map(|facts| {
        let again = proptest::sample::subsequence(facts.clone(), 0..=facts.len());
        let other = again.prop_flat_map({
            let facts = facts.clone();
            move |again| Just([facts.clone(), again].concat()).prop_shuffle()
        });
        (Just(facts), other)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn for_all_orders_and_repetitions_the_ledger_is_the_same((one, other) in any_two_tellings()) {
        prop_assert_eq!(ledger(one), ledger(other));
    }

    #[test]
    fn for_all_splits_merging_is_observing(facts in vec(any_fact(), 0..20), at in 0usize..20, back in any::<bool>()) {
        let (left, right) = facts.split_at(at.min(facts.len()));
        let (mut one, other) = (ledger(left.to_vec()), ledger(right.to_vec()));
        let mut merged = other.clone();
        if back {
            merged.merge(one);
        } else {
            one.merge(other);
            merged = one;
        }
        prop_assert_eq!(merged, ledger(facts));
    }

    #[test]
    fn for_all_facts_a_fact_changes_a_ledger_when_it_says_so(facts in vec(any_fact(), 1..20)) {
        let mut ledger = Ledger::default();
        for fact in facts {
            let before = ledger.clone();
            let said = ledger.observe(fact);
            prop_assert_eq!(said, ledger != before);
        }
    }

    #[test]
    fn for_all_ledgers_what_is_written_reads_back(facts in vec(any_fact(), 0..20)) {
        let ledger = ledger(facts);
        let text = serde_json::to_string(&ledger).unwrap();
        prop_assert_eq!(serde_json::from_str::<Ledger>(&text).unwrap(), ledger);
    }

    #[test]
    fn for_all_ledgers_units_add_up_and_rates_are_parts(
        facts in vec(any_fact(), 0..25), counts in any::<bool>(), day in 0i64..12,
    ) {
        let ledger = ledger(facts);
        let rules = Rules { failed_up_counts: counts, ..Rules::default() };
        let report = report(&ledger, &rules, &window(7, at(day, 0)), &|_| true);
        let sum = |look: &dyn Fn(&Metrics) -> usize| report.units.iter().map(|it| look(&it.metrics)).sum::<usize>();
        let looks: [&dyn Fn(&Metrics) -> usize; 6] = [
            &|it| it.frequency.deployments.len(),
            &|it| it.change_failure_rate.hits.len(),
            &|it| it.change_failure_rate.of.len(),
            &|it| it.rework_rate.hits.len(),
            &|it| it.lead_time.durations.observations.len(),
            &|it| it.recovery_time.durations.observations.len() + it.recovery_time.open.len(),
        ];
        for look in looks {
            prop_assert_eq!(sum(look), look(&report.blended));
        }
        let all = &report.blended;
        prop_assert_eq!(all.change_failure_rate.hits.len(), looks[5](all));
        prop_assert!(all.change_failure_rate.hits.iter().all(|it| all.change_failure_rate.of.contains(it)));
        prop_assert!(all.rework_rate.hits.iter().all(|it| all.rework_rate.of.contains(it)));
        prop_assert!(all.lead_time.durations.observations.iter().all(|it| it.seconds >= 0));
        prop_assert!(all.recovery_time.durations.observations.iter().all(|it| it.seconds >= 0));
        prop_assert_eq!(all.weeks.iter().map(|week| week.of).sum::<usize>(), all.change_failure_rate.of.len());
    }

    #[test]
    fn for_all_ledgers_a_failure_has_its_evidence_and_every_deployment_its_reasons(facts in vec(any_fact(), 0..25)) {
        let rules = Rules::default();
        for judged in ledger(facts).judge(&rules) {
            let reasons = judged.explain(&rules);
            let about: Vec<About> = reasons.iter().map(|reason| reason.about).collect();
            prop_assert!(about.is_sorted() && about.contains(&About::Counting) && about.contains(&About::Failure));
            prop_assert!(!judged.failure || !judged.evidence.is_empty());
            prop_assert!(judged.recovery.is_none() || judged.failure);
            prop_assert_eq!(judged.failure && judged.recovery.is_none(), reasons.iter().any(|it| it.words.starts_with("open")));
        }
    }
}
