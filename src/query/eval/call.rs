//! Functions: each works on the series that an expression amounts to.

use std::collections::{BTreeMap, BTreeSet};

use super::{Evaluator, Lacking, NO_VALUE, Points, Rows, Tags, Value, arithmetic, bucket, count, seconds};
use crate::query::ast::{Argument, Expr, Method};
use crate::query::functions::{RANKED_BY, ranking};
use crate::query::{Unchecked, parse};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

impl Evaluator<'_, '_> {
    pub(super) fn call(&self, function: &str, arguments: &[Argument]) -> Result<Value, Unchecked> {
        let arguments = Arguments { function, all: arguments };
        let subject = arguments.expr(0)?;
        if function == "pow" {
            return arithmetic::combine(&f64::powf, self.value(subject)?, self.value(arguments.expr(1)?)?);
        }
        let rows = || self.rows(subject);
        let each = |change: &dyn Fn(f64) -> f64| {
            Ok(rows()?.map(|points| points.into_iter().map(|(at, value)| (at, change(value))).collect()))
        };
        let steps = |change: &dyn Fn(f64, f64) -> f64| Ok(rows()?.map(|points| in_steps(points, change)));
        let changed: Result<Rows, Unchecked> = match function {
            "abs" => each(&f64::abs),
            "ceil" => each(&f64::ceil),
            "floor" => each(&f64::floor),
            "log2" => each(&f64::log2),
            "log10" => each(&f64::log10),
            "clamp_min" => arguments.number(1).and_then(|limit| each(&|value| value.max(limit))),
            "clamp_max" => arguments.number(1).and_then(|limit| each(&|value| value.min(limit))),
            "cutoff_min" => {
                arguments.number(1).and_then(|limit| each(&|value| if value < limit { f64::NAN } else { value }))
            }
            "cutoff_max" => {
                arguments.number(1).and_then(|limit| each(&|value| if value > limit { f64::NAN } else { value }))
            }
            "diff" => steps(&|delta, _| delta),
            "monotonic_diff" => steps(&|delta, _| if delta < 0.0 { f64::NAN } else { delta }),
            "derivative" | "per_second" => steps(&|delta, span| delta / span),
            "per_minute" => steps(&|delta, span| delta / span * 60.0),
            "per_hour" => steps(&|delta, span| delta / span * 3_600.0),
            "cumsum" => Ok(rows()?.map(cumulated)),
            "trend_line" => Ok(rows()?.map(trend)),
            "default_zero" => rows().map(|rows| self.with_zeros(rows)),
            "exclude_null" => rows().map(without_no_value),
            "count_nonzero" => rows().map(|rows| counted(&rows, |value| value != 0.0)),
            "count_not_null" => rows().map(|rows| counted(&rows, |_| true)),
            "dt" => rows().map(|rows| spans(&rows)),
            "timeshift" => self.shifted(subject, whole(-arguments.number(1)?)),
            "hour_before" => self.shifted(subject, HOUR),
            "day_before" => self.shifted(subject, DAY),
            "week_before" => self.shifted(subject, 7 * DAY),
            "month_before" => self.shifted(subject, 28 * DAY),
            "rollup" => rolled_up(rows()?, &arguments),
            "moving_rollup" => self.moving(subject, &arguments),
            "top" => rows().and_then(|rows| top(rows, &arguments)),
            _ => match (function.strip_prefix("ewma_"), function.strip_prefix("median_"), ranking(function)) {
                (Some(span), ..) => Ok(rows()?.map(|points| smoothed(points, span.parse().unwrap_or(1)))),
                (_, Some(span), _) => Ok(rows()?.map(|points| medians(&points, span.parse().unwrap_or(1)))),
                (.., Some(ranking)) => rows().map(|rows| ranked(rows, ranking.count, ranking.by, ranking.largest)),
                _ => Err(Unchecked::value(format!("the value of `{function}()`"))),
            },
        };
        changed.map(Value::Rows)
    }

    /// Zeros where there is nothing. What nobody has ever sent has no groups to have zeros in, unless it is not grouped.
    fn with_zeros(&self, mut rows: Rows) -> Rows {
        if rows.by.is_empty() {
            rows.groups.entry(Tags::new()).or_default();
        }
        let buckets = self.buckets(rows.interval);
        for points in rows.groups.values_mut() {
            for at in &buckets {
                points.entry(*at).or_insert(0.0);
            }
        }
        Rows { lacking: Lacking::ZeroGroups, ..rows }
    }

