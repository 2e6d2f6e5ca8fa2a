#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::query::{functions, parse, parse_monitor};

mod laws;

/// The start of a bucket, whatever its length.
const T: i64 = 1_699_920_000;

/// A source that a test stores.
#[derive(Debug, Clone)]
struct Source {
    metric: String,
    tags: Vec<String>,
    kind: Kind,
    points: BTreeMap<i64, f64>,
}

const COUNT: Kind = Kind::Count { interval: 60 };

/// Points a minute apart from [`T`] on; `NAN` is none.
fn source(metric: &str, tags: &str, kind: Kind, values: &[f64]) -> Source {
    let minutes = (0..).map(|minute| T + 60 * minute);
    Source {
        metric: metric.to_owned(),
        tags: tags.split_whitespace().map(str::to_owned).collect(),
        kind,
        points: minutes.zip(values.iter().copied()).filter(|(_, value)| !value.is_nan()).collect(),
    }
}

fn store<'s>(sources: &'s [Source]) -> impl Fn(&str) -> Vec<Stored<'s>> {
    move |metric| {
        let of_metric = sources.iter().filter(|source| source.metric == metric);
        of_metric.map(|s| Stored { tags: &s.tags, kind: s.kind, points: &s.points }).collect()
    }
}

/// One group a line: its tags, then its values by minute after [`T`].
fn shown(sources: &[Source], query: &str, minutes: i64) -> String {
    let groups = evaluate(&parse(query).unwrap(), &store(sources), T, T + 60 * minutes - 1, 60);
    let groups = match groups {
        Ok(groups) => groups,
        Err(unchecked) => return unchecked.to_string(),
    };
    let line = |group: Group| {
        let tags: Vec<String> = group.tags.iter().map(|(key, value)| format!("{key}:{value} ")).collect();
        let points: Vec<String> = group
            .points
            .iter()
            .map(|(at, value)| format!("{}={}", (at - T) / 60, (value * 1e4).round() / 1e4))
            .collect();
        tags.concat() + &points.join(" ")
    };
    groups.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

fn verdicts(sources: &[Source], query: &str, now: i64) -> String {
    let verdicts = match evaluate_monitor(&parse_monitor(query).unwrap(), &store(sources), now) {
        Ok(verdicts) => verdicts,
        Err(unchecked) => return unchecked.to_string(),
    };
    let line = |verdict: Verdict| {
        let tags: Vec<String> = verdict.tags.iter().map(|(key, value)| format!("{key}:{value} ")).collect();
        let value = verdict.value.map_or("none".to_owned(), |value| format!("{}", (value * 1e4).round() / 1e4));
        tags.concat() + &value + if verdict.triggered { " triggered" } else { "" }
    };
    verdicts.into_iter().map(line).collect::<Vec<_>>().join(", ")
}

const X: f64 = f64::NAN;

#[test]
fn sources_become_one_in_time_and_in_space() {
    let gauges = [
        source("g", "stage:a host:1", Kind::Gauge, &[1.0, 3.0, 5.0, 7.0]),
        source("g", "stage:a host:2", Kind::Gauge, &[2.0, 4.0, 6.0, 8.0]),
        source("g", "stage:b host:2", Kind::Gauge, &[10.0, 10.0, 10.0, 10.0]),
        source("g", "host:2", Kind::Gauge, &[0.0]),
    ];
    for (query, expected) in [
        ("avg:g{stage:a}", "0=1.5 1=3.5 2=5.5 3=7.5"),
        ("g{stage:a}", "0=1.5 1=3.5 2=5.5 3=7.5"),
        ("sum:g{stage:a}", "0=3 1=7 2=11 3=15"),
        ("min:g{stage:*} by {stage}", "stage:a 0=1 1=3 2=5 3=7\nstage:b 0=10 1=10 2=10 3=10"),
        ("max:g{!stage:b,stage:*} by {stage,host}", "host:1 stage:a 0=1 1=3 2=5 3=7\nhost:2 stage:a 0=2 1=4 2=6 3=8"),
        ("sum:g{*} by {stage}", "stage:N/A 0=0\nstage:a 0=3 1=7 2=11 3=15\nstage:b 0=10 1=10 2=10 3=10"),
        ("sum:g{host:1}.rollup(avg, 120)", "0=2 2=6"),
        ("sum:g{host:1}.rollup(max, 240)", "0=7"),
        ("sum:g{host:1}.rollup(count, 240)", "0=4"),
        ("sum:g{host:1}.rollup(20)", "0=1 1=3 2=5 3=7"),
        ("sum:g{host:1}.as_count().rollup(avg, 120).weighted()", "0=2 2=6"),
        ("sum:g{stage:none}", ""),
        ("sum:none{*}", ""),
    ] {
        assert_eq!(shown(&gauges, query, 4), expected, "{query}");
    }
}

#[test]
fn counts_add_up_and_rates_are_multiplied_back() {
    let sources = [
        source("c", "x:y", COUNT, &[60.0, 120.0, X, 60.0]),
        source("r", "x:y", Kind::Rate { interval: 60 }, &[1.0, 2.0, X, 1.0]),
    ];
    for (query, expected) in [
        ("sum:c{*}.rollup(120)", "0=180 2=60"),
        ("avg:c{*}.rollup(120)", "0=90 2=60"),
        ("avg:c{*}.as_count().rollup(120)", "0=180 2=60"),
        ("sum:c{*}.as_rate()", "0=1 1=2 3=1"),
        ("sum:c{*}.as_rate().rollup(120)", "0=1.5 2=0.5"),
        ("sum:c{*}.as_rate().rollup(20)", "0=1 1=2 3=1"),
        ("sum:r{*}.rollup(120)", "0=1.5 2=1"),
        ("sum:r{*}.as_count()", "0=60 1=120 3=60"),
        ("sum:r{*}.as_rate().rollup(120)", "0=1.5 2=0.5"),
    ] {
        assert_eq!(shown(&sources, query, 4), expected, "{query}");
    }
}

#[test]
fn gaps_are_filled_as_far_as_the_limit_goes() {
    let one = [source("g", "", Kind::Gauge, &[1.0, X, X, 4.0, X, X, X, X, X, 10.0])];
    for (query, expected) in [
        ("sum:g{*}", "0=1 3=4 9=10"),
        ("sum:g{*}.fill(null)", "0=1 3=4 9=10"),
        ("sum:g{*}.fill(linear)", "0=1 1=2 2=3 3=4 9=10"),
        ("sum:g{*}.fill(linear, 360)", "0=1 1=2 2=3 3=4 4=5 5=6 6=7 7=8 8=9 9=10"),
        ("sum:g{*}.fill(last, 60)", "0=1 1=1 3=4 4=4 9=10"),
        ("sum:g{*}.fill(zero, 120)", "0=1 1=0 2=0 3=4 4=0 5=0 9=10"),
    ] {
        assert_eq!(shown(&one, query, 10), expected, "{query}");
    }
    let query = parse("sum:g{*}.fill(last)").unwrap();
    let late = evaluate(&query, &store(&one), T + 240, T + 299, 60).unwrap();
    assert_eq!(late[0].points, [(T + 240, 4.0)], "what was before the window counts");
    let query = parse("sum:g{*}.fill(last).rollup(sum, 240)").unwrap();
    let late = evaluate(&query, &store(&one), T + 60, T + 299, 60).unwrap();
    assert_eq!(late[0].points, [(T, 4.0), (T + 240, 4.0)], "but not in the bucket in which the window begins");
}

#[test]
fn gauges_of_several_sources_are_interpolated_and_counts_are_not() {
    let several = |kind| [source("m", "h:1", kind, &[1.0, X, 3.0]), source("m", "h:2", kind, &[1.0, 1.0, 1.0])];
    assert_eq!(shown(&several(Kind::Gauge), "sum:m{*}", 3), "0=2 1=3 2=4");
    assert_eq!(shown(&several(COUNT), "sum:m{*}", 3), "0=2 1=1 2=4");
    assert_eq!(shown(&several(Kind::Gauge), "sum:m{*}.fill(null)", 3), "0=2 1=1 2=4");
    assert_eq!(shown(&several(Kind::Gauge), "sum:m{h:1}", 3), "0=1 2=3");
}

#[test]
fn a_source_with_two_values_of_a_key_is_in_two_groups() {
    let sources = [source("g", "dep:a dep:b", Kind::Gauge, &[1.0])];
    assert_eq!(shown(&sources, "sum:g{*} by {dep}", 1), "dep:a 0=1\ndep:b 0=1");
}

#[test]
fn arithmetic_goes_group_by_group_and_bucket_by_bucket() {
    let sources = [
        source("a", "s:x", Kind::Gauge, &[1.0, 2.0, 3.0]),
        source("a", "s:y", Kind::Gauge, &[10.0, X, 30.0]),
        source("b", "s:x", Kind::Gauge, &[2.0, 0.0, 4.0]),
        source("b", "s:z", Kind::Gauge, &[1.0, 1.0, 1.0]),
        source("c", "s:x", COUNT, &[1.0, X, X]),
        source("d", "s:x", COUNT, &[1.0, 2.0, X]),
    ];
    for (query, expected) in [
        ("sum:a{s:x} / sum:b{s:x}", "0=0.5 2=0.75"),
        ("sum:a{*} by {s} / sum:b{*} by {s}", "s:x 0=0.5 2=0.75"),
        ("sum:a{*} by {s} * sum:b{s:x}", "s:x 0=2 1=0 2=12\ns:y 0=20 1=0 2=120"),
        ("sum:b{s:x} - sum:a{s:y}.fill(null)", "0=-8 2=-26"),
        ("10 - sum:a{s:x} * 2", "0=8 1=6 2=4"),
        ("-sum:a{s:x}", "0=-1 1=-2 2=-3"),
        ("sum:a{s:x} + sum:none{*}", ""),
        ("sum:a{s:x} + default_zero(sum:none{*})", "0=1 1=2 2=3"),
        ("sum:a{*} by {s} + default_zero(sum:b{s:x} by {s})", "s:x 0=3 1=2 2=7\ns:y 0=10 1=20 2=30"),
        ("sum:c{*}.as_count() / sum:d{*}.as_count()", "0=1 1=0"),
        ("sum:c{*}.as_count() / (sum:c{*}.as_count() + sum:d{*}.as_count())", "0=0.5 1=0"),
        ("sum:c{*} / sum:d{*}", "0=1"),
        ("sum:b{s:x} + sum:a{s:y}.as_count().fill(null)", "0=12 2=34"),
        ("cumsum(sum:c{*}.as_count()) + sum:d{*}.as_count()", "0=2"),
        ("(sum:c{*}.as_count() + sum:a{s:y}) + sum:d{*}.as_count()", "0=12 2=30"),
        ("(sum:c{*}.as_count() + 1) * sum:d{*}.as_count()", "0=2"),
        (
            "sum:a{*} by {s} / sum:b{*} by {t}",
            "not checked: the value of arithmetic between series grouped by different tags",
        ),
        ("2 + 3", "0=5 1=5 2=5"),
        ("1 / 0", ""),
    ] {
        assert_eq!(shown(&sources, query, 3), expected, "{query}");
    }
}

#[test]
fn functions_do_what_they_say() {
    let sources = [
        source("a", "s:x", Kind::Gauge, &[1.0, 4.0, 2.0, 8.0]),
        source("n", "s:x", Kind::Gauge, &[-1.5, X, 1.5]),
        source("g", "s:x", COUNT, &[1.0, 1.0, 1.0, 1.0]),
        source("g", "s:y", COUNT, &[9.0, 0.0, X, 0.0]),
        source("g", "other:z", COUNT, &[0.5]),
    ];
    for (query, expected) in [
        ("abs(sum:n{*})", "0=1.5 2=1.5"),
        ("ceil(sum:n{*})", "0=-1 2=2"),
        ("floor(sum:n{*})", "0=-2 2=1"),
        ("log2(sum:a{*})", "0=0 1=2 2=1 3=3"),
        ("log10(sum:n{*})", "2=0.1761"),
        ("pow(sum:a{*}, 2)", "0=1 1=16 2=4 3=64"),
        ("clamp_min(sum:a{*}, 2)", "0=2 1=4 2=2 3=8"),
        ("clamp_max(sum:a{*}, 2)", "0=1 1=2 2=2 3=2"),
        ("cutoff_min(sum:a{*}, 2)", "1=4 2=2 3=8"),
        ("cutoff_max(sum:a{*}, 2)", "0=1 2=2"),
        ("diff(sum:a{*})", "1=3 2=-2 3=6"),
        ("monotonic_diff(sum:a{*})", "1=3 3=6"),
        ("derivative(sum:a{*})", "1=0.05 2=-0.0333 3=0.1"),
        ("per_second(sum:a{*})", "1=0.05 2=-0.0333 3=0.1"),
        ("per_minute(sum:a{*})", "1=3 2=-2 3=6"),
        ("per_hour(sum:a{*})", "1=180 2=-120 3=360"),
        ("dt(sum:n{*} by {s})", "2=120"),
        ("cumsum(sum:a{*})", "0=1 1=5 2=7 3=15"),
        ("trend_line(sum:a{*})", "0=0.9 1=2.8 2=4.7 3=6.6"),
        ("ewma_3(sum:a{*})", "0=1 1=2.5 2=2.25 3=5.125"),
        ("median_3(sum:a{*})", "0=1 1=2.5 2=2 3=4"),
        ("default_zero(sum:n{*})", "0=-1.5 1=0 2=1.5 3=0"),
        ("default_zero(sum:a{*}.rollup(avg, 120))", "0=2.5 2=5"),
        ("default_zero(sum:a{*} * sum:a{*}.rollup(avg, 120))", "0=2.5 2=10"),
        ("default_zero(sum:none{*})", "0=0 1=0 2=0 3=0"),
        ("default_zero(sum:none{*} by {s})", ""),
        ("exclude_null(sum:g{*} by {s})", "s:x 0=1 1=1 2=1 3=1\ns:y 0=9 1=0 3=0"),
        ("count_nonzero(sum:g{*} by {s})", "0=3 1=1 2=1 3=1"),
        ("count_not_null(sum:g{*} by {s})", "0=3 1=2 2=1 3=2"),
        ("timeshift(sum:a{*}, -60)", "1=1 2=4 3=2"),
        ("timeshift(sum:a{*}.rollup(sum, 120), -60)", "0=5 2=2"),
        ("hour_before(sum:a{*})", ""),
        ("rollup(sum:a{*}, 'sum', 120)", "0=5 2=10"),
        ("rollup(sum:a{*}, max)", "0=1 1=4 2=2 3=8"),
        ("moving_rollup(sum:a{*}, 120, 'sum')", "0=1 1=5 2=6 3=10"),
        ("top(sum:g{*} by {s}, 1, 'mean', 'desc')", "s:y 0=9 1=0 3=0"),
        ("top(sum:g{*} by {s}, 1, 'last', 'desc')", "s:x 0=1 1=1 2=1 3=1"),
        ("top(sum:g{*} by {s}, 1, 'max', 'asc')", "s:N/A 0=0.5"),
        ("top(sum:g{*} by {s}, 1, 'l2norm', 'up')", "not checked: argument 4 of `top()`"),
        ("bottom5_min(sum:g{s:*} by {s})", "s:x 0=1 1=1 2=1 3=1\ns:y 0=9 1=0 3=0"),
        ("clamp_min(sum:a{*}, 'x')", "not checked: argument 2 of `clamp_min()`"),
        ("integral(sum:a{*})", "not checked: the value of `integral()`"),
        ("sum:a{x:$v.value}", "not checked: the value of the template variable `$v.value`"),
        ("p95:a{*}", "not checked: the value of `p95:`, which needs a distribution"),
    ] {
        assert_eq!(shown(&sources, query, 4), expected, "{query}");
    }
    let moved = parse("moving_rollup(sum:a{*}, 120, 'sum')").unwrap();
    let late = evaluate(&moved, &store(&sources), T + 60, T + 119, 60).unwrap();
    assert_eq!(late[0].points, [(T + 60, 5.0)], "what was before the window counts");
    let shifted = parse("day_before(sum:a{*})").unwrap();
    let next_day = evaluate(&shifted, &store(&sources), T + 86_400, T + 86_459, 60).unwrap();
    assert_eq!(next_day[0].points, [(T + 86_400, 1.0)]);
    assert_eq!(evaluate(&shifted, &store(&sources), T, T + 59, 60), Ok(vec![]), "no group without a point");
}

#[test]
fn every_known_function_has_a_value_or_says_that_it_has_none() {
    let sources = [source("a", "s:x", Kind::Gauge, &[1.0, 2.0])];
    let mut without = Vec::new();
    for name in functions::names().chain(["top5", "bottom20_l2norm", "top10_area"]) {
        let arguments = match name {
            "pow" | "clamp_min" | "clamp_max" | "cutoff_min" | "cutoff_max" | "timeshift" => ", 60",
            "rollup" => ", 'sum'",
            "moving_rollup" => ", 60, 'sum'",
            "top" | "bottom" => ", 5, 'mean', 'desc'",
            "anomalies" | "forecast" | "outliers" | "calendar_shift" => ", 'x'",
            _ => "",
        };
        let expr = parse(&format!("{name}(sum:a{{*}} by {{s}}{arguments})")).unwrap();
        match evaluate(&expr, &store(&sources), T, T + 119, 60) {
            Ok(groups) => groups.iter().for_each(|group| {
                assert_eq!(group.tags.keys().map(String::as_str).collect::<BTreeSet<_>>(), expr.group_by(), "{name}");
            }),
            Err(unchecked) => {
                assert_eq!(unchecked.to_string(), format!("not checked: the value of `{name}()`"));
                without.push(name);
            }
        }
    }
    let no_value = [
        "anomalies",
        "autosmooth",
        "bottom",
        "calendar_shift",
        "forecast",
        "integral",
        "outliers",
        "piecewise_constant",
        "robust_trend",
        "throughput",
    ];
    assert_eq!(without, no_value);
}

/// <https://docs.datadoghq.com/monitors/guide/as-count-in-monitor-evaluations/>
#[test]
fn counts_are_summed_before_they_are_divided() {
    let sources = [
        source("error", "", COUNT, &[1.0, 2.0, 3.0, 4.0, 5.0]),
        source("total", "", COUNT, &[10.0, 10.0, 10.0, 10.0, 10.0]),
    ];
    let now = T + 4 * 60;
    let rated = "sum(last_5m):sum:error{*}.as_rate() / sum:total{*}.as_rate() > 0.3";
    assert_eq!(verdicts(&sources, rated, now), "1.5 triggered");
    let counted = "sum(last_5m):sum:error{*}.as_count() / sum:total{*}.as_count() > 0.3";
    assert_eq!(verdicts(&sources, counted, now), "0.3");
    let share = "sum(last_5m):default_zero(sum:none{*}.as_count()) * 100 / (sum:total{*}.as_count() + 50) <= 0";
    assert_eq!(verdicts(&sources, share, now), "0 triggered");
    let zero = "sum(last_5m):default_zero(sum:none{*}.as_count() / sum:total{*}.as_count()) + 1 < 2";
    assert_eq!(verdicts(&sources, zero, now), "1 triggered");
    let change = "change(sum(last_2m),last_1m):sum:error{*}.as_count() / sum:total{*}.as_count() >= 0.1";
    assert_eq!(verdicts(&sources, change, now + 5), "0.1 triggered");
    let percent = "pct_change(sum(last_2m),last_2m):sum:error{*}.as_count() > 79";
    assert_eq!(verdicts(&sources, percent, now), "80 triggered", "4 + 5 after 2 + 3");
    let inside = "sum(last_5m):abs(-sum:error{*}.as_count() / sum:total{*}.as_count()) >= 0.3";
    assert_eq!(verdicts(&sources, inside, now), "0.3 triggered");
}

#[test]
fn a_window_ends_now_and_begins_after_its_length() {
    let sources = [source("a", "", Kind::Gauge, &[1.0, 2.0, 4.0, 8.0])];
    for (query, now, expected) in [
        ("sum(last_2m):sum:a{*} > 0", T + 120, "6 triggered"),
        ("sum(last_2m):sum:a{*} > 0", T + 119, "3 triggered"),
        ("sum(last_2m):sum:a{*} > 0", T - 1, "none"),
        ("avg(last_3m):sum:a{*} > 4.6", T + 180, "4.6667 triggered"),
        ("avg(last_3m):sum:a{*} > 4.7", T + 180, "4.6667"),
        ("min(last_3m):sum:a{*} <= 2", T + 180, "2 triggered"),
        ("max(last_3m):sum:a{*} < 8", T + 180, "8"),
        ("sum(last_4m):sum:a{*}.rollup(max, 120) == 10", T + 180, "10 triggered"),
        ("avg(last_30m):derivative(avg:a{*}) > 0", T + 180, "0.0389 triggered"),
        ("max(last_5m):sum:a{*} / sum:a{*} != 1", T + 180, "1"),
        ("max(last_5m):sum:none{*} > 0", T + 180, "none"),
        ("max(last_5m):sum:none{*} by {s} > 0", T + 180, ""),
        ("max(last_5m):5 > 0", T + 180, "5 triggered"),
        ("change(avg(last_2m),last_1m):sum:a{*} >= 3", T + 180, "3 triggered"),
        ("pct_change(avg(last_2m),1m_ago):sum:a{*} > 99", T + 180, "100 triggered"),
        ("1 && 2", T, "not checked: the verdict of a monitor that does not watch metrics"),
    ] {
        assert_eq!(verdicts(&sources, query, now), expected, "{query}");
    }
}

#[test]
fn a_group_without_data_has_no_value_and_does_not_trigger() {
    let sources = [
        source("error", "s:a", COUNT, &[X, X, X, 1.0]),
        source("error", "s:b", COUNT, &[1.0, X, X, X]),
        source("total", "s:a", COUNT, &[X, X, X, 4.0]),
        source("total", "s:b", COUNT, &[X, X, X, 4.0]),
        source("total", "s:c", COUNT, &[X, X, X, 4.0]),
    ];
    let now = T + 180;
    for (query, expected) in [
        ("sum(last_2m):sum:error{*} by {s}.as_count() < 9", "s:a 1 triggered, s:b none"),
        ("sum(last_2m):default_zero(sum:error{*} by {s}.as_count()) < 1", "s:a 1, s:b 0 triggered"),
        (
            "sum(last_2m):sum:error{*} by {s}.as_count() / sum:total{*} by {s}.as_count() < 9",
            "s:a 0.25 triggered, s:b 0 triggered",
        ),
        (
            "sum(last_1m):sum:total{*} by {s}.as_count() / sum:error{*} by {s}.as_count() < 9",
            "s:a 4 triggered, s:b none",
        ),
        ("sum(last_2m):sum:error{s:b}.as_count() + sum:error{s:b}.as_count() < 9", "none"),
    ] {
        assert_eq!(verdicts(&sources, query, now), expected, "{query}");
    }
}

#[test]
fn a_window_has_a_limit() {
    let query = parse("avg:a{*}").unwrap();
    let error = evaluate(&query, &store(&[]), i64::MIN, i64::MAX, 60).unwrap_err();
    assert_eq!(error.to_string(), "not checked: a window of more than 200000 points");
    for (from, to, interval) in [(T, T - 1, 60), (i64::MAX - 1, i64::MAX, i64::MAX), (i64::MIN, i64::MIN, 0)] {
        for text in ["default_zero(avg:a{*}.fill(last, 4294967295))", "week_before(avg:a{*})", "timeshift(1, -9e99)"] {
            let sources = [source("a", "", Kind::Gauge, &[1.0])];
            evaluate(&parse(text).unwrap(), &store(&sources), from, to, interval).unwrap();
        }
    }
}
