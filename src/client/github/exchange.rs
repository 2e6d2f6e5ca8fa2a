//! One question to GitHub and its answer: authentication, conditions, limits and retries, for every route alike.

use std::fmt::Write as _;

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{ACCEPT, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, LINK};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::cache::Entry;
use super::error::{self, Credential, Error, Limit, Place};
use super::limits::{self, Closed, Quota};
use super::{Client, MAX_ANSWER_BYTES, REQUEST_TIMEOUT};
use crate::client::datadog::{innermost, quote};

/// How often one request is tried when GitHub fails or cannot be reached: what it calls 502 is gone in a moment.
const TRIES: u32 = 3;

/// A page, and whether there is another.
#[derive(Debug)]
pub(super) struct Page<T> {
    pub(super) body: T,
    pub(super) next: bool,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    /// `owner/name`.
    pub(super) repository: &'a str,
    /// The path and its query, from `/repos` on: never a whole URL, which would be asked without a credential.
    pub(super) route: &'a str,
    /// What is missing when the answer is 404.
    pub(super) what: &'a str,
    /// No wait ends after it.
    pub(super) deadline: DateTime<Utc>,
    /// Whether the answer is kept.
    pub(super) keep: bool,
}

/// What came back, of whatever status.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// What GitHub says of a refusal, else the whole of it.
    fn reason(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["message"].as_str().map_or_else(|| self.text(), str::to_owned)
    }

    fn header(&self, name: impl reqwest::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Client {
    /// A page of JSON. One that has not changed since it was last read costs nothing.
    pub(super) async fn page<T: Serialize + DeserializeOwned>(&self, asked: Question<'_>) -> Result<Page<T>, Error> {
        let known = self.cache().get(asked.route, self.clock.now());
        let known = known.and_then(|entry| Some((serde_json::from_str(&entry.body).ok()?, entry)));
        let tag = known.as_ref().and_then(|(_, entry)| HeaderValue::try_from(&entry.etag).ok());
        let headers = tag.map(|tag| (IF_NONE_MATCH, tag));
        let answer = self.asked(asked, headers.into_iter().collect()).await?;
        if answer.status == 304 {
            // Only what was asked for on a condition can be unchanged.
            let (body, entry) = known.ok_or_else(|| self.misdirected(&answer, "nothing was asked on a condition"))?;
            return Ok(Page { body, next: entry.next });
        }
        let body: T = serde_json::from_slice(&answer.body)
            .map_err(|error| self.misdirected(&answer, &self.quote(&format!("not what GitHub sends: {error}"))))?;
        let next = answer.header(LINK).is_some_and(|link| link.contains("rel=\"next\""));
        match (answer.header(ETAG), serde_json::to_string(&body)) {
            (Some(etag), Ok(body)) if asked.keep => {
                let entry = Entry { etag: etag.to_owned(), body, next, used: self.clock.now() };
                self.cache().put(asked.route.to_owned(), entry);
            }
            _ => self.cache().forget(asked.route),
        }
        Ok(Page { body, next })
    }

    /// The content of a file, as it is.
    pub(super) async fn raw(&self, asked: Question<'_>) -> Result<Bytes, Error> {
        let accept = HeaderValue::from_static("application/vnd.github.raw+json");
        let answer = self.asked(asked, [(ACCEPT, accept)].into_iter().collect()).await?;
        // A folder is answered as a list, whatever is asked for.
        if answer.header(CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/json")) {
            return Err(Error::NotFound { repository: asked.repository.to_owned(), what: asked.what.to_owned() });
        }
        Ok(answer.body)
    }

    /// Asks until there is an answer that means something, and gives a yes or a 304.
    async fn asked(&self, asked: Question<'_>, headers: HeaderMap) -> Result<Answer, Error> {
        let (mut failures, mut refusals) = (0, 0);
        loop {
            self.wait_for_limits(asked.deadline).await?;
            let error = match self.once(asked, headers.clone()).await {
                Ok(answer) if matches!(answer.status, 200..=299 | 304) => {
                    self.note_quota(Quota::told(&answer.headers));
                    return Ok(answer);
                }
                Ok(answer) => {
                    let now = self.clock.now();
                    if let Some(closed) = limits::refusal(answer.status, &answer.headers, &answer.text(), now, refusals)
                    {
                        refusals += 1;
                        self.close(closed);
                        continue;
                    }
                    self.note_quota(Quota::told(&answer.headers));
                    error::classify(answer.status, &answer.headers, self.quote(&answer.reason()), &self.place(asked))
                }
                Err(Failed::Limited(closed)) => {
                    refusals += 1;
                    self.close(closed);
                    continue;
                }
                Err(Failed::Error(error)) => error,
            };
            failures += 1;
            let again = self.clock.now() + TimeDelta::seconds(i64::from(failures));
            let hopeless = matches!(error, Error::Limited { .. }) || !error.is_retriable();
            if hopeless || failures >= TRIES || again > asked.deadline {
                return Err(error);
            }
            self.clock.sleep_until(again).await;
        }
    }

    /// Waits until GitHub may be asked again, when that is before the deadline.
    async fn wait_for_limits(&self, deadline: DateTime<Utc>) -> Result<(), Error> {
        while let Some(Closed { limit, until }) = self.closed() {
            if until > deadline {
                return Err(Error::Limited { limit, until });
            }
            self.clock.sleep_until(until).await;
        }
        Ok(())
    }

    /// Until when GitHub is to be left alone; nothing when it may be asked.
    fn closed(&self) -> Option<Closed> {
        let now = self.clock.now();
        let limits = self.limits();
        let used_up = limits.quota.filter(|quota| quota.remaining == 0);
        let used_up = used_up.map(|quota| Closed { limit: Limit::Primary, until: quota.reset });
        [limits.closed, used_up]
            .into_iter()
            .flatten()
            .filter(|closed| closed.until > now)
            .max_by_key(|closed| closed.until)
    }

    fn close(&self, closed: Closed) {
        self.limits().closed = Some(closed);
    }

    fn note_quota(&self, told: Option<Quota>) {
        if told.is_some() {
            self.limits().quota = told;
        }
    }

    async fn once(&self, asked: Question<'_>, headers: HeaderMap) -> Result<Answer, Failed> {
        self.limits().requests += 1;
        let work = async {
            let response = self.crab._get_with_headers(asked.route, Some(headers)).await;
            let (parts, body) = response.map_err(|error| self.failed(&error))?.into_parts();
            // What cannot be read has the same causes as what does not come, but for its length.
            let body = to_bytes(Body::new(body), MAX_ANSWER_BYTES).await.map_err(|error| {
                let reason = innermost(&error);
                let base_url = self.base_url.clone();
                Failed::Error(if reason.contains("length limit") {
                    Error::TooLong { base_url, limit: MAX_ANSWER_BYTES }
                } else {
                    Error::Unreachable { base_url, reason: self.quote(&reason) }
                })
            })?;
            Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
        };
        let reason = format!("no answer in {} s", REQUEST_TIMEOUT.as_secs());
        let late = || Failed::Error(Error::Unreachable { base_url: self.base_url.clone(), reason });
        tokio::time::timeout(REQUEST_TIMEOUT, work).await.unwrap_or_else(|_| Err(late()))
    }

    /// What octocrab has no answer for: the network, or an App that gets no token.
    fn failed(&self, error: &octocrab::Error) -> Failed {
        let octocrab::Error::GitHub { source, .. } = error else {
            let reason = self.quote(&innermost(error));
            return Failed::Error(Error::Unreachable { base_url: self.base_url.clone(), reason });
        };
        let (status, none) = (source.status_code.as_u16(), HeaderMap::new());
        let headers = source.headers.as_ref().unwrap_or(&none);
        if let Some(closed) = limits::refusal(status, headers, &source.message, self.clock.now(), 0) {
            return Failed::Limited(closed);
        }
        if let (404, Credential::App { installation_id }) = (status, self.credential) {
            return Failed::Error(Error::NoInstallation { installation_id });
        }
        let place = Place { base_url: &self.base_url, credential: self.credential, repository: "", what: "" };
        Failed::Error(error::classify(status, headers, self.quote(&source.message), &place))
    }

    fn misdirected(&self, answer: &Answer, reason: &str) -> Error {
        Error::Misdirected { status: answer.status, base_url: self.base_url.clone(), answer: reason.to_owned() }
    }

    fn place<'a>(&'a self, asked: Question<'a>) -> Place<'a> {
        Place { base_url: &self.base_url, credential: self.credential, repository: asked.repository, what: asked.what }
    }

    fn quote(&self, answer: &str) -> String {
        quote(answer, &self.secrets)
    }
}

/// Why there is no answer.
enum Failed {
    Limited(Closed),
    Error(Error),
}

/// Text as a part of a path or of a query: everything but letters, digits, `-`, `.`, `_`, `~` and what is in `kept`.
pub(super) fn encoded(text: &str, kept: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || "-._~".contains(c) || (c.is_ascii() && kept.contains(c)) {
            encoded.push(c);
        } else {
            // Writing to a string has no way to fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_place_in_a_route() {
        assert_eq!(encoded("feature/a b?#&=é", "/"), "feature/a%20b%3F%23%26%3D%C3%A9");
        assert_eq!(encoded(">=2026-01-01T00:00:00Z", ""), "%3E%3D2026-01-01T00%3A00%3A00Z");
    }
}
