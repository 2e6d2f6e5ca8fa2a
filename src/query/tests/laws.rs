//! What holds for all queries.

use std::fmt::Debug;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::query::*;

fn any_word() -> impl Strategy<Value = String> {
    "[a-z]{1,2}[0-9]"
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let leaf = prop_oneof![
        Just(Filter::Everything),
        (any_word(), "[a-z/*:.-]{0,4}[a-z*]|[$]v[.]value")
            .prop_map(|(key, value)| Filter::Tag { key, value: Pattern(value) }),
        any_word().prop_map(|key| Filter::Tag { key, value: Pattern(String::new()) }),
        (any_word(), prop_oneof!["", "[.]value"]).prop_map(|(name, value)| Filter::Variable(name + &value)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|filter| Filter::Not(Box::new(filter))),
            vec(inner.clone(), 2..4).prop_map(Filter::And),
            vec(inner, 2..4).prop_map(Filter::Or),
        ]
    })
}

fn any_modifier() -> impl Strategy<Value = Modifier> {
    let method =
        prop_oneof![Just(Method::Avg), Just(Method::Sum), Just(Method::Min), Just(Method::Max), Just(Method::Count)];
    let fill = prop_oneof![Just(Fill::Null), Just(Fill::Zero), Just(Fill::Last), Just(Fill::Linear)];
    let rollup = (method, proptest::option::of(any::<u32>()));
    prop_oneof![
        Just(Modifier::AsCount),
        Just(Modifier::AsRate),
        Just(Modifier::Weighted),
        rollup.prop_map(|(method, seconds)| Modifier::Rollup { method: Some(method), seconds }),
        any::<u32>().prop_map(|seconds| Modifier::Rollup { method: None, seconds: Some(seconds) }),
        (fill, proptest::option::of(any::<u32>())).prop_map(|(method, limit)| Modifier::Fill { method, limit }),
    ]
}

fn any_selector() -> impl Strategy<Value = Expr> {
    let aggregation = prop_oneof![
        Just(Aggregation::Avg),
        Just(Aggregation::Sum),
        Just(Aggregation::Min),
        Just(Aggregation::Max),
        Just(Aggregation::Count),
        Just(Aggregation::Percentile("p99.9".into())),
    ];
    let parts = (aggregation, "[a-z][a-z_.]{0,3}", any_filter(), vec(any_word(), 0..3), vec(any_modifier(), 0..3));
    parts.prop_map(|(aggregation, metric, filter, by, modifiers)| {
        Expr::Series(Selector { aggregation, metric, filter, by, modifiers })
    })
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![(0_u32..1_000).prop_map(f64::from), proptest::num::f64::POSITIVE]
}

fn any_expr() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![3 => any_selector(), 1 => any_number().prop_map(Expr::Number)];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let op = prop_oneof![
            Just(Operator::Add),
            Just(Operator::Subtract),
            Just(Operator::Multiply),
            Just(Operator::Divide)
        ];
        let argument =
            prop_oneof![inner.clone().prop_map(Argument::Expr), "[a-z' ]{0,4}|[a-z\" ]{0,4}".prop_map(Argument::Text),];
        let argument = (argument, proptest::option::of(any_word())).prop_map(|(argument, name)| match name {
            Some(name) => Argument::Named(name, Box::new(argument)),
            None => argument,
        });
        let call = (inner.clone(), vec(argument, 1..4));
        prop_oneof![
            (op, inner.clone(), inner.clone()).prop_map(|(op, left, right)| Expr::Binary {
                op,
                left: Box::new(left),
                right: Box::new(right)
            }),
            inner.clone().prop_map(|expr| Expr::Negate(Box::new(expr))),
            inner.prop_map(|expr| Expr::Call { function: "abs".into(), arguments: vec![Argument::Expr(expr)] }),
            call.prop_map(|(first, mut arguments)| {
                arguments.insert(0, Argument::Expr(first));
                Expr::Call { function: "anomalies".into(), arguments }
            }),
        ]
    })
}

fn any_composite() -> impl Strategy<Value = Composite> {
    "[0-9]{1,3}|<ref:[a-z/:.]{1,5}>".prop_map(Composite::Monitor).prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|composite| Composite::Not(Box::new(composite))),
            vec(inner.clone(), 2..4).prop_map(Composite::And),
            vec(inner, 2..4).prop_map(Composite::Or),
        ]
    })
}

