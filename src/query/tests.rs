#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use super::*;

mod laws;

fn printed(text: &str) -> String {
    parse(text).map_or_else(|unchecked| unchecked.to_string(), |expr| expr.to_string())
}

fn printed_monitor(text: &str) -> String {
    parse_monitor(text).map_or_else(|unchecked| unchecked.to_string(), |query| query.to_string())
}

#[test]
fn a_query_has_one_spelling() {
    for same in [
        "avg:system.cpu.user{*}",
        "sum:a.b{env:prod,!host:a} by {stage,host}.as_count().rollup(sum, 60)",
        "max:a{$pipeline,env:$env.value,!x:$y.value-*}",
        "p99.9:a{x:/dev/loop*}.weighted()",
        "count:a{untagged}.fill(linear, 60).fill(zero)",
        "min:a{env:x AND (zone:b-1a OR zone:c.d:e)}.rollup(20)",
        "avg:a{NOT (x:a OR x:b)}.rollup(avg)",
        "(avg:a{*} + avg:b{*}) / 2 * -avg:c{*} - -1",
        "avg:a{*} - (avg:b{*} - 1) / (2 / 3)",
        "top(avg:a{*} by {host}, 10, 'mean', 'desc')",
        "moving_rollup(default_zero(avg:a{*}), 300, 'sum')",
        "timeshift(avg:a{*}, -3600)",
        "anomalies(avg:a{*}, 'agile', 2, direction='both', interval=60)",
    ] {
        assert_eq!(printed(same), same);
    }
    for (text, one) in [
        ("system.cpu.user{ * }", "avg:system.cpu.user{*}"),
        ("avg:a{x:b}.as_rate()by{host}.fill('last')", "avg:a{x:b} by {host}.as_rate().fill(last)"),
        ("avg:a{x:b and y:c}", "avg:a{x:b,y:c}"),
        ("avg:a{NOT x:b AND *}", "avg:a{!x:b,*}"),
        ("avg:a{x IN (b, c)}", "avg:a{x:b OR x:c}"),
        ("avg:a{x:y AND b not in (c,d)}", "avg:a{x:y AND NOT (b:c OR b:d)}"),
        (
            "avg:a{x:y,z NOT IN (b)}",
            "not checked: a filter that mixes `,` or `!` with AND, OR, NOT, IN or parentheses at character 7",
        ),
        ("\n1.5e3+avg:a{*}*2", "1500 + avg:a{*} * 2"),
        ("((avg:a{*}))", "avg:a{*}"),
        ("moving_rollup(avg:a{*},60,sum)", "moving_rollup(avg:a{*}, 60, 'sum')"),
    ] {
        assert_eq!(printed(text), one, "{text}");
    }
}

