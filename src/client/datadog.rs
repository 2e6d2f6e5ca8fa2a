//! Datadog's HTTP API: one attempt a call, and every answer put into a class. Here is the part that takes series;
//! `logs` is the part that takes logs, `objects` the one that keeps dashboards, monitors and SLOs.
//!
//! Endpoints <https://docs.datadoghq.com/api/latest/metrics/>, <https://docs.datadoghq.com/api/latest/authentication/>.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, InvalidHeaderValue};
use reqwest::{RequestBuilder, redirect};
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::config::Secret;
use crate::config::settings::{Compression, Datadog};

mod call;
mod dora;
mod error;
mod limiter;
mod logs;
mod objects;
mod skew;

pub use error::{Address, SendError};
pub(in crate::client) use error::{innermost, quote};
pub use objects::{MonitorState, Objects};
pub use skew::{MAX_SKEW, Skew};

/// Environment variables that hold the keys of whatever needs both.
const KEYS: &str = "DD_API_KEY or DD_APP_KEY";

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long one request may take, answer included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// At most this much of an answer that holds no objects is read: a proxy's error page can be long.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// A client of one organisation. Cheap to clone; clones share one pool of connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base_url: Address,
    logs_url: Address,
    site: String,
    api_key: HeaderValue,
    app_key: Option<HeaderValue>,
    secrets: Vec<Secret>,
    clock: Clock,
    skew: skew::Newest,
    limiter: limiter::Limiter,
    answered: Arc<AtomicBool>,
}

