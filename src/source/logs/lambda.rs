//! What Lambda itself says of an invocation, as text and as JSON.
//! <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html>
//! <https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html>

use memchr::memmem;
use serde_json::{Map, Value, json};

use crate::model::log::Status;

/// Longest line of Lambda's own that is read, in bytes.
const LONGEST: usize = 2_048;

/// One line of Lambda's own.
#[derive(Debug, Clone, PartialEq)]
pub enum Lambda {
    /// An environment is made.
    Init,
    /// An invocation begins; its request id.
    Start(String),
    /// An invocation is over; its request id.
    End(String),
    /// What it took.
    Report(Report),
    /// It was ended because it took too long; its request id.
    TimedOut(Option<String>),
}

/// What an invocation took.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Its request id.
    pub request_id: String,
    /// How long it ran, in milliseconds.
    pub duration_ms: Option<f64>,
    /// How long is paid for, in milliseconds.
    pub billed_ms: Option<f64>,
    /// Memory that it was given, in MB.
    pub memory_mb: Option<f64>,
    /// The most memory that it used, in MB.
    pub used_mb: Option<f64>,
    /// How long its environment took to be made, in milliseconds: there after a cold start only.
    pub init_ms: Option<f64>,
    /// `timeout`, `error` or `failure`, when it did not succeed.
    pub failure: Option<String>,
}

impl Lambda {
    /// The line as one of Lambda's own.
    #[must_use]
    pub fn of_text(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let text = text.trim_end();
        match text.as_bytes().first()? {
            b'I' if text.starts_with("INIT_START ") => Some(Self::Init),
            b'S' => Some(Self::Start(first_word(text.strip_prefix("START RequestId: ")?))),
            b'E' => Some(Self::End(first_word(text.strip_prefix("END RequestId: ")?))),
            b'R' => Some(Self::Report(Report::of_text(text.strip_prefix("REPORT RequestId: ")?))),
            first if first.is_ascii_digit() => {
                memmem::find(text.as_bytes(), b" Task timed out after ")?;
                Some(Self::TimedOut(text.split(' ').nth(1).filter(|id| is_request_id(id)).map(str::to_owned)))
            }
            _ => None,
        }
    }

    /// The object as an event of Lambda's own, when functions log as JSON.
    #[must_use]
    pub fn of_json(object: &Map<String, Value>) -> Option<Self> {
        let kind = object.get("type")?.as_str()?.strip_prefix("platform.")?;
        let record = object.get("record")?.as_object()?;
        let id = record.get("requestId").and_then(Value::as_str).unwrap_or_default().to_owned();
        match kind {
            "initStart" => Some(Self::Init),
            "start" => Some(Self::Start(id)),
            "runtimeDone" => Some(Self::End(id)),
            "report" => Some(Self::Report(Report::of_json(id, record))),
            _ => None,
        }
    }

    /// Whose line it is.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Init => None,
            Self::Start(id) | Self::End(id) => Some(id.as_str()),
            Self::Report(report) => Some(report.request_id.as_str()),
            Self::TimedOut(id) => id.as_deref(),
        }
        .filter(|id| !id.is_empty())
    }

    /// How bad it is.
    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            Self::TimedOut(_) => Status::Error,
            Self::Report(report) if report.failure.is_some() => Status::Error,
            _ => Status::Info,
        }
    }

    /// What a report says, in numbers.
    #[must_use]
    pub fn attributes(&self) -> Option<Value> {
        let Self::Report(report) = self else { return None };
        let mut said = json!({"cold_start": report.init_ms.is_some()});
        for (name, value) in [
            ("duration_ms", report.duration_ms),
            ("billed_ms", report.billed_ms),
            ("memory_mb", report.memory_mb),
            ("used_mb", report.used_mb),
            ("init_ms", report.init_ms),
        ] {
            if let Some(value) = value {
                said[name] = json!(value);
            }
        }
        if let Some(failure) = &report.failure {
            said["failure"] = json!(failure);
        }
        Some(said)
    }
}

impl Report {
    /// After `REPORT RequestId: `. What cannot be read is left out.
    fn of_text(text: &str) -> Self {
        let mut report = Self { request_id: first_word(text), ..Self::default() };
        for field in text.split(['\t', '\n']).skip(1) {
            let Some((name, value)) = field.split_once(": ") else { continue };
            let place = match name.trim() {
                "Duration" => &mut report.duration_ms,
                "Billed Duration" => &mut report.billed_ms,
                "Memory Size" => &mut report.memory_mb,
                "Max Memory Used" => &mut report.used_mb,
                "Init Duration" | "Restore Duration" => &mut report.init_ms,
                "Status" => {
                    report.failure = failure(value);
                    continue;
                }
                _ => continue,
            };
            *place = value.split(' ').next().and_then(|number| number.parse().ok()).filter(|number| is_sane(*number));
        }
        report
    }

    fn of_json(request_id: String, record: &Map<String, Value>) -> Self {
        let metric = |name: &str| {
            record.get("metrics").and_then(|metrics| metrics[name].as_f64()).filter(|number| is_sane(*number))
        };
        Self {
            request_id,
            duration_ms: metric("durationMs"),
            billed_ms: metric("billedDurationMs"),
            memory_mb: metric("memorySizeMB"),
            used_mb: metric("maxMemoryUsedMB"),
            init_ms: metric("initDurationMs").or_else(|| metric("restoreDurationMs")),
            failure: record.get("status").and_then(Value::as_str).and_then(failure),
        }
    }
}

fn failure(status: &str) -> Option<String> {
    let status = status.trim();
    ["timeout", "error", "failure"].contains(&status).then(|| status.to_owned())
}

fn is_sane(number: f64) -> bool {
    number.is_finite() && number >= 0.0
}

fn first_word(text: &str) -> String {
    let word = text.split(|c: char| c.is_whitespace()).next().unwrap_or_default();
    if is_request_id(word) { word.to_owned() } else { String::new() }
}

/// Whether a word looks like the UUID that Lambda gives to a request.
#[must_use]
pub fn is_request_id(word: &str) -> bool {
    word.len() == 36
        && word.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// The request id and the rest of a line in the format of Lambda's own loggers: Python's
/// `[ERROR]\t2024-05-01T10:00:00.000Z\tID\tsaid` and Node's `2024-05-01T10:00:00.000Z\tID\tERROR\tsaid`.
#[must_use]
pub fn logger(text: &str) -> Option<(&str, &str)> {
    let mut fields = text.splitn(4, '\t');
    let [first, second, third, rest] = [fields.next()?, fields.next()?, fields.next()?, fields.next()?];
    let python = first.starts_with('[') && is_request_id(third);
    let node = first.ends_with('Z') && is_request_id(second);
    match (python, node) {
        (true, _) => Some((third, rest)),
        (_, true) => Some((second, rest)),
        _ => None,
    }
}