#[test]
fn what_is_not_known_is_not_checked() {
    for (text, what) in [
        ("", "the end where a query was expected at character 1"),
        ("avg:a", "the end where `{` was expected at character 6"),
        ("avg:{*}", "`{` where a metric was expected at character 5"),
        ("median:a{*}", "the aggregation `median` at character 1"),
        ("p999:a{*}", "the aggregation `p999` at character 1"),
        ("avg:a{}", "`}` where a tag was expected at character 7"),
        ("avg:a{x:}", "the tag `x:` at character 7"),
        ("avg:a{x*}", "the tag `x*` at character 7"),
        ("avg:a{$}", "the tag `$` at character 7"),
        ("avg:a{x:y AND}", "`}` where a tag was expected at character 14"),
        ("avg:a{x:y AND !b:c}", "a filter that mixes `,` or `!` with AND, OR, NOT, IN or parentheses at character 7"),
        ("avg:a{(x:y),b:c}", "a filter that mixes `,` or `!` with AND, OR, NOT, IN or parentheses at character 7"),
        ("avg:a{x:@y}", "the tag `x:` at character 7"),
        ("avg:a{*} by {}", "`}` where a tag key was expected at character 14"),
        ("avg:a{*} by {host} + é", "`é` where a query was expected at character 22"),
        ("é", "`é` where a query was expected at character 1"),
        ("avg:a{*}.last()", "the modifier `last` at character 10"),
        ("avg:a{*}.rollup(sum, daily)", "`d` where a whole number was expected at character 22"),
        ("avg:a{*}.rollup(p95, 60)", "the rollup `p95` at character 17"),
        ("avg:a{*}.fill(next)", "the fill `next` at character 15"),
        ("1 +  abs2(avg:a{*})", "the function `abs2` at character 6"),
        ("abs(avg:a{*}, 2)", "2 arguments of `abs` at character 1"),
        ("abs(query1)", "`abs` of something that is no query at character 1"),
        ("top(avg:a{*}, 5, 'mean, 'desc)", "`d` where `)` was expected at character 26"),
        ("top(avg:a{*}, 'mean)", "a quote that is not closed at character 15"),
        ("query1 * 2", "`query1`, which is neither a query nor the name of one at character 1"),
        ("1e999", "`1` where a number was expected at character 1"),
        ("1.2.3", "`1` where a number was expected at character 1"),
        ("avg:a{*}, avg:b{*}", "`,` where the end was expected at character 9"),
        ("avg:a{*} > 5", "`>` where the end was expected at character 10"),
    ] {
        assert_eq!(printed(text), format!("not checked: {what}"), "{text}");
    }
}

#[test]
fn nesting_and_length_have_a_limit() {
    let nested = |depth: usize| "(".repeat(depth) + "1" + &")".repeat(depth);
    assert!(parse(&nested(MAX_NESTING - 1)).is_ok());
    let at = MAX_NESTING + 1;
    assert_eq!(printed(&nested(MAX_NESTING)), format!("not checked: more than 50 levels at character {at}"));
    assert!(printed(&"-".repeat(100_000)).contains("more than 50 levels"));
    assert!(printed(&format!("avg:a{{{}", "NOT ".repeat(100_000))).contains("more than 50 levels"));
    assert!(printed_monitor(&"!".repeat(100_000)).contains("more than 50 levels"));

    let long = |operators: usize| "1".to_owned() + &"+1".repeat(operators);
    assert!(parse(&long(MAX_TERMS - 1)).is_ok_and(|expr| parse(&expr.to_string()) == Ok(expr)));
    assert!(printed(&long(MAX_TERMS)).contains("more than 250 terms"));
    assert!(printed(&long(100_000)).contains("more than 250 terms"));
    assert!(printed(&format!("avg:a{{x IN ({})}}", "y,".repeat(100_000))).contains("more than 250 terms"));
    assert!(printed(&format!("avg:a{{*}}{}", ".weighted()".repeat(100_000))).contains("more than 250 terms"));
    assert!(printed_monitor(&("1".to_owned() + &"&&1".repeat(100_000))).contains("more than 250 terms"));
}

#[test]
fn a_monitor_has_one_spelling() {
    for same in [
        "avg(last_5m):avg:system.cpu.user{env:prod,!host:a} by {host} > 80",
        "sum(last_15m):sum:x.errors{pipeline:lease,environment:data_prod} by {stage}.as_count() / \
         (sum:x.errors{pipeline:lease} by {stage}.as_count() + sum:x.done{pipeline:lease} by {stage}.as_count()) > 0.05",
        "max(last_1h):derivative(avg:a{*}) <= -1.5",
        "change(avg(last_30m),last_1d):avg:a{*} != 0",
        "pct_change(min(last_1w),last_10m):avg:a{*} == 20",
        "error_budget(\"<ref:slo:success/pipeline/lease>\").over(\"30d\") > 75",
        "burn_rate(\"12ab\").over(\"7d\").long_window(\"1h\").short_window(\"5m\") > 14.4",
        "!(1 || 2) && <ref:monitor:a/b>",
        "(1 && 2) && 3",
    ] {
        assert_eq!(printed_monitor(same), same);
    }
    for (text, one) in [
        ("avg( last_60m ) : a{*}>5", "avg(last_1h):avg:a{*} > 5"),
        ("change(avg(last_5m),60m_ago):a{*} > 5", "change(avg(last_5m),last_1h):avg:a{*} > 5"),
        ("123 && !456 || (789)", "(123 && !456) || 789"),
        ("1&&2&&3", "1 && 2 && 3"),
    ] {
        assert_eq!(printed_monitor(text), one);
    }
}