fn any_monitor() -> impl Strategy<Value = MonitorQuery> {
    let comparator = || proptest::sample::select(Comparator::ALL.to_vec());
    let fold = prop_oneof![Just(Fold::Avg), Just(Fold::Min), Just(Fold::Max), Just(Fold::Sum)];
    let window = || (1_u64..100_000).prop_map(|minutes| minutes * 60);
    let change = (any::<bool>(), window()).prop_map(|(percent, shift_seconds)| Change { percent, shift_seconds });
    let threshold = || proptest::num::f64::NORMAL | proptest::num::f64::ZERO;
    let metric = (fold, window(), proptest::option::of(change), any_expr(), comparator(), threshold());
    let slo = || ("[a-z0-9<>:/]{1,8}", 1_u32..366, comparator(), threshold());
    prop_oneof![
        metric.prop_map(|(fold, window_seconds, change, expr, comparator, threshold)| MonitorQuery::Metric {
            fold,
            window_seconds,
            change,
            expr,
            comparator,
            threshold
        }),
        slo().prop_map(|(slo, over_days, comparator, threshold)| MonitorQuery::ErrorBudget {
            slo,
            over_days,
            comparator,
            threshold
        }),
        (slo(), window(), window()).prop_map(|((slo, over_days, comparator, threshold), long, short)| {
            MonitorQuery::BurnRate {
                slo,
                over_days,
                long_window_seconds: long,
                short_window_seconds: short,
                comparator,
                threshold,
            }
        }),
        any_composite().prop_map(MonitorQuery::Composite),
    ]
}

/// Texts that get further than any text does.
fn any_soup() -> impl Strategy<Value = String> {
    let pieces = [
        "avg",
        "sum:",
        ":",
        "a.b",
        "{",
        "}",
        "*",
        "{*}",
        "x:y",
        "$v",
        ".value",
        ",",
        "!",
        " AND ",
        " OR ",
        " NOT ",
        " IN ",
        "(",
        ")",
        "by",
        " by {x}",
        ".as_count()",
        ".rollup(",
        "sum",
        "60",
        ".fill(zero",
        "abs(",
        "top(",
        "'mean'",
        "'",
        "\"",
        "-",
        "+",
        "/",
        "1",
        ".5",
        "e9",
        "last_5m",
        "avg(last_5m):",
        "change(",
        "error_budget(",
        "burn_rate(\"a\")",
        ".over(\"30d\")",
        "&&",
        "||",
        "<",
        ">",
        "=",
        "== 1",
        "é",
        " ",
        "\n",
    ];
    vec(proptest::sample::select(pieces.to_vec()), 0..16).prop_map(|pieces| pieces.concat())
}

/// How a query was read, but for values of tags in which no template variable stands.
fn without_values(query: &impl Debug) -> String {
    let shown = format!("{query:?}");
    let value = |part: &str| match part.split_once('"') {
        Some((value, rest)) if !value.is_empty() && !value.contains('$') => format!("..{rest}"),
        _ => part.to_owned(),
    };
    shown.split("Pattern(\"").map(value).collect()
}

proptest! {
    #[test]
    fn for_all_queries_what_is_printed_reads_back(expr in any_expr()) {
        let text = expr.to_string();
        prop_assert_eq!(parse(&text), Ok(expr), "{}", text);
    }

    #[test]
    fn for_all_monitors_what_is_printed_reads_back(query in any_monitor()) {
        let text = query.to_string();
        prop_assert_eq!(parse_monitor(&text), Ok(query), "{}", text);
    }

    #[test]
    fn for_all_texts_reading_does_no_harm(text in prop_oneof![any::<String>(), any_soup()]) {
        let characters = text.chars().count();
        let fits = |unchecked: Unchecked| unchecked.at.is_some_and(|at| at <= characters);
        match parse(&text) {
            Ok(expr) => prop_assert_eq!(parse(&expr.to_string()), Ok(expr)),
            Err(unchecked) => prop_assert!(fits(unchecked)),
        }
        match parse_monitor(&text) {
            Ok(query) => prop_assert_eq!(parse_monitor(&query.to_string()), Ok(query)),
            Err(unchecked) => prop_assert!(fits(unchecked)),
        }
    }

    #[test]
    fn for_all_queries_that_differ_in_values_alone_both_are_read_alike(
        text in prop_oneof![any_monitor().prop_map(|query| query.to_string()), any_soup()],
        at in any::<Index>(),
        length in 0_usize..4,
        new in "[a-z:$,*{}é' ]{0,3}",
    ) {
        let mut chars: Vec<char> = text.chars().collect();
        let start = at.index(chars.len() + 1);
        let end = (start + length).min(chars.len());
        chars.splice(start..end, new.chars());
        let other: String = chars.into_iter().collect();
        if same_but_for_values(&text, &other) {
            if let Ok(one) = parse(&text) {
                prop_assert_eq!(parse(&other).map(|other| without_values(&other)), Ok(without_values(&one)), "{}", other);
            }
            if let Ok(one) = parse_monitor(&text) {
                prop_assert_eq!(
                    parse_monitor(&other).map(|other| without_values(&other)),
                    Ok(without_values(&one)),
                    "{}",
                    other
                );
            }
        }
    }

    #[test]
    fn for_all_patterns_a_wildcard_is_any_text(pattern in "[ab*]{0,6}", text in "[ab]{0,6}") {
        fn fits(pattern: &str, text: &str) -> bool {
            match pattern.split_at_checked(1) {
                None => text.is_empty(),
                Some(("*", rest)) => (0..=text.len()).any(|skipped| fits(rest, &text[skipped..])),
                Some((letter, rest)) => text.strip_prefix(letter).is_some_and(|text| fits(rest, text)),
            }
        }
        prop_assert_eq!(Pattern(pattern.clone()).matches(&text), fits(&pattern, &text));
    }
}
