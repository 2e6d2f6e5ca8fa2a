//! Which stage waits for which: names resolved, cycles found, the longest path.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::quoted;
use super::{Finding, FindingKind, Pipeline, Stage};
use crate::model::tag::tag;

/// Replaces names in `depends_on` by those of the stages they mean, which may be spelled otherwise, and drops
/// repetitions. Unknown names stay as they are.
pub fn resolve(stages: &mut [Stage]) {
    let names: BTreeMap<String, String> =
        stages.iter().map(|stage| (tag("stage", &stage.name), stage.name.clone())).collect();
    for stage in stages {
        let mut seen = BTreeSet::new();
        let typed = std::mem::take(&mut stage.depends_on);
        let resolved = typed.into_iter().map(|name| names.get(&tag("stage", &name)).cloned().unwrap_or(name));
        stage.depends_on = resolved.filter(|name| seen.insert(name.clone())).collect();
    }
}

/// Stages that wait for something unknown, and stages that wait for each other. Names must have been [`resolve`]d.
#[must_use]
pub fn check_dependencies(pipeline: &Pipeline) -> Vec<Finding> {
    let finding = |resource: &str, kind, detail| Finding {
        scope: pipeline.scope.clone(),
        resource: resource.to_owned(),
        pipeline: Some(pipeline.name.clone()),
        kind,
        detail,
    };
    let known: BTreeSet<&str> = pipeline.stages.iter().map(|stage| stage.name.as_str()).collect();
    let mut findings = Vec::new();
    for stage in &pipeline.stages {
        for name in stage.depends_on.iter().filter(|name| !known.contains(name.as_str())) {
            let detail = format!("stage {} depends on {}, which does not exist", quoted(&stage.name), quoted(name));
            let resource = stage.resources.first().map_or("", String::as_str);
            findings.push(finding(resource, FindingKind::UnknownDependency, detail));
        }
    }
    let graph = upstream(pipeline.stages.iter().map(|stage| (stage.name.as_str(), stage.depends_on.as_slice())));
    let tangled = tangled(graph);
    if !tangled.is_empty() {
        let names: Vec<String> = tangled.into_iter().map(quoted).collect();
        let detail = format!("in a cycle of dependencies: {}", names.join(", "));
        findings.push(finding("", FindingKind::DependencyCycle, detail));
    }
    findings
}

/// The path along which the weights add up to the most, and that sum: upstream first. Names that are no stage are
/// ignored, and so are weights below zero or not a number. A cycle is broken at the first of its names, in alphabetical
/// order; of equal paths the first one counts.
pub fn longest_path(stages: &[(String, Vec<String>)], weight: impl Fn(&str) -> f64) -> (f64, Vec<String>) {
    let graph = upstream(stages.iter().map(|(name, depends_on)| (name.as_str(), depends_on.as_slice())));
    let mut sums: BTreeMap<&str, (f64, Option<&str>)> = BTreeMap::new();
    let mut best: Option<(f64, &str)> = None;
    for name in order(&graph) {
        let mut longest: (f64, Option<&str>) = (0.0, None);
        for &before in &graph[name] {
            // What is not summed yet comes later in the order: the edge that a cycle was broken at.
            if let Some(&(sum, _)) = sums.get(before)
                && (longest.1.is_none() || sum > longest.0)
            {
                longest = (sum, Some(before));
            }
        }
        let sum = longest.0 + weight(name).max(0.0);
        sums.insert(name, (sum, longest.1));
        if best.is_none_or(|(most, _)| sum > most) {
            best = Some((sum, name));
        }
    }
    let Some((sum, last)) = best else {
        return (0.0, Vec::new());
    };
    let mut path = Vec::new();
    let mut step = Some(last);
    while let Some(name) = step {
        path.push(name.to_owned());
        step = sums.get(name).and_then(|&(_, before)| before);
    }
    path.reverse();
    (sum, path)
}

/// Edges from each stage to what it waits for, unknown names left out.
fn upstream<'a>(stages: impl Iterator<Item = (&'a str, &'a [String])>) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut typed: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, depends_on) in stages {
        typed.entry(name).or_default().extend(depends_on.iter().map(String::as_str));
    }
    let known: BTreeSet<&str> = typed.keys().copied().collect();
    for names in typed.values_mut() {
        names.retain(|name| known.contains(name));
    }
    typed
}

/// Every stage once, upstream first.
fn order<'a>(graph: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Vec<&'a str> {
    let mut waiting: BTreeMap<&str, usize> = graph.iter().map(|(&name, before)| (name, before.len())).collect();
    let mut ready: BTreeSet<&str> = waiting.iter().filter(|&(_, &count)| count == 0).map(|(&name, _)| name).collect();
    let downstream = reversed(graph);
    let mut order = Vec::with_capacity(graph.len());
    // With nothing ready, all that is left waits for a cycle: the first name is taken as if it were ready.
    while let Some(name) = ready.pop_first().or_else(|| waiting.keys().next().copied()) {
        waiting.remove(name);
        order.push(name);
        for &after in downstream.get(name).into_iter().flatten() {
            if let Some(count) = waiting.get_mut(after) {
                *count -= 1;
                if *count == 0 {
                    ready.insert(after);
                }
            }
        }
    }
    order
}