    /// What it was `span` seconds before, as if it were now.
    fn shifted(&self, subject: &Expr, span: i64) -> Result<Rows, Unchecked> {
        let before = self.over(self.from.saturating_sub(span), self.to.saturating_sub(span))?;
        let rows = before.rows(subject)?;
        let interval = if self.fold.is_some() { 1 } else { rows.interval };
        let now = |at: i64| bucket(at.saturating_add(span), interval);
        Ok(rows.map(|points| points.into_iter().map(|(at, value)| (now(at), value)).collect()))
    }

    /// `moving_rollup(q, seconds, 'method')`
    fn moving(&self, subject: &Expr, arguments: &Arguments<'_>) -> Result<Rows, Unchecked> {
        let (span, method) = (whole(arguments.number(1)?).max(1), arguments.method(2)?);
        let rows = self.over(self.from.saturating_sub(span), self.to)?.rows(subject)?;
        let first = bucket(self.from, rows.interval);
        Ok(rows.map(|points| {
            let over = |at: i64| -> Vec<f64> {
                let earliest = at.saturating_sub(span).saturating_add(1);
                points.range(earliest..=at).map(|(_, value)| *value).collect()
            };
            points.range(first..).filter_map(|(at, _)| Some((*at, method.of(&over(*at))?))).collect()
        }))
    }
}

/// What stands between the parentheses.
struct Arguments<'e> {
    function: &'e str,
    all: &'e [Argument],
}

impl<'e> Arguments<'e> {
    fn at<T>(&self, index: usize, read: impl Fn(&'e Argument) -> Option<T>) -> Result<T, Unchecked> {
        let found = self.all.get(index).and_then(read);
        found.ok_or_else(|| Unchecked::value(format!("argument {} of `{}()`", index + 1, self.function)))
    }

    fn expr(&self, index: usize) -> Result<&'e Expr, Unchecked> {
        self.at(index, Argument::expr)
    }

    fn number(&self, index: usize) -> Result<f64, Unchecked> {
        self.at(index, |argument| match argument.expr()? {
            Expr::Number(number) => Some(*number),
            Expr::Negate(inner) => match **inner {
                Expr::Number(number) => Some(-number),
                _ => None,
            },
            _ => None,
        })
    }

