//! The part of Datadog that takes logs. It has a host of its own.

use bytes::Bytes;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::{Client, MAX_ANSWER_BYTES, SendError, error};

impl Client {
    /// Sends one body of `POST /api/v2/logs`, a JSON array of at most 1,000 items, compressed with gzip. One attempt.
    /// The API key is enough. What is sent twice is there twice.
    /// <https://docs.datadoghq.com/api/latest/logs/#send-logs>
    ///
    /// # Errors
    /// Whatever is not a yes: any status but 2xx, a 2xx that lists errors or is not Datadog's, or no answer. A body that
    /// is too large is [`SendError::TooLarge`]; [`SendError::may_have_landed`] says when it may have been taken all the
    /// same. A 400, 413 or 422 without Datadog's `errors` or `error` is [`SendError::Misdirected`]: something on the way
    /// says it, and it may say so to everything.
    pub async fn send_logs(&self, body: Bytes) -> Result<(), SendError> {
        let request = self
            .http
            .post(format!("{}/api/v2/logs", self.logs_url))
            .header(CONTENT_TYPE, "application/json")
            .header(CONTENT_ENCODING, "gzip")
            .body(body);
        let answer = self.exchange(&self.logs_url, request, MAX_ANSWER_BYTES).await?;
        if matches!(answer.status, 400 | 413 | 422) && !answer.names_errors() {
            let (status, base_url) = (answer.status, self.logs_url.clone());
            return Err(SendError::Misdirected { status, base_url, answer: self.quote(&answer.text()) });
        }
        match error::listed(&self.judge(&self.logs_url, answer, "DD_API_KEY")?) {
            Some(errors) => Err(SendError::BadRequest { status: 202, answer: self.quote(&errors) }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