/// Stages on a cycle, or between two of them.
fn tangled<'a>(mut graph: BTreeMap<&'a str, BTreeSet<&'a str>>) -> Vec<&'a str> {
    for _direction in 0..2 {
        let mut left = graph.len() + 1;
        while graph.len() < left {
            left = graph.len();
            let free: Vec<&str> = graph.iter().filter(|(_, before)| before.is_empty()).map(|(&name, _)| name).collect();
            for name in free {
                graph.remove(name);
            }
            let known: BTreeSet<&str> = graph.keys().copied().collect();
            for names in graph.values_mut() {
                names.retain(|name| known.contains(name));
            }
        }
        graph = reversed(&graph);
    }
    graph.into_keys().collect()
}

fn reversed<'a>(graph: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut reversed: BTreeMap<&str, BTreeSet<&str>> = graph.keys().map(|&name| (name, BTreeSet::new())).collect();
    for (&name, names) in graph {
        for &before in names {
            reversed.entry(before).or_default().insert(name);
        }
    }
    reversed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stages(text: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
        text.iter()
            .map(|(name, before)| ((*name).to_owned(), before.iter().map(|n| (*n).to_owned()).collect()))
            .collect()
    }

    #[test]
    fn the_longest_path_is_not_the_sum_over_a_fan_out() {
        let stages = stages(&[("split", &[]), ("tag", &["split"]), ("read", &["split"]), ("join", &["tag", "read"])]);
        let weight = |name: &str| match name {
            "split" => 10.0,
            "tag" => 5.0,
            "read" => 7.0,
            _ => 1.0,
        };
        let (sum, path) = longest_path(&stages, weight);
        assert!((sum - 18.0).abs() < 1e-9);
        assert_eq!(path, ["split", "read", "join"]);
    }

    #[test]
    fn odd_weights_and_names_do_no_harm() {
        let stages = stages(&[("a", &["nowhere"]), ("b", &["a", "b"])]);
        let (sum, path) = longest_path(&stages, |name| if name == "a" { f64::NAN } else { -1.0 });
        assert_eq!((sum.to_bits(), path), (0.0_f64.to_bits(), vec!["a".to_owned()]));
        assert_eq!(longest_path(&[], |_| 1.0), (0.0, Vec::new()));
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let chain: Vec<(String, Vec<String>)> = (0..20_000)
            .map(|n| (format!("{n:06}"), if n == 0 { Vec::new() } else { vec![format!("{:06}", n - 1)] }))
            .collect();
        assert_eq!(longest_path(&chain, |_| 1.0).1.len(), 20_000);
    }

    fn any_graph() -> impl Strategy<Value = Vec<(String, Vec<String>)>> {
        let edges = proptest::collection::vec(proptest::collection::vec(0_usize..9, 0..4), 0..8);
        edges.prop_map(|edges| {
            let name = |n: usize| format!("s{n}");
            edges.into_iter().enumerate().map(|(n, before)| (name(n), before.into_iter().map(name).collect())).collect()
        })
    }

    proptest! {
        #[test]
        fn for_all_graphs_the_longest_path_is_a_path_and_does_not_depend_on_the_order(graph in any_graph()) {
            let weight = |name: &str| f64::from(u8::try_from(name.len()).unwrap_or(0)) + if name == "s3" { 4.0 } else { 0.0 };
            let (sum, path) = longest_path(&graph, weight);
            let distinct: BTreeSet<&String> = path.iter().collect();
            prop_assert_eq!(distinct.len(), path.len());
            for pair in path.windows(2) {
                prop_assert!(graph.iter().any(|(name, before)| *name == pair[1] && before.contains(&pair[0])));
            }
            let total: f64 = path.iter().map(|name| weight(name)).sum();
            prop_assert!((total - sum).abs() < 1e-9);
            let mut turned = graph.clone();
            turned.reverse();
            prop_assert_eq!(longest_path(&turned, weight), (sum, path));
        }

        #[test]
        fn for_all_graphs_without_edges_upwards_nothing_is_tangled(graph in any_graph()) {
            let falling: Vec<(String, Vec<String>)> = graph
                .into_iter()
                .map(|(name, before)| (name.clone(), before.into_iter().filter(|other| *other < name).collect()))
                .collect();
            let graph = upstream(falling.iter().map(|(name, before)| (name.as_str(), before.as_slice())));
            prop_assert!(tangled(graph).is_empty());
        }
    }
}
