//! The queries of monitors, from text to tree.

use super::{Change, Comparator, Composite, DAY, Fold, MINUTE, MonitorQuery, UNITS};
use crate::query::Unchecked;
use crate::query::lex::Cursor;
use crate::query::parse::{Parser, one_or};

/// Longer than any window that Datadog takes.
const LONGEST: u64 = 366 * DAY;

/// How the query of a monitor that does not read metrics begins, and what that monitor is called.
const OTHERS: &[(&str, &str)] = &[
    ("\"", "a service check"),
    ("'", "a service check"),
    ("audits(", "an audit"),
    ("ci-pipelines(", "a pipeline"),
    ("ci-tests(", "a test"),
    ("cost(", "a cost"),
    ("database-monitoring(", "a database"),
    ("error-tracking", "an error tracking"),
    ("events(", "an event"),
    ("formula(", "a formula"),
    ("logs(", "a log"),
    ("network", "a network"),
    ("processes(", "a process"),
    ("rum(", "a real user"),
    ("security(", "a security"),
    ("spans(", "a trace"),
    ("trace-analytics(", "a trace"),
];

/// Reads the query of a monitor.
///
/// # Errors
///
/// When it is not one, when it watches something other than metrics, SLOs and monitors, or has something in it that is
/// not known.
pub fn parse_monitor(text: &str) -> Result<MonitorQuery, Unchecked> {
    let mut parser = Parser::new(text);
    let beginning = parser.cursor.rest();
    if let Some((_, what)) = OTHERS.iter().find(|(start, _)| beginning.starts_with(start)) {
        return parser.cursor.fail(format!("the query of {what} monitor"));
    }
    let query = if beginning.starts_with(|c: char| c.is_ascii_digit() || "!(<".contains(c)) {
        MonitorQuery::Composite(any(&mut parser.cursor)?)
    } else if parser.cursor.eat("error_budget(") {
        let cursor = &mut parser.cursor;
        let (slo, over_days) = slo(cursor)?;
        let (comparator, threshold) = condition(cursor)?;
        MonitorQuery::ErrorBudget { slo, over_days, comparator, threshold }
    } else if parser.cursor.eat("burn_rate(") {
        let cursor = &mut parser.cursor;
        let (slo, over_days) = slo(cursor)?;
        let long_window_seconds = duration_call(cursor, ".long_window(")?;
        let short_window_seconds = duration_call(cursor, ".short_window(")?;
        let (comparator, threshold) = condition(cursor)?;
        MonitorQuery::BurnRate { slo, over_days, long_window_seconds, short_window_seconds, comparator, threshold }
    } else {
        metric(&mut parser)?
    };
    parser.cursor.end()?;
    Ok(query)
}

fn metric(parser: &mut Parser<'_>) -> Result<MonitorQuery, Unchecked> {
    let cursor = &mut parser.cursor;
    let percent = cursor.eat("pct_change(");
    let changes = percent || cursor.eat("change(");
    let start = cursor.clone();
    let fold = match cursor.name() {
        "avg" => Fold::Avg,
        "min" => Fold::Min,
        "max" => Fold::Max,
        "sum" => Fold::Sum,
        "" => return cursor.expected("the query of a monitor"),
        name => return start.fail(format!("`{name}`, which is no way to look at a window")),
    };
    cursor.require("(")?;
    let window_seconds = last(cursor)?;
    cursor.require(")")?;
    let mut change = None;
    if changes {
        cursor.require(",")?;
        change = Some(Change { percent, shift_seconds: earlier(cursor)? });
        cursor.require(")")?;
    }
    cursor.require(":")?;
    let expr = parser.sum()?;
    let (comparator, threshold) = condition(&mut parser.cursor)?;
    Ok(MonitorQuery::Metric { fold, window_seconds, change, expr, comparator, threshold })
}

/// `last_5m`
fn last(cursor: &mut Cursor<'_>) -> Result<u64, Unchecked> {
    cursor.require("last_")?;
    let start = cursor.clone();
    let text = cursor.word(|c| c.is_ascii_alphanumeric());
    duration(text).map_or_else(|| start.fail(format!("the window `last_{text}`")), Ok)
}

