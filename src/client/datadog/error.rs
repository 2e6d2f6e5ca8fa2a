//! What went wrong with a request, whose fault it is and whether to try again.

use std::fmt;
use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;

use crate::config::Secret;

/// At most this many characters of an answer are shown.
const MAX_QUOTE_CHARS: usize = 200;

/// A base URL that was asked, and the setting that it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    url: String,
    setting: &'static str,
}

impl Address {
    /// That of the API: `datadog.base_url`.
    #[must_use]
    pub fn of_api(url: &str) -> Self {
        Self { url: url.trim_end_matches('/').to_owned(), setting: "datadog.base_url" }
    }

    /// That of the intake of logs: `datadog.logs_url`.
    #[must_use]
    pub fn of_logs(url: &str) -> Self {
        Self { url: url.trim_end_matches('/').to_owned(), setting: "datadog.logs_url" }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// Anything but a yes of Datadog.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// 401, 403: no retry heals it.
    #[error("datadog refused the key (HTTP {status}): check {keys}, and that it belongs to `datadog.site` {site}")]
    BadKey {
        /// As answered.
        status: u16,
        /// Environment variables that hold the keys in question.
        keys: &'static str,
        /// As configured.
        site: String,
    },
    /// 403 where a known scope is needed: the keys are good for something else.
    #[error(
        "datadog does not allow it (HTTP 403): give the application key the scope `{scope}`, check that its user may do \
         this, and that DD_API_KEY and DD_APP_KEY are right and belong to `datadog.site` {site}; it said: {answer}"
    )]
    Forbidden {
        /// What the application key, or the user behind it, lacks.
        scope: &'static str,
        /// As configured.
        site: String,
        /// The start of the answer, without control characters.
        answer: String,
    },
    /// Nothing was sent: the call needs an application key.
    #[error("no Datadog application key: set DD_APP_KEY or `datadog.app_key_file`")]
    NoAppKey,
    /// 400, 422, or a 2xx that lists errors: something in the body is wrong.
    #[error("datadog refused the request (HTTP {status}): {answer}")]
    BadRequest {
        /// As answered.
        status: u16,
        /// The start of the answer, without control characters.
        answer: String,
    },
    /// 409: something else stands in the way, for example an SLO that uses the monitor.
    #[error("datadog refuses it as things are (HTTP 409): {answer}")]
    Conflict {
        /// The start of the answer, without control characters.
        answer: String,
    },
    /// 400: there is a monitor just like it.
    #[error("datadog has an identical monitor already: {id}")]
    Duplicate {
        /// Of the one that exists.
        id: String,
    },
    /// A 2xx that goes on and on. It is not cut: half a list would look like a short one.
    #[error("the answer of {base_url} is longer than {limit} bytes and was not read to its end")]
    TooLong {
        /// As configured.
        base_url: Address,
        /// What would have been read.
        limit: usize,
    },
    /// 413: the body has to be split.
    #[error("datadog refused the size of the request (HTTP 413)")]
    TooLarge,
    /// 404 of an endpoint that exists: the object does not.
    #[error("not found at {base_url} (HTTP 404): {answer}; check `{}` and `datadog.site`", .base_url.setting)]
    NotFound {
        /// As configured.
        base_url: Address,
        /// The start of the answer, without control characters.
        answer: String,
    },
    /// A redirect, a 2xx that is no JSON, or a status that the API does not give: something else answers there.
    #[error("unexpected answer of {base_url} (HTTP {status}): {answer}; check `{}` and `datadog.site`", .base_url.setting)]
    Misdirected {
        /// As answered.
        status: u16,
        /// As configured.
        base_url: Address,
        /// The start of the answer, without control characters.
        answer: String,
    },
    /// 429.
    #[error("datadog limits the rate of requests (HTTP 429){}", wait(*.retry_after))]
    RateLimited {
        /// When to try again, if the answer says so.
        retry_after: Option<Duration>,
    },
    /// 408, 5xx.
    #[error("datadog failed (HTTP {status}): {answer}")]
    Server {
        /// As answered.
        status: u16,
        /// When to try again, if the answer says so.
        retry_after: Option<Duration>,
        /// The start of the answer, without control characters.
        answer: String,
    },
    /// No answer.
    #[error("{base_url} cannot be reached: {reason}; check `datadog.site`, `{}` and the network", .base_url.setting)]
    Unreachable {
        /// As configured.
        base_url: Address,
        /// The innermost cause.
        reason: String,
    },
}

