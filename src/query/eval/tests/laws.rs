//! What holds for all queries and all that may be stored.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::*;
use crate::query::Selector;

fn any_sources() -> impl Strategy<Value = Vec<Source>> {
    let kind = prop_oneof![Just(Kind::Gauge), Just(COUNT), Just(Kind::Rate { interval: 10 })];
    let tags = ("[ab]", "[xyz]").prop_map(|(stage, host)| vec![format!("s:{stage}"), format!("h:{host}")]);
    let points = btree_map(
        (0_i64..20).prop_map(|step| T + 30 * step),
        (-9_i32..10).prop_map(|tenths| f64::from(tenths) / 10.0),
        0..12,
    );
    let source = ("[mn]", tags, kind, points);
    let source = source.prop_map(|(metric, tags, kind, points)| Source { metric, tags, kind, points });
    vec(source, 0..8)
}

fn any_query() -> impl Strategy<Value = Expr> {
    let aggregation = proptest::sample::select(vec!["avg", "sum", "min", "max"]);
    let by = proptest::sample::select(vec!["", " by {s}", " by {s,h}"]);
    let modifier = proptest::sample::select(vec!["", ".as_count()", ".as_rate()", ".rollup(sum, 120)", ".fill(zero)"]);
    let wrap = proptest::sample::select(vec![
        "",
        "abs",
        "default_zero",
        "cumsum",
        "diff",
        "top5_sum",
        "count_nonzero",
        "hour_before",
    ]);
    let selector = || (aggregation.clone(), "[mn]", by.clone(), modifier.clone(), wrap.clone());
    let text = |(aggregation, metric, by, modifier, wrap): (&str, String, &str, &str, &str)| {
        format!("{wrap}({aggregation}:{metric}{{h:*}}{by}{modifier})")
    };
    (selector(), "[-+*/]", selector())
        .prop_map(move |(left, op, right)| parse(&format!("{} {op} {}", text(left), text(right))).unwrap())
}

proptest! {
    #[test]
    fn for_all_stores_the_order_of_sources_does_not_matter(
        query in any_query(),
        (sources, shuffled) in any_sources().prop_flat_map(|sources| (Just(sources.clone()), Just(sources).prop_shuffle())),
    ) {
        let value = |sources: &[Source]| evaluate(&query, &store(sources), T, T + 599, 60);
        prop_assert_eq!(value(&sources), value(&shuffled));
    }

    #[test]
    fn for_all_stores_the_groups_add_up(sources in any_sources(), modifier in prop_oneof!["", "[.]as_count[(][)]"]) {
        let value = |by: &str| {
            let query = parse(&format!("sum:m{{*}}{by}{modifier}")).unwrap();
            evaluate(&query, &store(&sources), T, T + 599, 60).unwrap()
        };
        let mut together: BTreeMap<i64, f64> = BTreeMap::new();
        for (at, value) in value(" by {s,h}").into_iter().flat_map(|group| group.points) {
            *together.entry(at).or_default() += value;
        }
        let alone: BTreeMap<i64, f64> = value("").into_iter().flat_map(|group| group.points).collect();
        prop_assert_eq!(alone.len(), together.len());
        prop_assert!(alone.iter().all(|(at, value)| (value - together[at]).abs() < 1e-9));
    }

    #[test]
    fn for_all_queries_the_groups_are_those_that_lint_knows(query in any_query(), sources in any_sources()) {
        if let Ok(groups) = evaluate(&query, &store(&sources), T, T + 599, 60) {
            for group in groups {
                prop_assert_eq!(group.tags.keys().map(String::as_str).collect::<BTreeSet<_>>(), query.group_by());
                prop_assert!(group.points.iter().all(|(_, value)| value.is_finite()));
                prop_assert!(group.points.is_sorted_by_key(|(at, _)| at));
            }
        }
    }

    #[test]
    fn for_all_queries_a_monitor_folds_what_a_graph_shows(query in any_query(), sources in any_sources()) {
        prop_assume!(!query.selectors().into_iter().any(Selector::is_count));
        let monitor = parse_monitor(&format!("max(last_10m):{query} > 0")).unwrap();
        if let Ok(groups) = evaluate(&query, &store(&sources), T, T + 599, 60) {
            let verdicts = evaluate_monitor(&monitor, &store(&sources), T + 599).unwrap();
            let shown: BTreeMap<_, _> = groups.into_iter().map(|group| (group.tags, group.points)).collect();
            for verdict in verdicts {
                let points = shown.get(&verdict.tags).into_iter().flatten();
                let most = points.map(|(_, value)| *value).reduce(f64::max);
                prop_assert_eq!(verdict.value, most);
                prop_assert_eq!(verdict.triggered, most.is_some_and(|value| value > 0.0));
            }
        }
    }
}