/// `last_5m` or `5m_ago`
fn earlier(cursor: &mut Cursor<'_>) -> Result<u64, Unchecked> {
    if !cursor.peek().is_some_and(|c| c.is_ascii_digit()) {
        return last(cursor);
    }
    let start = cursor.clone();
    let text = cursor.word(|c| c.is_ascii_alphanumeric() || c == '_');
    text.strip_suffix("_ago").and_then(duration).map_or_else(|| start.fail(format!("the time `{text}`")), Ok)
}

/// Seconds of `5m`, `1h`, `30d`, `1w`.
fn duration(text: &str) -> Option<u64> {
    let (_, seconds) = UNITS.iter().find(|(unit, _)| text.ends_with(unit))?;
    let digits = &text[..text.len() - 1];
    let number: u64 = digits.parse().ok().filter(|_| !digits.starts_with('+'))?;
    number.checked_mul(*seconds).filter(|seconds| (MINUTE..=LONGEST).contains(seconds))
}

/// `"id").over("30d")`
fn slo(cursor: &mut Cursor<'_>) -> Result<(String, u32), Unchecked> {
    let start = cursor.clone();
    let slo = match cursor.quoted()? {
        Some(id) if !id.is_empty() && !id.contains('"') => id.to_owned(),
        _ => return start.fail("the id of an SLO"),
    };
    cursor.require(")")?;
    let start = cursor.clone();
    let seconds = duration_call(cursor, ".over(")?;
    match u32::try_from(seconds / DAY) {
        Ok(days) if seconds.is_multiple_of(DAY) => Ok((slo, days)),
        _ => start.fail("an SLO over part of a day"),
    }
}

/// `<call>"1h")`
fn duration_call(cursor: &mut Cursor<'_>, call: &str) -> Result<u64, Unchecked> {
    cursor.require(call)?;
    let start = cursor.clone();
    let text = cursor.quoted()?.unwrap_or_default();
    cursor.require(")")?;
    duration(text).map_or_else(|| start.fail(format!("the time `{text}`")), Ok)
}

fn condition(cursor: &mut Cursor<'_>) -> Result<(Comparator, f64), Unchecked> {
    let Some(comparator) = Comparator::ALL.into_iter().find(|comparator| cursor.eat(comparator.sign())) else {
        return cursor.expected("a comparison with a threshold");
    };
    let negative = cursor.eat("-");
    let number = cursor.number()?;
    Ok((comparator, if negative { -number } else { number }))
}

fn any(cursor: &mut Cursor<'_>) -> Result<Composite, Unchecked> {
    let mut any = vec![all(cursor)?];
    while cursor.eat("||") {
        any.push(all(cursor)?);
    }
    Ok(one_or(any, Composite::Or))
}

fn all(cursor: &mut Cursor<'_>) -> Result<Composite, Unchecked> {
    let mut all = vec![unit(cursor)?];
    while cursor.eat("&&") {
        all.push(unit(cursor)?);
    }
    Ok(one_or(all, Composite::And))
}

fn unit(cursor: &mut Cursor<'_>) -> Result<Composite, Unchecked> {
    cursor.term()?;
    cursor.enter()?;
    let unit = if cursor.eat("!") {
        Composite::Not(Box::new(unit(cursor)?))
    } else if cursor.eat("(") {
        let inner = any(cursor)?;
        cursor.require(")")?;
        inner
    } else if cursor.eat("<") {
        let reference = cursor.word(|c| c != '<' && c != '>' && !c.is_whitespace());
        cursor.require(">")?;
        Composite::Monitor(format!("<{reference}>"))
    } else {
        match cursor.word(|c| c.is_ascii_digit()) {
            "" => return cursor.expected("the id of a monitor"),
            id => Composite::Monitor(id.to_owned()),
        }
    };
    cursor.leave();
    Ok(unit)
}