#[test]
fn a_monitor_of_something_else_is_not_checked() {
    for (text, what) in [
        (
            "\"datadog.agent.up\".over(\"*\").last(2).count_by_status()",
            "the query of a service check monitor at character 1",
        ),
        (
            "logs(\"status:error\").index(\"*\").rollup(\"count\").last(\"5m\") > 1",
            "the query of a log monitor at character 1",
        ),
        ("events(\"x\").rollup(\"count\").last(\"5m\") > 1", "the query of an event monitor at character 1"),
        (
            "processes(\"x\").over(\"*\").rollup(\"count\").last(\"5m\") > 1",
            "the query of a process monitor at character 1",
        ),
        ("formula(\"query1\").last(\"5m\") > 1", "the query of a formula monitor at character 1"),
        ("avg:a{*} > 5", "`:` where `(` was expected at character 4"),
        ("percentile(last_5m):p95:a{*} > 5", "`percentile`, which is no way to look at a window at character 1"),
        ("avg(last_0m):avg:a{*} > 5", "the window `last_0m` at character 10"),
        ("avg(last_1mo):avg:a{*} > 5", "the window `last_1mo` at character 10"),
        ("avg(last_99999999999999999999w):avg:a{*} > 5", "the window `last_99999999999999999999w` at character 10"),
        ("avg(last_5m):avg:a{*}", "the end where a comparison with a threshold was expected at character 22"),
        ("avg(last_5m):avg:a{*} > threshold", "`t` where a number was expected at character 25"),
        ("avg(last_5m):avg:a{*} > 5 > 6", "`>` where the end was expected at character 27"),
        ("change(last_5m):avg:a{*} > 5", "`last_5m`, which is no way to look at a window at character 8"),
        ("error_budget(\"\").over(\"30d\") > 75", "the id of an SLO at character 14"),
        ("error_budget(\"a\").over(\"30h\") > 75", "an SLO over part of a day at character 18"),
        ("error_budget(\"a\").over(\"+30d\") > 75", "the time `+30d` at character 24"),
        ("burn_rate(\"a\").over(\"30d\") > 75", "`>` where `.long_window(` was expected at character 28"),
        ("123 && ", "the end where the id of a monitor was expected at character 8"),
    ] {
        assert_eq!(printed_monitor(text), format!("not checked: {what}"), "{text}");
    }
}

#[test]
fn a_formula_is_read_with_its_queries() {
    let queries =
        BTreeMap::from([("q1".to_owned(), parse("sum:a{*}").unwrap()), ("q2".to_owned(), parse("sum:b{*}").unwrap())]);
    let formula = |text| parse_formula(text, &queries).map_or_else(|e| e.to_string(), |expr| expr.to_string());
    assert_eq!(formula("default_zero(q1) / (q1 + q2) * 100"), "default_zero(sum:a{*}) / (sum:a{*} + sum:b{*}) * 100");
    assert_eq!(formula("q3"), "not checked: `q3`, which is neither a query nor the name of one at character 1");
}

