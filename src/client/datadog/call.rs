//! One request to the part of the API that is limited, and what its answer means: where it goes, what its key needs.

use std::borrow::Cow;
use std::fmt::Display;

use chrono::TimeDelta;
use reqwest::{Method, Url};
use serde_json::Value;

use super::{Answer, Client, KEYS, SendError, error};

/// At most this much of an answer that holds objects is read. A page of 1,000 monitors is some megabytes.
pub(super) const MAX_OBJECTS_BYTES: usize = 64 * 1024 * 1024;

/// How long a request waits for its limit. One that would wait longer is told as refused.
const PATIENCE: TimeDelta = TimeDelta::minutes(2);

/// One request.
#[derive(Clone)]
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) id: Option<&'a str>,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) body: Option<Value>,
    /// What the application key needs; `None` where the API key is enough, and then the other one stays here.
    pub(super) scope: Option<&'static str>,
}

impl<'a> Call<'a> {
    pub(super) fn new(method: Method, path: &'static str, scope: &'static str) -> Self {
        Self { method, path, id: None, query: Vec::new(), body: None, scope: Some(scope) }
    }

    /// A request for which the API key is enough.
    pub(super) fn open(method: Method, path: &'static str) -> Self {
        Self { method, path, id: None, query: Vec::new(), body: None, scope: None }
    }

    pub(super) fn of<'b>(self, id: &'b str) -> Call<'b>
    where
        'a: 'b,
    {
        Call { id: Some(id), ..self }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    pub(super) fn body(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }
}

impl Client {
    pub(super) async fn json(&self, call: Call<'_>) -> Result<Value, SendError> {
        let answer = self.call(call).await?;
        self.read(answer)
    }

    pub(super) fn read(&self, mut answer: Answer) -> Result<Value, SendError> {
        answer.json.take().ok_or_else(|| self.misread(answer.status, &answer.text()))
    }

    /// A success that is not what the API answers: something else answers there.
    pub(super) fn misread(&self, status: u16, answer: &str) -> SendError {
        SendError::Misdirected { status, base_url: self.base_url.clone(), answer: self.quote(answer) }
    }

    pub(super) async fn call(&self, call: Call<'_>) -> Result<Answer, SendError> {
        let answer = self.ask(&call).await?;
        if !answer.is_success() {
            return Err(self.refusal(&answer, call.scope));
        }
        if answer.is_datadogs() { Ok(answer) } else { Err(self.misread(answer.status, &answer.text())) }
    }

    pub(super) fn refusal(&self, answer: &Answer, scope: Option<&'static str>) -> SendError {
        let text = answer.json.as_ref().and_then(error::listed).map_or_else(|| answer.text(), Cow::Owned);
        let (status, headers, text) = (answer.status, &answer.headers, self.quote(&text));
        match scope {
            Some(scope) => error::classify_scoped(status, headers, text, &self.place(KEYS), scope),
            None => error::classify(status, headers, text, &self.place("DD_API_KEY")),
        }
    }

    /// One request within its limit, answered somehow.
    pub(super) async fn ask(&self, call: &Call<'_>) -> Result<Answer, SendError> {
        let app_key = call.scope.map(|_| self.app_key.as_ref().ok_or(SendError::NoAppKey)).transpose()?;
        let mut url = Url::parse_with_params(&format!("{}{}", self.base_url, call.path), &call.query)
            .map_err(|error| self.unusable(&error.to_string()))?;
        if call.query.is_empty() {
            url.set_query(None);
        }
        if let Some(id) = call.id {
            // An id comes from files too: whatever is in it stays one part of the path.
            url.path_segments_mut().map_err(|()| self.unusable("it has no path"))?.push(id);
        }
        let mut request = self.http.request(call.method.clone(), url);
        if let Some(app_key) = app_key {
            request = request.header("DD-APPLICATION-KEY", app_key.clone());
        }
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        let endpoint = (call.method.clone(), call.path, call.id.is_some());
        let real = |span| self.clock.real_duration(TimeDelta::from_std(span).unwrap_or_default());
        let patience = self.clock.real_duration(PATIENCE);
        let late = |wait| SendError::RateLimited { retry_after: Some(wait) };
        self.limiter.admit(&endpoint, patience).await.map_err(late)?;
        let answer = self.exchange(&self.base_url, request, MAX_OBJECTS_BYTES).await?;
        self.limiter.note(&endpoint, answer.status, &answer.headers, real);
        Ok(answer)
    }

    fn unusable(&self, reason: &str) -> SendError {
        SendError::Unreachable { base_url: self.base_url.clone(), reason: reason.to_owned() }
    }
}
