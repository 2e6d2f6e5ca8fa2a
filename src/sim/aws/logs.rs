//! `CloudWatch` Logs: the groups of endpoints and functions, and their events a page at a time.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>

use serde_json::{Value, json};

use super::{
    Call, Refusal,
    wire::{list, text, whole},
};
use crate::sim::{
    dice,
    world::{
        REGION,
        logs::{LogEvent, LogGroup, RETENTION},
    },
};

/// Groups a page at most.
const GROUPS: usize = 50;
/// Events a page at most.
const EVENTS: usize = 10_000;
/// Bytes of events a page at most: of each its text, and 26 more.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>
const BYTES: usize = 1_048_576;
const BYTES_BESIDE: usize = 26;
/// Minutes that are looked through for a page: whoever asks for more gets what is there by then, and a token.
const SEARCHED: i64 = 24 * 60;
const DAY: i64 = 24 * 60 * 60 * 1_000;

pub(super) fn answer(call: &Call<'_>) -> Result<Value, Refusal> {
    let known = matches!(call.operation, "DescribeLogGroups" | "FilterLogEvents");
    let quota = format!("logs {} {}", call.account, call.operation);
    if known && call.shared.exceeds(&quota, call.shared.options.logs_limit) {
        return Err(Refusal::new("ThrottlingException", "Rate exceeded"));
    }
    match call.operation {
        "DescribeLogGroups" => describe_groups(call),
        "FilterLogEvents" => filter_events(call),
        _ => call.unknown(),
    }
}

fn describe_groups(call: &Call<'_>) -> Result<Value, Refusal> {
    let input = &call.input;
    let (prefix, pattern) = (text(input, "logGroupNamePrefix"), text(input, "logGroupNamePattern"));
    let mut groups = if call.here() { call.shared.world.log_groups(&call.account, call.now) } else { Vec::new() };
    groups.retain(|(name, _)| name.starts_with(prefix) && name.contains(pattern));
    let size = whole(input, "limit").unwrap_or(GROUPS);
    if !(1..=GROUPS).contains(&size) {
        return Err(invalid(format!("limit must be between 1 and {GROUPS}")));
    }
    let (page, next) = call.page(&groups, text(input, "nextToken"), size)?;
    let found: Vec<_> = page
        .iter()
        .map(|(name, resource)| {
            let arn = format!("arn:aws:logs:{REGION}:{}:log-group:{name}", call.account);
            json!({"logGroupName": name, "arn": format!("{arn}:*"), "logGroupArn": arn, "storedBytes": 0,
                "creationTime": resource.since.timestamp_millis(), "retentionInDays": RETENTION,
                "metricFilterCount": 0, "logGroupClass": "STANDARD"})
        })
        .collect();
    let mut answer = json!({"logGroups": found});
    if let Some(next) = next {
        answer["nextToken"] = Value::String(next);
    }
    Ok(answer)
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidParameterException", message)
}

/// What a request asks for.
struct Asked<'a> {
    streams: &'a [Value],
    prefix: &'a str,
    /// Unix milliseconds, both of them part of it.
    start: i64,
    end: i64,
    /// The first id that may come: those before it were on pages before.
    from: String,
    /// What the tokens of this request have in common.
    mark: String,
    size: usize,
}

impl Asked<'_> {
    fn fits(&self, event: &LogEvent, now: i64) -> bool {
        (self.start..=self.end).contains(&event.at)
            && event.ingested_at <= now
            && event.id >= self.from
            && event.stream.starts_with(self.prefix)
            && (self.streams.is_empty() || self.streams.iter().any(|stream| *stream == event.stream))
    }

    fn token(&self, from: &str) -> String {
        format!("{}/{from}", self.mark)
    }
}