/// No client can be made of these settings.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no API key.
    #[error("no Datadog API key: set DD_API_KEY or `datadog.api_key_file`")]
    NoApiKey,
    /// A key holds what no header can carry.
    #[error("{0} holds characters that no key has: copy the key again")]
    Key(&'static str),
    /// TLS or the pool could not be set up.
    #[error("the HTTP client could not be set up: {0}")]
    Http(#[source] reqwest::Error),
}

impl Client {
    /// A client for `settings`. Nothing is sent yet.
    ///
    /// # Errors
    /// When there is no API key, a key cannot be a header, or TLS cannot be set up.
    pub fn new(settings: &Datadog) -> Result<Self, ClientError> {
        let given = |key: &Option<Secret>| key.clone().filter(|key| !key.expose().is_empty());
        let api_key = given(&settings.api_key).ok_or(ClientError::NoApiKey)?;
        let application = given(&settings.app_key);
        let http = reqwest::Client::builder()
            .user_agent(concat!("ddsync/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            // A redirect would carry the key to wherever it points.
            .redirect(redirect::Policy::none())
            .build()
            .map_err(ClientError::Http)?;
        Ok(Self {
            http,
            base_url: Address::of_api(&settings.base_url),
            logs_url: Address::of_logs(&settings.logs_url),
            site: settings.site.clone(),
            api_key: header(&api_key).map_err(|_| ClientError::Key("DD_API_KEY"))?,
            app_key: application.as_ref().map(header).transpose().map_err(|_| ClientError::Key("DD_APP_KEY"))?,
            secrets: std::iter::once(api_key).chain(application).collect(),
            clock: Clock::Real,
            skew: skew::Newest::default(),
            limiter: limiter::Limiter::default(),
            answered: Arc::default(),
        })
    }

    /// The same client with another clock, against which Datadog's is compared.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// How far our clock is from Datadog's by the newest answer; `None` until there was one that told its time.
    #[must_use]
    pub fn skew(&self) -> Option<Skew> {
        self.skew.get()
    }

    /// Whether [`Client::skew`] tells something of our clock as it is now.
    #[must_use]
    pub fn skew_holds(&self) -> bool {
        self.skew().is_some_and(|skew| skew.holds(self.clock.now()))
    }

    /// Whether there has been any answer, a refusal included.
    #[must_use]
    pub fn has_been_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }

    /// Whether what needs an application key can be used: all but series.
    #[must_use]
    pub fn has_app_key(&self) -> bool {
        self.app_key.is_some()
    }

    /// Sends one body of `POST /api/v2/series`, already compressed. One attempt.
    ///
    /// # Errors
    /// Whatever is not a yes: any status but 2xx, a 2xx that lists errors, or no answer.
    pub async fn send_series(&self, body: Bytes, compression: Compression) -> Result<(), SendError> {
        let encoding = match compression {
            Compression::Zstd => "zstd",
            Compression::Gzip => "gzip",
        };
        let request = self
            .http
            .post(format!("{}/api/v2/series", self.base_url))
            .header(CONTENT_TYPE, "application/json")
            .header(CONTENT_ENCODING, encoding)
            .body(body);
        // An intake that answers 202 and lists errors has not taken everything.
        match error::listed(&self.send(request, "DD_API_KEY").await?) {
            Some(errors) => Err(SendError::BadRequest { status: 202, answer: self.quote(&errors) }),
            None => Ok(()),
        }
    }

    /// Sets what Datadog shows of a metric: `PUT /api/v1/metrics/{name}`. `kind` is `count` or `gauge`, `unit`
    /// Datadog's word or empty. One attempt.
    ///
    /// # Errors
    /// [`SendError::NotFound`] until Datadog has seen the metric; [`SendError::NoAppKey`] without an application key.
    pub async fn put_metadata(&self, name: &str, unit: &str, description: &str, kind: &str) -> Result<(), SendError> {
        let Some(app_key) = &self.app_key else {
            return Err(SendError::NoAppKey);
        };
        let mut body = json!({ "description": description, "type": kind });
        if !unit.is_empty() {
            body["unit"] = json!(unit);
        }
        let request = self
            .http
            .put(format!("{}/api/v1/metrics/{name}", self.base_url))
            .header("DD-APPLICATION-KEY", app_key.clone())
            .json(&body);
        self.send(request, KEYS).await.map(drop)
    }

    /// Whether Datadog knows the API key: `GET /api/v1/validate`. One attempt.
    ///
    /// # Errors
    /// [`SendError::BadKey`] when it does not; the others when it cannot be asked.
    pub async fn validate(&self) -> Result<(), SendError> {
        let request = self.http.get(format!("{}/api/v1/validate", self.base_url));
        self.send(request, "DD_API_KEY").await.map(drop)
    }

    async fn send(&self, request: RequestBuilder, keys: &'static str) -> Result<Value, SendError> {
        let answer = self.exchange(&self.base_url, request, MAX_ANSWER_BYTES).await?;
        self.judge(&self.base_url, answer, keys)
    }

    fn judge(&self, to: &Address, answer: Answer, keys: &'static str) -> Result<Value, SendError> {
        if answer.is_success() && answer.is_datadogs() {
            return Ok(answer.json.unwrap_or_default());
        }
        let text = self.quote(&answer.text());
        let place = error::Place { base_url: to, ..self.place(keys) };
        Err(error::classify(answer.status, &answer.headers, text, &place))
    }

    /// One request and its answer, of whatever status. Of a success more than `most` bytes are an error; of anything
    /// else the start is enough.
    async fn exchange(&self, to: &Address, request: RequestBuilder, most: usize) -> Result<Answer, SendError> {
        let unreachable = |error: reqwest::Error| SendError::Unreachable {
            base_url: to.clone(),
            // reqwest says "error sending request"; the cause says why.
            reason: self.quote(&error::innermost(&error.without_url())),
        };
        let request = request.header("DD-API-KEY", self.api_key.clone());
        let sent = self.clock.now();
        let mut response = request.send().await.map_err(unreachable)?;
        let received = self.clock.now();
        self.answered.store(true, Ordering::Relaxed);
        let status = response.status().as_u16();
        let headers: HeaderMap = response.headers().clone();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            body.extend_from_slice(&chunk);
            if body.len() > most {
                if response.status().is_success() {
                    return Err(SendError::TooLong { base_url: to.clone(), limit: most });
                }
                break;
            }
        }
        let answer = Answer { status, headers, json: serde_json::from_slice(&body).ok(), body };
        if answer.is_datadogs() {
            let date = answer.headers.get(DATE).and_then(|date| date.to_str().ok());
            self.skew.note(date, sent, received);
        }
        Ok(answer)
    }

    fn place(&self, keys: &'static str) -> error::Place<'_> {
        error::Place { keys, site: &self.site, base_url: &self.base_url }
    }

    fn quote(&self, answer: &str) -> String {
        error::quote(answer, &self.secrets)
    }
}

/// What came back.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
    /// The body, when it is JSON.
    json: Option<Value>,
}

impl Answer {
    fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether Datadog can have said it. A login page of the network answers 200 to everything.
    fn is_datadogs(&self) -> bool {
        self.json.is_some() || self.body.trim_ascii().is_empty()
    }

    /// Whether it is Datadog's JSON that says what is wrong. The page of a proxy or of a firewall is not.
    fn names_errors(&self) -> bool {
        let Some(json) = &self.json else { return false };
        error::listed(json).is_some() || json.get("error").is_some_and(|error| !error.is_null())
    }

    fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }
}

fn header(key: &Secret) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(key.expose())?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests;
