//! From events to a line, with nothing secret in it.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::assemble::Joined;
use super::classify::Class;
use super::ids::{Ids, after_id, is_data_log};
use super::json;
use super::lambda::{self, Lambda};
use super::level;
use super::redact::Redaction;
use crate::model::log::{Event, Line, Origin, Status};

/// A line and what was understood of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// What Datadog is given.
    pub line: Line,
    /// When each of its events was written, and its key: those of [`Joined`].
    pub keys: Vec<(i64, u64)>,
    /// When it is one of Lambda's own.
    pub lambda: Option<Lambda>,
    /// When it is an error: its kind, also its attribute `error_class`. A further part of an error is no error of its own.
    pub class: Option<Class>,
    /// Bytes of its text as it came.
    pub bytes: usize,
    /// Whether something was redacted.
    pub redacted: bool,
}

/// Reads what was assembled. Attributes beside those of the line itself: `request_id`, `inference_id`, `error_class`,
/// `lambda` (numbers of a report), `part` (of something longer than the limits).
#[must_use]
pub fn read(joined: Joined, origin: &Arc<Origin>, redaction: &Redaction) -> Reading {
    let Joined { mut event, keys, error, part, in_key } = joined;
    let bytes = event.text.len();
    let key_redacted = in_key && redaction.rest_of_key(&mut event.text);
    event.text.truncate(event.text.trim_end_matches(['\r', '\n']).len());
    let logger = lambda::logger(&event.text);
    let json = if keys.len() == 1 { json::of(logger.map_or(&event.text, |(_, rest)| rest)) } else { None };
    let is_json = json.is_some();
    let own = if is_json { None } else { Lambda::of_text(&event.text) };
    let logged_id = logger.map(|(id, _)| id.to_owned());
    let (message, mut status, mut ids, attributes, lambda) = if let Some(said) = json {
        let status = said.status.or_else(|| logger.and_then(|_| level::of(&event.text)));
        (said.message, status, said.ids, said.attributes, said.lambda)
    } else {
        // Lambda's own lines name theirs.
        let ids = if own.is_some() { Ids::default() } else { Ids::of_text(&event.text, &event.stream) };
        (event.text, None, ids, Map::new(), own)
    };
    if let Some(lambda) = &lambda {
        status = Some(lambda.status());
        ids.request = lambda.request_id().map(str::to_owned).or(ids.request);
    } else if !is_json {
        status = level::of(&message).or_else(|| failed_inference(&event.stream, &message));
    }
    ids.request = ids.request.or(logged_id);
    let mut status = status.unwrap_or(Status::Info);
    if error {
        status = status.max(Status::Error);
    }
    let Event { id, stream, at, .. } = event;
    let mut line = Line { id, stream, at, status, message, attributes, origin: Arc::clone(origin) };
    let mut redacted = redaction.line(&mut line) | key_redacted;
    if is_json && line.message.is_empty() {
        // A name and its value may fit together what neither does alone.
        let summary = json::summary(&line.attributes);
        let clean = redaction.text(&summary);
        redacted |= clean != summary;
        line.message = clean.into_owned();
    }
    let class = (line.status.is_error() && part == 0).then(|| class_of(&line));
    let own = [("request_id", ids.request), ("inference_id", ids.inference)];
    for (name, id) in own {
        let Some(id) = id else { continue };
        let clean = redaction.text(&id);
        redacted |= clean != id;
        line.attributes.insert(name.to_owned(), Value::String(clean.into_owned()));
    }
    if let Some(class) = class {
        line.attributes.insert("error_class".to_owned(), class.word().into());
    }
    if let Some(said) = lambda.as_ref().and_then(Lambda::attributes) {
        line.attributes.insert("lambda".to_owned(), said);
    }
    if part > 0 {
        line.attributes.insert("part".to_owned(), (part + 1).into());
    }
    Reading { line, keys, lambda, class, bytes, redacted }
}

/// `SageMaker` writes no levels. Its words are documented nowhere; failures are believed to be called that. The id of an
/// inference, which people choose, may be called anything.
fn failed_inference(stream: &str, message: &str) -> Option<Status> {
    let failed = |said: &str| ["fail", "Fail", "error", "Error"].iter().any(|word| said.contains(word));
    (is_data_log(stream) && failed(after_id(message))).then_some(Status::Error)
}

/// By the message, and where that says nothing, by what structured loggers keep of an exception.
fn class_of(line: &Line) -> Class {
    let told = [
        "errorType",
        "error_type",
        "error",
        "err",
        "exception",
        "exc_info",
        "exc",
        "stack_trace",
        "stack",
        "traceback",
    ];
    let told = told.iter().filter_map(|name| line.attributes.get(*name));
    let more = told.map(|value| value.as_str().map_or_else(|| Class::of(&value.to_string()), Class::of));
    match Class::of(&line.message) {
        Class::Other => more.min().unwrap_or(Class::Other),
        class => class,
    }
}
