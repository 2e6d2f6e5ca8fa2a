//! `CloudWatch` Logs: the groups of endpoints and functions, with an event now and then.

use serde_json::{Value, json};

use super::{
    Call, Refusal,
    wire::{text, whole},
};
use crate::sim::world::{Kind, REGION};

/// Groups a page at most; events a page at most.
const GROUPS: usize = 50;
const EVENTS: usize = 10_000;
/// One event in so many milliseconds.
const EVERY: i64 = 300_000;

pub(super) fn answer(call: &Call<'_>) -> Result<Value, Refusal> {
    match call.operation {
        "DescribeLogGroups" => describe_groups(call),
        "FilterLogEvents" => filter_events(call),
        _ => call.unknown(),
    }
}

/// The names of the account's log groups, sorted.
fn groups(call: &Call<'_>) -> Vec<String> {
    if !call.here() {
        return Vec::new();
    }
    let all = call.shared.world.existing(&call.account, call.now);
    let mut names: Vec<_> = all
        .iter()
        .filter_map(|r| match r.kind {
            Kind::Endpoint(_) => Some(format!("/aws/sagemaker/Endpoints/{}", r.name)),
            Kind::Function => Some(format!("/aws/lambda/{}", r.name)),
            _ => None,
        })
        .collect();
    names.sort();
    names
}

fn describe_groups(call: &Call<'_>) -> Result<Value, Refusal> {
    let input = &call.input;
    let (prefix, pattern) = (text(input, "logGroupNamePrefix"), text(input, "logGroupNamePattern"));
    let mut names = groups(call);
    names.retain(|name| name.starts_with(prefix) && name.contains(pattern));
    let size = whole(input, "limit").unwrap_or(GROUPS).min(GROUPS);
    let (page, next) = call.page(&names, text(input, "nextToken"), size)?;
    let found: Vec<_> = page
        .iter()
        .map(|name| {
            let arn = format!("arn:aws:logs:{REGION}:{}:log-group:{name}:*", call.account);
            json!({"logGroupName": name, "arn": arn, "storedBytes": 0})
        })
        .collect();
    let mut answer = json!({"logGroups": found});
    if let Some(next) = next {
        answer["nextToken"] = Value::String(next);
    }
    Ok(answer)
}

fn filter_events(call: &Call<'_>) -> Result<Value, Refusal> {
    let input = &call.input;
    let group = text(input, "logGroupName");
    if !groups(call).iter().any(|name| name == group) {
        return Err(Refusal::new("ResourceNotFoundException", "The specified log group does not exist."));
    }
    let now = call.now.timestamp_millis();
    let end = input["endTime"].as_i64().unwrap_or(now).min(now);
    let start = input["startTime"].as_i64().unwrap_or(end - 3_600_000);
    let first = start + (EVERY - start.rem_euclid(EVERY)) % EVERY;
    let step = usize::try_from(EVERY).unwrap_or(1);
    let events: Vec<_> = (first..=end)
        .step_by(step)
        .map(|at| {
            json!({
                "eventId": format!("{at}"),
                "logStreamName": "AllTraffic/i-0123456789abcdef0",
                "timestamp": at,
                "ingestionTime": at + 2_000,
                "message": format!("processed a batch, minute {}", at / 60_000),
            })
        })
        .collect();
    let size = whole(input, "limit").unwrap_or(EVENTS).min(EVENTS);
    let (page, next) = call.page(&events, text(input, "nextToken"), size)?;
    let mut answer = json!({"events": page, "searchedLogStreams": []});
    if let Some(next) = next {
        answer["nextToken"] = Value::String(next);
    }
    Ok(answer)
}
