//! `CloudWatch`: `GetMetricData`, `GetMetricStatistics`, `ListMetrics`.

use std::collections::HashSet;

use chrono::DateTime;
use serde_json::{Value, json};

use super::{
    Call, Refusal,
    wire::{list, millis, moment, text, whole},
};
use crate::sim::{dice, faults::Fault, values};

mod series;

use series::{Window, find};

/// Queries a request.
const QUERIES: usize = 500;
/// Points a request of `GetMetricData`.
const POINTS: usize = 100_800;
/// Points a request of `GetMetricStatistics`.
const STATISTICS_POINTS: i64 = 1_440;
/// Metrics a page of `ListMetrics`.
const METRICS: usize = 500;

pub(super) fn answer(call: &Call<'_>) -> Result<Value, Refusal> {
    match call.operation {
        "GetMetricData" => get_metric_data(call),
        "GetMetricStatistics" => get_metric_statistics(call),
        "ListMetrics" => list_metrics(call),
        _ => call.unknown(),
    }
}

fn valid_id(id: &str) -> bool {
    id.len() <= 255
        && id.starts_with(|c: char| c.is_ascii_lowercase())
        && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn valid_statistic(name: &str) -> bool {
    let percentile = || {
        let rank: f64 = name.strip_prefix('p')?.parse().ok()?;
        Some((0.0..=100.0).contains(&rank))
    };
    ["Sum", "Average", "Minimum", "Maximum", "SampleCount"].contains(&name) || percentile().unwrap_or(false)
}

fn check_queries(queries: &[Value]) -> Result<(), Refusal> {
    if queries.is_empty() {
        return Err(Refusal::validation("The parameter MetricDataQueries is required."));
    }
    if queries.len() > QUERIES {
        return Err(Refusal::validation(format!(
            "The collection MetricDataQueries must not have a size greater than {QUERIES}."
        )));
    }
    let mut ids = HashSet::new();
    for query in queries {
        let id = text(query, "Id");
        if !valid_id(id) {
            return Err(Refusal::validation(format!(
                "The value {id:?} for parameter MetricDataQueries.member.Id is not matching the \
                 expected pattern ^[a-z][a-zA-Z0-9_]*$."
            )));
        }
        if !ids.insert(id) {
            return Err(Refusal::validation(format!(
                "The values for parameter id in MetricDataQueries are not unique: {id}."
            )));
        }
        if !query["MetricStat"].is_object() {
            return Err(Refusal::validation("The pretend CloudWatch answers MetricStat only, no Expression."));
        }
        let statistic = text(&query["MetricStat"], "Stat");
        if !valid_statistic(statistic) {
            return Err(Refusal::validation(format!(
                "The value {statistic} for parameter MetricDataQueries.member.MetricStat.Stat is not valid."
            )));
        }
    }
    Ok(())
}

/// Where a page begins: the query, its point, and the moment at which the first page was read.
#[derive(Clone, Copy)]
struct Cursor {
    query: usize,
    point: usize,
    seen: i64,
}

impl Cursor {
    fn parse(token: &str, now: i64) -> Option<Self> {
        if token.is_empty() {
            let (query, point) = (0, 0);
            return Some(Self { query, point, seen: now });
        }
        let mut parts = token.split('-');
        Some(Self {
            query: parts.next()?.parse().ok()?,
            point: parts.next()?.parse().ok()?,
            seen: parts.next()?.parse().ok()?,
        })
    }

    fn token(self) -> String {
        format!("{}-{}-{}", self.query, self.point, self.seen)
    }
}

fn get_metric_data(call: &Call<'_>) -> Result<Value, Refusal> {
    let input = &call.input;
    let queries = list(input, "MetricDataQueries");
    check_queries(queries)?;
    let (Some(start), Some(end)) = (millis(input, "StartTime"), millis(input, "EndTime")) else {
        return Err(Refusal::validation("StartTime and EndTime are required."));
    };
    let most = whole(input, "MaxDatapoints").unwrap_or(POINTS);
    if !(1..=POINTS).contains(&most) {
        return Err(Refusal::validation(format!("MaxDatapoints must be between 1 and {POINTS}.")));
    }
    let token = match call.turn(text(input, "NextToken")) {
        Ok(token) => token,
        Err(again) => {
            return Ok(json!({"MetricDataResults": [], "Messages": [], "NextToken": again}));
        }
    };
    let from = Cursor::parse(token, call.now.timestamp_millis())
        .ok_or_else(|| Refusal::new("InvalidNextToken", "The token is not valid."))?;
    let mut page = Page {
        call,
        ascending: text(input, "ScanBy") == "TimestampAscending",
        span: (start, end),
        room: most,
        slots: call.small_pages().unwrap_or(QUERIES),
        halve_last: call.small_pages().is_some(),
        results: Vec::new(),
    };
    let next = page.fill(queries, from)?;
    let mut answer = json!({"MetricDataResults": page.results, "Messages": []});
    if let Some(next) = next {
        answer["NextToken"] = Value::String(next.token());
    }
    Ok(answer)
}

struct Page<'a> {
    call: &'a Call<'a>,
    ascending: bool,
    /// Unix milliseconds, start inclusive, end exclusive.
    span: (i64, i64),
    /// Points that still fit.
    room: usize,
    /// Results that still fit.
    slots: usize,
    /// Small pages cut their last result in two, so that an id comes on two pages.
    halve_last: bool,
    results: Vec<Value>,
}

