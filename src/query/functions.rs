//! The functions that are known, and how many arguments each takes.
//!
//! <https://docs.datadoghq.com/dashboards/functions/>

/// Name, and the least and the most arguments.
const KNOWN: &[(&str, usize, usize)] = &[
    ("abs", 1, 1),
    ("anomalies", 2, 12),
    ("autosmooth", 1, 1),
    ("bottom", 4, 4),
    ("calendar_shift", 2, 3),
    ("ceil", 1, 1),
    ("clamp_max", 2, 2),
    ("clamp_min", 2, 2),
    ("count_nonzero", 1, 1),
    ("count_not_null", 1, 1),
    ("cumsum", 1, 1),
    ("cutoff_max", 2, 2),
    ("cutoff_min", 2, 2),
    ("day_before", 1, 1),
    ("default_zero", 1, 1),
    ("derivative", 1, 1),
    ("diff", 1, 1),
    ("dt", 1, 1),
    ("ewma_10", 1, 1),
    ("ewma_20", 1, 1),
    ("ewma_3", 1, 1),
    ("ewma_5", 1, 1),
    ("exclude_null", 1, 1),
    ("floor", 1, 1),
    ("forecast", 2, 8),
    ("hour_before", 1, 1),
    ("integral", 1, 1),
    ("log10", 1, 1),
    ("log2", 1, 1),
    ("median_3", 1, 1),
    ("median_5", 1, 1),
    ("median_7", 1, 1),
    ("median_9", 1, 1),
    ("monotonic_diff", 1, 1),
    ("month_before", 1, 1),
    ("moving_rollup", 3, 3),
    ("outliers", 2, 4),
    ("per_hour", 1, 1),
    ("per_minute", 1, 1),
    ("per_second", 1, 1),
    ("piecewise_constant", 1, 1),
    ("pow", 2, 2),
    ("robust_trend", 1, 1),
    ("rollup", 2, 3),
    ("throughput", 1, 1),
    ("timeshift", 2, 2),
    ("top", 4, 4),
    ("trend_line", 1, 1),
    ("week_before", 1, 1),
];

/// Which end of a ranking, and how many of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ranking<'n> {
    pub(super) largest: bool,
    pub(super) count: usize,
    pub(super) by: &'n str,
}

/// What a series may be ranked by.
pub(super) const RANKED_BY: [&str; 7] = ["mean", "min", "max", "sum", "last", "area", "l2norm"];

/// The least and the most arguments of a function; none for a name that is not known.
pub(super) fn arguments(name: &str) -> Option<(usize, usize)> {
    if ranking(name).is_some() {
        return Some((1, 1));
    }
    KNOWN.iter().find(|(known, ..)| *known == name).map(|(_, least, most)| (*least, *most))
}

/// `top5`, `bottom10_min`, ..
pub(super) fn ranking(name: &str) -> Option<Ranking<'_>> {
    let (largest, rest) = match name.strip_prefix("top") {
        Some(rest) => (true, rest),
        None => (false, name.strip_prefix("bottom")?),
    };
    let (count, by) = rest.split_once('_').unwrap_or((rest, "mean"));
    let count = [5, 10, 15, 20].into_iter().find(|known| count == known.to_string())?;
    RANKED_BY.contains(&by).then_some(Ranking { largest, count, by })
}

/// Does it make one series of all groups?
pub(super) fn ungroups(name: &str) -> bool {
    matches!(name, "count_nonzero" | "count_not_null" | "dt")
}

#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|(name, ..)| *name)
}