fn filter_events(call: &Call<'_>) -> Result<Value, Refusal> {
    let (name, group) = group_of(call)?;
    let token = match call.turn(text(&call.input, "nextToken")) {
        Ok(token) => token,
        Err(again) => return Ok(json!({"events": [], "searchedLogStreams": [], "nextToken": again})),
    };
    let asked = asked(call, &name, &group, token)?;
    let mut events = Vec::new();
    let mut bytes = 0;
    let now = call.now.timestamp_millis();
    // An id begins with its event's time.
    let from = asked.from.get(..16).and_then(|at| at.parse().ok()).unwrap_or(asked.start);
    let first = from.max(asked.start).div_euclid(60_000);
    let last = asked.end.div_euclid(60_000);
    for minute in first..=last.min(first + SEARCHED - 1) {
        for event in call.shared.world.minute_of_logs(&group, minute * 60) {
            if !asked.fits(&event, now) {
                continue;
            }
            bytes += event.text.len() + BYTES_BESIDE;
            if events.len() == asked.size || bytes > BYTES && !events.is_empty() {
                return Ok(json!({"events": events, "searchedLogStreams": [], "nextToken": asked.token(&event.id)}));
            }
            events.push(shown(event));
        }
    }
    let mut answer = json!({"events": events, "searchedLogStreams": []});
    if first + SEARCHED <= last {
        answer["nextToken"] = Value::String(asked.token(&format!("{:016}", (first + SEARCHED) * 60_000)));
    }
    Ok(answer)
}

fn group_of(call: &Call<'_>) -> Result<(String, LogGroup), Refusal> {
    let input = &call.input;
    let name = match (text(input, "logGroupName"), text(input, "logGroupIdentifier")) {
        ("", "") => return Err(invalid("either logGroupName or logGroupIdentifier is needed")),
        (name, "") => name,
        ("", identifier) => identifier.split(":log-group:").last().unwrap_or(identifier),
        _ => return Err(invalid("logGroupName and logGroupIdentifier exclude each other")),
    };
    let group = call.shared.world.log_group(&call.account, name, call.now).filter(|_| call.here());
    let group =
        group.ok_or_else(|| Refusal::new("ResourceNotFoundException", "The specified log group does not exist."))?;
    Ok((name.to_owned(), group))
}

fn asked<'a>(call: &'a Call<'_>, name: &str, group: &LogGroup, token: &str) -> Result<Asked<'a>, Refusal> {
    let input = &call.input;
    if !text(input, "filterPattern").is_empty() {
        return Err(invalid("the pretend Logs knows no filter pattern"));
    }
    let size = whole(input, "limit").unwrap_or(EVENTS);
    if !(1..=EVENTS).contains(&size) {
        return Err(invalid(format!("limit must be between 1 and {EVENTS}")));
    }
    let now = call.now.timestamp_millis();
    let (since, until) = (input["startTime"].as_i64().unwrap_or(0), input["endTime"].as_i64().unwrap_or(now));
    if since > until {
        return Err(invalid("startTime is after endTime"));
    }
    let mark = format!("{:016x}", dice::roll(0, &[&call.account, name], since ^ until.rotate_left(20)));
    let from = match token.split_once('/') {
        None if token.is_empty() => "",
        Some((of, from)) if of == mark => from,
        _ => return Err(invalid("The specified nextToken is invalid.")),
    };
    // Nothing is older than the group, or than it keeps.
    let oldest = group.resource.since.timestamp_millis().max(now - RETENTION * DAY);
    Ok(Asked {
        streams: list(input, "logStreamNames"),
        prefix: text(input, "logStreamNamePrefix"),
        start: since.max(oldest),
        end: until.min(now),
        from: from.to_owned(),
        mark,
        size: call.small_pages().unwrap_or(size).min(size).max(1),
    })
}

fn shown(event: LogEvent) -> Value {
    let LogEvent { id, stream, at, ingested_at, text } = event;
    json!({"eventId": id, "logStreamName": stream, "timestamp": at, "ingestionTime": ingested_at, "message": text})
}