impl SendError {
    /// A short word for tags and for `/status`.
    #[must_use]
    pub fn tag(&self) -> &'static str {
        match self {
            Self::BadKey { .. } | Self::NoAppKey => "bad_key",
            Self::Forbidden { .. } => "forbidden",
            Self::BadRequest { .. } => "bad_request",
            Self::Conflict { .. } => "conflict",
            Self::Duplicate { .. } => "duplicate",
            Self::TooLong { .. } => "too_long",
            Self::TooLarge => "too_large",
            Self::NotFound { .. } => "not_found",
            Self::Misdirected { .. } => "misdirected",
            Self::RateLimited { .. } => "rate_limited",
            Self::Server { .. } => "server",
            Self::Unreachable { .. } => "unreachable",
        }
    }

    /// Whether the same request can succeed later without anybody changing anything.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Server { .. } | Self::Unreachable { .. })
    }

    /// Whether the request may have had its effect all the same: nobody said that it had not.
    #[must_use]
    pub fn may_have_landed(&self) -> bool {
        matches!(self, Self::Server { .. } | Self::Unreachable { .. } | Self::Misdirected { status: 200..300, .. })
    }

    /// How long Datadog asked us to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } | Self::Server { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

fn wait(retry_after: Option<Duration>) -> String {
    retry_after.map(|wait| format!(", again in {} s", wait.as_secs())).unwrap_or_default()
}

/// Where a request went, for messages.
pub(super) struct Place<'a> {
    pub(super) keys: &'static str,
    pub(super) site: &'a str,
    pub(super) base_url: &'a Address,
}

/// The class of an answer that is no yes. `answer` is already quoted.
pub(super) fn classify(status: u16, headers: &HeaderMap, answer: String, place: &Place<'_>) -> SendError {
    let base_url = place.base_url.clone();
    match status {
        400 | 422 => SendError::BadRequest { status, answer },
        401 | 403 => SendError::BadKey { status, keys: place.keys, site: place.site.to_owned() },
        404 => SendError::NotFound { base_url, answer },
        413 => SendError::TooLarge,
        429 => SendError::RateLimited { retry_after: retry_after(headers) },
        408 | 500..=599 => SendError::Server { status, retry_after: retry_after(headers), answer },
        _ => SendError::Misdirected { status, base_url, answer },
    }
}

/// `Retry-After` in seconds (its other form, a date, is not used by Datadog), else `X-RateLimit-Reset`: seconds until
/// the window ends. <https://docs.datadoghq.com/api/latest/rate-limits/>
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = |name: &str| {
        let value: f64 = headers.get(name)?.to_str().ok()?.trim().parse().ok()?;
        // An instant instead of a span would keep us waiting for decades.
        (0.0..=86_400.0).contains(&value).then(|| Duration::from_secs_f64(value))
    };
    seconds(RETRY_AFTER.as_str()).or_else(|| seconds("x-ratelimit-reset"))
}

/// The class of a status that is not 2xx, of an endpoint that needs `scope`. `answer` is already quoted.
pub(super) fn classify_scoped(
    status: u16,
    headers: &HeaderMap,
    answer: String,
    place: &Place<'_>,
    scope: &'static str,
) -> SendError {
    match (status, duplicate(&answer)) {
        (400, Some(id)) => SendError::Duplicate { id },
        (403, _) => SendError::Forbidden { scope, site: place.site.to_owned(), answer },
        (409, _) => SendError::Conflict { answer },
        _ => classify(status, headers, answer, place),
    }
}

/// The monitor of which this is a duplicate: `Duplicate of an existing monitor_id:12 org_id:3`.
fn duplicate(answer: &str) -> Option<String> {
    let (_, rest) = answer.split_once("Duplicate of an existing monitor_id:")?;
    let rest = rest.trim_start();
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    (digits > 0).then(|| rest[..digits].to_owned())
}

/// The errors that an answer of the intake lists, if any.
pub(super) fn listed(answer: &Value) -> Option<String> {
    let text = |error: &Value| error.as_str().map_or_else(|| error.to_string(), str::to_owned);
    match answer.get("errors")? {
        Value::Null => None,
        Value::Array(errors) if errors.is_empty() => None,
        Value::Array(errors) => Some(errors.iter().map(text).collect::<Vec<_>>().join("; ")),
        other => Some(text(other)),
    }
}

/// The start of an answer: no control characters, no keys, at most [`MAX_QUOTE_CHARS`] characters.
pub(in crate::client) fn quote(answer: &str, secrets: &[Secret]) -> String {
    // The keys go first: cut in the middle, the rest of one would not be recognised.
    let mut text = answer.to_owned();
    for secret in secrets {
        text = text.replace(secret.expose(), "***");
    }
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_QUOTE_CHARS).collect();
    text.trim().to_owned()
}

/// What the last cause in a chain says.
pub(in crate::client) fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