#[test]
fn lint_learns_what_a_query_uses() {
    let text = "sum(last_5m):default_zero(sum:a.b{x:y,!z:$w.value} by {stage}.as_count()) / \
                (count_nonzero(sum:c{(k:v OR $e) AND NOT u} by {host}) + 1) >= 0.5";
    let query = parse_monitor(text).unwrap();
    let expr = query.expr().unwrap();
    assert_eq!(expr.metrics(), ["a.b", "c"].into());
    assert_eq!(expr.functions(), ["count_nonzero", "default_zero"].into());
    assert_eq!(query.group_by(), ["stage"].into(), "`host` is counted, so it is no group any more");
    assert_eq!(query.condition(), Some((Comparator::AtLeast, 0.5)));
    let selectors = expr.selectors();
    assert_eq!(selectors.iter().map(|s| s.is_count()).collect::<Vec<_>>(), [true, false]);
    let tags = |index: usize| -> Vec<String> {
        selectors[index].filter.tags().iter().map(|(key, value)| format!("{key}={value}")).collect()
    };
    let variables = |index: usize| selectors[index].filter.variables();
    assert_eq!((variables(0), variables(1)), (vec!["w.value"], vec!["e"]));
    assert_eq!((tags(0), tags(1)), (vec!["x=y".into(), "z=$w.value".into()], vec!["k=v".into(), "u=".into()]));
}

#[test]
fn a_composite_combines_states() {
    let monitor = |id: &str| Composite::Monitor(id.to_owned());
    let first = Composite::And(vec![monitor("1"), Composite::Not(Box::new(monitor("2")))]);
    let composite = Composite::Or(vec![first, monitor("3")]);
    assert_eq!(parse_monitor("1 && !2 || 3"), Ok(MonitorQuery::Composite(composite.clone())));
    assert_eq!(composite.monitors(), ["1", "2", "3"]);
    for (triggered, holds) in [(vec!["1"], true), (vec!["1", "2"], false), (vec!["2", "3"], true), (vec![], false)] {
        assert_eq!(composite.holds(&|id| triggered.contains(&id)), holds, "{triggered:?}");
    }
}

#[test]
fn a_filter_matches_tags() {
    let tags = ["env:prod", "zone:b-1a", "zone:c", "path:/a:b/c", "up"].map(str::to_owned);
    for (filter, matches) in [
        ("*", true),
        ("env:prod,zone:c", true),
        ("env:prod,zone:d", false),
        ("!env:prod", false),
        ("!env:dev,up", true),
        ("env", false),
        ("env:pro", false),
        ("env:p*d", true),
        ("env:*", true),
        ("host:*", false),
        ("path:/a:b*", true),
        ("zone:*1*a", true),
        ("zone:b-1a*a", false),
        ("env:dev OR (zone:c AND NOT up)", false),
        ("env:dev OR (zone:c AND up)", true),
        ("env NOT IN (dev, test)", true),
        ("$env", false),
    ] {
        let expr = parse(&format!("avg:a{{{filter}}}")).unwrap();
        assert_eq!(expr.selectors()[0].filter.matches(&tags), matches, "{filter}");
    }
}

#[test]
fn queries_are_one_when_they_differ_in_values_alone() {
    let query = "max(last_5m):max:a.b{pipeline:x,!stage:y:z*} by {stage}.rollup(max, 60) / sum:c{k IN (v, w)} > 1";
    for (old, new) in [("x,", "yé-1:2*,"), ("y:z*", "y"), ("x,", "AND,"), ("", "")] {
        assert!(same_but_for_values(query, &query.replacen(old, new, 1)), "{new}");
    }
    for (old, new) in [
        ("x,", ","),
        ("x,", "$x,"),
        ("x,", "x y,"),
        ("pipeline", "team"),
        ("by {stage}", ""),
        ("(v", "(u"),
        ("60", "6"),
    ] {
        assert!(!same_but_for_values(query, &query.replacen(old, new, 1)), "{new}");
    }
    assert!(!same_but_for_values("top(avg:a{*}, 10, '{a:b}', 'desc')", "top(avg:a{*}, 10, '{a:c}', 'desc')"));
}
