//! Lines that are JSON become attributes.

use serde_json::{Map, Value};

use super::ansi;
use super::ids::{Ids, LONGEST};
use super::lambda::Lambda;
use super::level;
use crate::model::log::Status;

/// Longer lines are text, in bytes.
const MOST_BYTES: usize = 256 * 1024;
/// More values than Datadog keeps of a line: such a line is text.
/// <https://docs.datadoghq.com/logs/log_configuration/attributes_naming_convention/>
const MOST_VALUES: usize = 256;
/// Levels of nesting; what is deeper becomes its JSON.
const MOST_LEVELS: usize = 10;
/// Longest summary, in bytes.
const SUMMARY: usize = 300;

/// Where a line's own values of reserved names are kept.
pub const ORIGINAL: &str = "original";
/// Names from which Datadog takes a line's host, service, status and time, and those that are ours: a line must not
/// change where it seems to come from. <https://docs.datadoghq.com/logs/log_configuration/pipelines/#preprocessing>
const RESERVED: &[&str] = &[
    "@timestamp",
    "_timestamp",
    "aws",
    "date",
    "ddsource",
    "ddtags",
    "error_class",
    "event_id",
    "eventtime",
    "host",
    "hostname",
    "id",
    "inference_id",
    "lambda",
    "level",
    "levelname",
    "levelno",
    "log",
    "message",
    "msg",
    "original",
    "part",
    "published_date",
    "request_id",
    "service",
    "severity",
    "source",
    "split",
    "status",
    "syslog",
    "timestamp",
];
const MESSAGES: [&str; 5] = ["message", "msg", "log", "event", "errorMessage"];
const LEVELS: [&str; 5] = ["level", "levelname", "severity", "status", "levelno"];
const REQUESTS: [&str; 6] =
    ["request_id", "requestId", "AWSRequestId", "aws_request_id", "function_request_id", "RequestId"];
const INFERENCES: [&str; 4] = ["inference_id", "inferenceId", "InferenceId", "inference-id"];

/// What a line of JSON says.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// What it is meant to say to a person; empty when nothing in it is.
    pub message: String,
    /// By its level.
    pub status: Option<Status>,
    /// The ids that it carries.
    pub ids: Ids,
    /// Everything else.
    pub attributes: Map<String, Value>,
    /// When Lambda itself says it.
    pub lambda: Option<Lambda>,
}

/// Takes a line apart. None when it is no object, or too large to be one.
#[must_use]
pub fn of(text: &str) -> Option<Said> {
    let text = text.trim();
    if !text.starts_with('{') || !text.ends_with('}') || text.len() > MOST_BYTES {
        return None;
    }
    let mut object: Map<String, Value> = serde_json::from_str(text).ok()?;
    if object.values().map(values).sum::<usize>() > MOST_VALUES {
        return None;
    }
    let lambda = Lambda::of_json(&object);
    let status = take_status(&mut object);
    let message = MESSAGES.iter().find(|name| object.get(**name).is_some_and(Value::is_string));
    let message = match message.and_then(|name| object.remove(*name)) {
        Some(Value::String(mut message)) => {
            ansi::strip(&mut message);
            message
        }
        _ => String::new(),
    };
    let mut id = |names: &[&str]| {
        let name = names.iter().find(|name| object.get(**name).is_some_and(is_id))?;
        object.remove(*name).and_then(|id| id.as_str().map(str::to_owned))
    };
    let mut ids = Ids { request: id(&REQUESTS), inference: id(&INFERENCES) };
    if let (None, Some(lambda)) = (&ids.request, &lambda) {
        ids.request = lambda.request_id().map(str::to_owned);
    }
    Some(Said { message, status, ids, attributes: allowed(object), lambda })
}

/// How many values there are below one.
fn values(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(values).sum::<usize>().max(1),
        Value::Object(object) => object.values().map(values).sum::<usize>().max(1),
        _ => 1,
    }
}

fn is_id(value: &Value) -> bool {
    value.as_str().is_some_and(|id| (1..=LONGEST).contains(&id.len()))
}

/// The level, taken out when it is one. What Lambda writes about an exception has none and is an error.
fn take_status(object: &mut Map<String, Value>) -> Option<Status> {
    for name in LEVELS {
        let Some(value) = object.get(name) else { continue };
        let status = match value {
            Value::String(text) => level::word(text.trim()),
            Value::Number(number) => number.as_u64().and_then(|number| numbered(name, number)),
            _ => None,
        };
        if status.is_some() {
            // The answer to a request is more than a level.
            if value.is_string() {
                object.remove(name);
            }
            return status;
        }
    }
    (object.contains_key("errorType") && object.contains_key("errorMessage")).then_some(Status::Error)
}

/// Levels as numbers: Python's in `levelno`, pino's in `level`, HTTP's in `status`.
fn numbered(name: &str, number: u64) -> Option<Status> {
    match (name, number) {
        ("levelno" | "level" | "severity", 10) | ("level", 20) => Some(Status::Debug),
        ("levelno", 20) | ("level", 30) => Some(Status::Info),
        ("levelno", 30) | ("level", 40) | ("status", 400..=499) => Some(Status::Warn),
        ("levelno", 40) | ("level", 50) | ("status", 500..=599) => Some(Status::Error),
        ("levelno", 50) | ("level", 60) => Some(Status::Critical),
        _ => None,
    }
}

/// The object without values that Datadog would take for its own; those are kept apart.
fn allowed(object: Map<String, Value>) -> Map<String, Value> {
    let (reserved, mut allowed): (Map<_, _>, Map<_, _>) =
        object.into_iter().map(|(name, value)| (name, shallow(value, 2))).partition(|(name, _)| is_reserved(name));
    if !reserved.is_empty() {
        allowed.insert(ORIGINAL.to_owned(), Value::Object(reserved));
    }
    allowed
}

fn is_reserved(name: &str) -> bool {
    let name = name.trim().to_ascii_lowercase();
    RESERVED.contains(&name.as_str()) || name.starts_with("syslog.") || name.starts_with("aws.")
}

/// The value, at a level of nesting, with what is too deep as text. Commands to a terminal were written as escapes until
/// now.
fn shallow(value: Value, level: usize) -> Value {
    match value {
        Value::Array(_) | Value::Object(_) if level >= MOST_LEVELS => Value::String(value.to_string()),
        Value::Array(items) => items.into_iter().map(|item| shallow(item, level + 1)).collect(),
        Value::Object(object) => {
            object.into_iter().map(|(name, value)| (name, shallow(value, level + 1))).collect::<Map<_, _>>().into()
        }
        Value::String(mut text) => {
            ansi::strip(&mut text);
            Value::String(text)
        }
        value => value,
    }
}

/// What a person reads of an object that says nothing to a person: `name=value` of its simple values.
#[must_use]
pub fn summary(attributes: &Map<String, Value>) -> String {
    let mut summary = String::new();
    for (name, value) in attributes {
        let value = match value {
            Value::Array(_) | Value::Object(_) => continue,
            value => value.to_string(),
        };
        if summary.len() + name.len() + value.len() + 2 > SUMMARY {
            summary.push_str(" ..");
            break;
        }
        if !summary.is_empty() {
            summary.push(' ');
        }
        summary.push_str(name);
        summary.push('=');
        summary.push_str(&value);
    }
    if summary.is_empty() { "{..}".to_owned() } else { summary }
}
