//! What a monitor says.
//!
//! The window is `(now - last, now]`. The query is evaluated on it in buckets of a minute, or of a longer `.rollup()`;
//! then the points of each group become one value, and that is compared. A query that computes and counts goes another
//! way: each operand becomes one value first, and then it is computed, so that `sum(last_5m):a.as_count() / b.as_count()`
//! is all of a by all of b. <https://docs.datadoghq.com/monitors/guide/as-count-in-monitor-evaluations/>
//!
//! `change()` looks at the difference between the query and itself earlier, bucket by bucket, in the same window.
//! <https://docs.datadoghq.com/monitors/types/metric/>

use std::collections::BTreeMap;

use super::{Evaluator, Points, Stored, Tags};
use crate::query::Unchecked;
use crate::query::ast::{Argument, Expr, Operator, Selector};
use crate::query::monitor::{Change, MonitorQuery};

const BUCKET: i64 = 60;

/// What a monitor says of one group.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The values of the keys of `by {..}`.
    pub tags: BTreeMap<String, String>,
    /// None without data in the window.
    pub value: Option<f64>,
    /// Does it alert? Never without data.
    pub triggered: bool,
}

/// Evaluates a monitor at `now`, Unix seconds, from which its evaluation delay is taken off already.
///
/// There is a verdict for every group that `store` has a source of, however old; for a query without groups there is
/// always one. `store` is that of [`super::evaluate`].
///
/// # Errors
///
/// When it watches something other than metrics, and those of [`super::evaluate`].
pub fn evaluate_monitor<'a>(
    query: &MonitorQuery,
    store: &dyn Fn(&str) -> Vec<Stored<'a>>,
    now: i64,
) -> Result<Vec<Verdict>, Unchecked> {
    let MonitorQuery::Metric { fold, window_seconds, change, expr, comparator, threshold } = query else {
        return Err(Unchecked::value("the verdict of a monitor that does not watch metrics"));
    };
    let counts = expr.selectors().into_iter().any(Selector::is_count);
    let watched = change.map_or_else(|| expr.clone(), |change| changed(expr, change));
    let window = i64::try_from(*window_seconds).unwrap_or(i64::MAX);
    let mut evaluator = Evaluator::new(store, now.saturating_sub(window).saturating_add(1), now, BUCKET)?;
    evaluator.fold = counts.then_some(*fold);
    let rows = evaluator.rows(&watched)?.folded(*fold, now);
    let value = |points: Points| points.into_values().next();
    let mut values: BTreeMap<Tags, _> = rows.groups.into_iter().map(|(tags, points)| (tags, value(points))).collect();
    if rows.by.is_empty() {
        values.entry(Tags::new()).or_default();
    }
    let verdict = |(tags, value): (Tags, Option<f64>)| {
        let triggered = value.is_some_and(|value| comparator.holds(value, *threshold));
        Verdict { tags, value, triggered }
    };
    Ok(values.into_iter().map(verdict).collect())
}

/// The difference to what it was.
fn changed(expr: &Expr, change: Change) -> Expr {
    let binary = |op, left: Expr, right: Expr| Expr::Binary { op, left: Box::new(left), right: Box::new(right) };
    let shift = u32::try_from(change.shift_seconds).unwrap_or(u32::MAX);
    let shift = Expr::Negate(Box::new(Expr::Number(shift.into())));
    let arguments = vec![Argument::Expr(expr.clone()), Argument::Expr(shift)];
    let before = Expr::Call { function: "timeshift".to_owned(), arguments };
    let difference = binary(Operator::Subtract, expr.clone(), before.clone());
    if !change.percent {
        return difference;
    }
    binary(Operator::Multiply, binary(Operator::Divide, difference, before), Expr::Number(100.0))
}