    fn text(&self, index: usize) -> Result<&'e str, Unchecked> {
        self.at(index, |argument| match argument {
            Argument::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    fn method(&self, index: usize) -> Result<Method, Unchecked> {
        let word = self.text(index)?;
        self.at(index, |_| parse::method(word))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the cast saturates, and no window is that long")]
fn whole(number: f64) -> i64 {
    number as i64
}

/// From each point to the next: how much the value changed, and in how many seconds.
fn in_steps(points: Points, change: &dyn Fn(f64, f64) -> f64) -> Points {
    let mut before = None;
    let step = |(at, value): (i64, f64)| {
        let (was_at, was) = before.replace((at, value))?;
        Some((at, change(value - was, seconds(at.saturating_sub(was_at)))))
    };
    points.into_iter().filter_map(step).collect()
}

fn cumulated(points: Points) -> Points {
    let mut sum = 0.0;
    let add = |(at, value): (i64, f64)| {
        sum += value;
        (at, sum)
    };
    points.into_iter().map(add).collect()
}

/// The exponentially weighted mean over a span of points: the last one weighs 2 / (span + 1).
fn smoothed(points: Points, span: usize) -> Points {
    let weight = 2.0 / (count(span) + 1.0);
    let mut mean = None;
    let step = |(at, value): (i64, f64)| {
        let now = mean.map_or(value, |mean: f64| mean + weight * (value - mean));
        mean = Some(now);
        (at, now)
    };
    points.into_iter().map(step).collect()
}

/// The median of each point and those before it, `span` together.
fn medians(points: &Points, span: usize) -> Points {
    let values: Vec<f64> = points.values().copied().collect();
    let median = |index: usize| {
        let mut last = values[(index + 1).saturating_sub(span)..=index].to_vec();
        last.sort_by(f64::total_cmp);
        f64::midpoint(last[(last.len() - 1) / 2], last[last.len() / 2])
    };
    points.keys().enumerate().map(|(index, at)| (*at, median(index))).collect()
}

/// The line of least squares.
fn trend(points: Points) -> Points {
    let Some(first) = points.keys().next().copied() else { return points };
    let number = count(points.len());
    let x = |at: i64| seconds(at.saturating_sub(first));
    let mean_x = points.keys().map(|at| x(*at)).sum::<f64>() / number;
    let mean_y = points.values().sum::<f64>() / number;
    let together: f64 = points.iter().map(|(at, y)| (x(*at) - mean_x) * (y - mean_y)).sum();
    let alone: f64 = points.keys().map(|at| (x(*at) - mean_x).powi(2)).sum();
    let slope = if alone > 0.0 { together / alone } else { 0.0 };
    points.into_keys().map(|at| (at, mean_y + slope * (x(at) - mean_x))).collect()
}

fn without_no_value(mut rows: Rows) -> Rows {
    rows.groups.retain(|tags, _| tags.values().all(|value| value != NO_VALUE));
    rows
}

/// One series of all groups.
fn ungrouped(rows: &Rows, points: Points) -> Rows {
    let groups = BTreeMap::from([(Tags::new(), points)]);
    Rows { by: BTreeSet::new(), groups, interval: rows.interval, lacking: Lacking::Null }
}

/// How many groups have such a value.
fn counted(rows: &Rows, counts: impl Fn(f64) -> bool) -> Rows {
    let mut points = Points::new();
    for (at, value) in rows.groups.values().flatten() {
        *points.entry(*at).or_default() += if counts(*value) { 1.0 } else { 0.0 };
    }
    ungrouped(rows, points)
}

/// Seconds between one point and the next, of whatever group.
fn spans(rows: &Rows) -> Rows {
    let points = rows.groups.values().flatten().map(|(at, _)| (*at, 0.0)).collect();
    ungrouped(rows, in_steps(points, &|_, span| span))
}

/// `rollup(q, 'method', seconds)`
fn rolled_up(rows: Rows, arguments: &Arguments<'_>) -> Result<Rows, Unchecked> {
    let method = arguments.method(1)?;
    let interval = if arguments.all.len() > 2 { whole(arguments.number(2)?) } else { 0 }.max(rows.interval);
    let rows = rows.map(|points| {
        let mut buckets: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        for (at, value) in points {
            buckets.entry(bucket(at, interval)).or_default().push(value);
        }
        buckets.into_iter().filter_map(|(at, values)| Some((at, method.of(&values)?))).collect()
    });
    Ok(Rows { interval, ..rows })
}

/// `top(q, 10, 'mean', 'desc')`
fn top(rows: Rows, arguments: &Arguments<'_>) -> Result<Rows, Unchecked> {
    let number = usize::try_from(whole(arguments.number(1)?)).unwrap_or(0);
    let by = arguments.text(2)?;
    let by = arguments.at(2, |_| RANKED_BY.into_iter().find(|known| *known == by))?;
    let largest = match arguments.text(3)? {
        "desc" => true,
        "asc" => false,
        _ => return arguments.at(3, |_| None),
    };
    Ok(ranked(rows, number, by, largest))
}

/// The first groups of a ranking. Of equal ones, the first in alphabetical order.
fn ranked(rows: Rows, number: usize, by: &str, largest: bool) -> Rows {
    let mut scored: Vec<(f64, Tags, Points)> =
        rows.groups.into_iter().filter_map(|(tags, points)| Some((score(&points, by)?, tags, points))).collect();
    scored.sort_by(|(a, ..), (b, ..)| if largest { b.total_cmp(a) } else { a.total_cmp(b) });
    let groups = scored.into_iter().take(number).map(|(_, tags, points)| (tags, points)).collect();
    Rows { groups, lacking: Lacking::Null, ..rows }
}

fn score(points: &Points, by: &str) -> Option<f64> {
    let values: Vec<f64> = points.values().copied().collect();
    match by {
        "min" => Method::Min.of(&values),
        "max" => Method::Max.of(&values),
        "last" => values.last().copied(),
        // Buckets are equally long: the area is the sum but for a factor.
        "sum" | "area" => Method::Sum.of(&values),
        "l2norm" => Method::Sum.of(&values.iter().map(|value| value * value).collect::<Vec<_>>()),
        _ => Method::Avg.of(&values),
    }
}
