//! A line of a log, on its way from CloudWatch to Datadog.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

/// An event as CloudWatch Logs keeps it. All of its text comes from outside.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilteredLogEvent.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Unique within its group.
    pub id: String,
    /// The stream that it came in.
    pub stream: String,
    /// When it was written, as its writer says: Unix milliseconds.
    pub at: i64,
    /// When CloudWatch took it: Unix milliseconds.
    pub ingested_at: i64,
    /// As it was written.
    pub text: String,
}

/// What Datadog is given: one event, or several that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Of its first event: the same whenever it is read again.
    pub id: String,
    /// The stream that its first event came in.
    pub stream: String,
    /// Unix milliseconds.
    pub at: i64,
    /// How bad it is.
    pub status: Status,
    /// What a person reads.
    pub message: String,
    /// What it says beside the message, for example `inference_id`.
    pub attributes: Map<String, Value>,
    /// What all lines of its group have in common.
    pub origin: Arc<Origin>,
}

/// Where structured loggers put a stack trace.
const TRACES: [&str; 8] = ["exc_info", "exception", "stack_trace", "stack", "traceback", "exc", "error", "err"];

impl Line {
    /// The asynchronous inference that it is about.
    #[must_use]
    pub fn inference_id(&self) -> Option<&str> {
        self.attributes.get("inference_id")?.as_str()
    }

    /// The request that it is about.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.attributes.get("request_id")?.as_str()
    }

    /// The stack trace that a structured logger has put beside the message.
    #[must_use]
    pub fn trace(&self) -> Option<&str> {
        let mut traces = TRACES.iter().filter_map(|name| self.attributes.get(*name)?.as_str());
        traces.find(|trace| !self.message.contains(trace.trim()))
    }
}

/// Where the lines of a group come from.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// Name of the log group.
    pub group: String,
    /// Datadog's `service`: the pipeline.
    pub service: String,
    /// Datadog's `ddsource`, which decides how Datadog reads it.
    pub source: String,
    /// `key:value`, normalized and in order.
    pub tags: Arc<[String]>,
}

/// How bad a line is, by Datadog's words.
/// <https://docs.datadoghq.com/logs/log_configuration/processors/#log-status-remapper>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Of interest to whoever wrote the program.
    Debug,
    /// Whatever says nothing else.
    Info,
    /// Something is odd.
    Warn,
    /// Something went wrong.
    Error,
    /// The program cannot go on.
    Critical,
}

impl Status {
    /// As Datadog writes it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }

    /// Whether it is never sampled away.
    #[must_use]
    pub fn is_error(self) -> bool {
        self >= Self::Error
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
