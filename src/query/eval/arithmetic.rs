//! Two sides become one.

use std::collections::{BTreeMap, BTreeSet};

use super::{Lacking, Points, Rows, Tags, Value};
use crate::query::Unchecked;
use crate::query::ast::Operator;

static NO_POINTS: Points = Points::new();

impl Operator {
    pub(super) fn apply(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Add => left + right,
            Self::Subtract => left - right,
            Self::Multiply => left * right,
            Self::Divide => left / right,
        }
    }
}

/// Group by group and bucket by bucket.
pub(super) fn combine(apply: &dyn Fn(f64, f64) -> f64, left: Value, right: Value) -> Result<Value, Unchecked> {
    let rows = match (left, right) {
        (Value::Number(left), Value::Number(right)) => return Ok(Value::Number(apply(left, right))),
        (Value::Rows(left), Value::Number(right)) => each(left, |left| apply(left, right)),
        (Value::Number(left), Value::Rows(right)) => each(right, |right| apply(left, right)),
        (Value::Rows(left), Value::Rows(right)) => both(apply, &left, &right)?,
    };
    Ok(Value::Rows(rows.finite()))
}

fn each(rows: Rows, apply: impl Fn(f64) -> f64) -> Rows {
    let lacking = still_zero(rows.lacking, apply(0.0));
    let change = |points: Points| points.into_iter().map(|(at, value)| (at, apply(value))).collect();
    Rows { lacking, ..rows.map(change) }
}

/// What is 0 where both sides are 0 may stand for nothing, as they did.
fn still_zero(lacking: Lacking, of_zeros: f64) -> Lacking {
    if of_zeros == 0.0 { lacking } else { Lacking::Null }
}

fn both(apply: &dyn Fn(f64, f64) -> f64, left: &Rows, right: &Rows) -> Result<Rows, Unchecked> {
    let by = if right.by.is_empty() { &left.by } else { &right.by };
    if left.by != *by && !left.by.is_empty() {
        return Err(Unchecked::value("the value of arithmetic between series grouped by different tags"));
    }
    let grouped = [left, right].into_iter().filter(|side| side.by == *by);
    let all: BTreeSet<&Tags> = grouped.flat_map(|side| side.groups.keys()).collect();
    let mut groups = BTreeMap::new();
    for tags in all {
        if let (Some(lefts), Some(rights)) = (left.group(tags), right.group(tags)) {
            let buckets: BTreeSet<i64> = lefts.keys().chain(rights.keys()).copied().collect();
            let values = buckets
                .into_iter()
                .filter_map(|at| Some((at, apply(left.lacking.value(lefts, at)?, right.lacking.value(rights, at)?))));
            groups.insert(tags.clone(), values.collect());
        }
    }
    let lacking = still_zero(left.lacking.min(right.lacking), apply(0.0, 0.0));
    Ok(Rows { by: by.clone(), groups, interval: left.interval.max(right.interval), lacking })
}

impl Rows {
    /// What stands for a group: the series without groups for each.
    fn group(&self, tags: &Tags) -> Option<&Points> {
        let found = if self.by.is_empty() { self.groups.values().next() } else { self.groups.get(tags) };
        found.or_else(|| (self.lacking == Lacking::ZeroGroups).then_some(&NO_POINTS))
    }
}

impl Lacking {
    fn value(self, points: &Points, at: i64) -> Option<f64> {
        points.get(&at).copied().or_else(|| (self != Self::Null).then_some(0.0))
    }
}