impl Page<'_> {
    /// Takes queries until the page is full; the place where the next page begins, if there is one.
    fn fill(&mut self, queries: &[Value], from: Cursor) -> Result<Option<Cursor>, Refusal> {
        let mut at = from;
        for query in queries.iter().skip(from.query) {
            if self.slots == 0 || self.room == 0 {
                return Ok(Some(at));
            }
            let stat = &query["MetricStat"];
            let (from, to) = self.span;
            let window = Window::new(from, to, whole(stat, "Period"), at.seen)?;
            let unit = |unit: &str| stat["Unit"].as_str().is_none_or(|wanted| wanted == unit);
            let mut points = find(self.call, &stat["Metric"])
                .filter(|found| unit(found.metric.unit))
                .map(|found| found.points(self.call, window, text(stat, "Stat")))
                .unwrap_or_default();
            if !self.ascending {
                points.reverse();
            }
            if at.point == 0
                && let Some(status) = self.spoil(stat, &mut points)
            {
                self.push(query, &points, status);
                at.query += 1;
                continue;
            }
            let rest = points.get(at.point..).unwrap_or_default();
            let halved = self.halve_last && self.slots == 1 && at.point == 0 && rest.len() > 1;
            let fits = if halved { rest.len() / 2 } else { self.room };
            if rest.len() > fits {
                self.push(query, &rest[..fits], "PartialData");
                at.point += fits;
                return Ok(Some(at));
            }
            self.push(query, rest, "Complete");
            at.query += 1;
            at.point = 0;
        }
        Ok(None)
    }

    /// Applies a fault to a result; the status it then has.
    fn spoil(&self, stat: &Value, points: &mut Vec<(i64, f64)>) -> Option<&'static str> {
        let words = [self.call.account.as_str(), &stat.to_string()];
        let key = dice::roll(0, &words, self.span.0);
        let fault = self.call.shared.faults.of_result(self.call.request(), key)?;
        if fault == Fault::PartialData {
            points.truncate(points.len() / 2);
            return Some("PartialData");
        }
        points.clear();
        Some("InternalError")
    }

    fn push(&mut self, query: &Value, points: &[(i64, f64)], status: &str) {
        self.room -= points.len().min(self.room);
        self.slots -= 1;
        let at = |(seconds, _): &(i64, f64)| moment(DateTime::from_timestamp(*seconds, 0).unwrap_or_default());
        let name = text(&query["MetricStat"]["Metric"], "MetricName");
        self.results.push(json!({
            "Id": query["Id"],
            "Label": query["Label"].as_str().unwrap_or(name),
            "Timestamps": points.iter().map(at).collect::<Vec<_>>(),
            "Values": points.iter().map(|(_, value)| json!(value)).collect::<Vec<_>>(),
            "StatusCode": status,
        }));
    }
}

fn get_metric_statistics(call: &Call<'_>) -> Result<Value, Refusal> {
    let input = &call.input;
    let (Some(start), Some(end)) = (millis(input, "StartTime"), millis(input, "EndTime")) else {
        return Err(Refusal::validation("StartTime and EndTime are required."));
    };
    let seen = call.now.timestamp_millis();
    let window = Window::new(start, end, whole(input, "Period"), seen)?;
    if (window.end - window.first) / window.period > STATISTICS_POINTS {
        return Err(Refusal::new(
            "InvalidParameterCombinationException",
            format!("You have requested more than {STATISTICS_POINTS} datapoints."),
        ));
    }
    let names = |key| list(input, key).iter().filter_map(Value::as_str);
    if names("Statistics").count() + names("ExtendedStatistics").count() == 0 {
        return Err(Refusal::validation("At least one statistic is required."));
    }
    let mut points = Vec::new();
    if let Some(found) = find(call, input) {
        for start in window.starts() {
            let Some(summary) = found.period(call, window, start) else {
                continue;
            };
            let at = DateTime::from_timestamp(start, 0).unwrap_or_default();
            let mut point = json!({"Timestamp": moment(at), "Unit": found.metric.unit});
            for name in names("Statistics") {
                point[name] = json!(summary.statistic(name, found.metric));
            }
            for name in names("ExtendedStatistics") {
                if let Some(value) = summary.statistic(name, found.metric) {
                    point["ExtendedStatistics"][name] = json!(value);
                }
            }
            points.push(point);
        }
    }
    // AWS promises no order.
    points.sort_by_key(|point| dice::roll(1, &[&point["Timestamp"].to_string()], 0));
    Ok(json!({"Label": text(input, "MetricName"), "Datapoints": points}))
}

fn list_metrics(call: &Call<'_>) -> Result<Value, Refusal> {
    let input = &call.input;
    let wanted = |key, value: &str| text(input, key).is_empty() || text(input, key) == value;
    let mut found = Vec::new();
    let account = if call.here() { call.account.as_str() } else { "" };
    for resource in call.shared.world.existing(account, call.now) {
        for metric in values::published(&resource) {
            let dimensions = values::dimensions(&resource, metric);
            let matches = list(input, "Dimensions").iter().all(|filter| {
                dimensions
                    .iter()
                    .any(|(k, v)| text(filter, "Name") == *k && filter["Value"].as_str().is_none_or(|value| value == v))
            });
            if matches && wanted("Namespace", metric.namespace) && wanted("MetricName", metric.name) {
                let dimensions: Vec<_> = dimensions.iter().map(|(k, v)| json!({"Name": k, "Value": v})).collect();
                found.push(json!({
                    "Namespace": metric.namespace,
                    "MetricName": metric.name,
                    "Dimensions": dimensions,
                }));
            }
        }
    }
    let (page, next) = call.page(&found, text(input, "NextToken"), METRICS)?;
    let mut answer = json!({"Metrics": page});
    if let Some(next) = next {
        answer["NextToken"] = Value::String(next);
    }
    Ok(answer)
}
