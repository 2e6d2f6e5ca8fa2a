//! The part of Datadog's API that keeps deployments, and the one that keeps events. Bodies are JSON that nobody here
//! looks into.
//!
//! One attempt a call, but for the lists, which ask for every page. A call waits while the limit that it counts against
//! is used up. Facts: <https://docs.datadoghq.com/api/latest/dora-metrics/>,
//! <https://docs.datadoghq.com/api/latest/events/>.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use reqwest::Method;
use serde_json::{Value, json};

use super::call::Call;
use super::{Client, SendError};

/// Deployments and events an answer, the most that Datadog gives.
const PAGE: usize = 1000;

/// Answers of one search for events: a query that fits everything ends here.
const MAX_PAGES: usize = 100;

const DEPLOYMENTS: &str = "/api/v2/dora/deployments";

impl Client {
    /// Sends one deployment: `POST /api/v2/dora/deployment`. The API key is enough. Never send it again blindly: what
    /// becomes of an id that is sent twice is not told, see [`SendError::may_have_landed`].
    ///
    /// # Errors
    /// Whatever is not a yes that names the deployment's id.
    pub async fn send_deployment(&self, body: &Value) -> Result<(), SendError> {
        let call = Call::open(Method::POST, "/api/v2/dora/deployment").body(body.clone());
        let answer = self.json(call).await?;
        let (sent, told) = (&body["data"]["attributes"]["id"], &answer["data"]["id"]);
        if told.is_string() && (sent == told || sent.is_null()) {
            Ok(())
        } else {
            Err(self.misread(200, &answer.to_string()))
        }
    }

    /// Says of a deployment whether it failed and what put it right: `PATCH /api/v2/dora/deployments/{id}`. To say it
    /// again changes nothing.
    ///
    /// # Errors
    /// [`SendError::NotFound`] when Datadog does not know the deployment; whatever else is not a yes.
    pub async fn patch_deployment(&self, id: &str, body: &Value) -> Result<(), SendError> {
        let call = Call::new(Method::PATCH, DEPLOYMENTS, "dora_metrics_write");
        self.call(call.of(id).body(body.clone())).await.map(drop)
    }

    /// Every deployment between two instants, Unix seconds, whoever sent it: `POST /api/v2/dora/deployments`.
    ///
    /// There is no cursor, and which of its times is compared and what order an answer has is not told. So a window
    /// whose answer is full is asked again in halves.
    ///
    /// # Errors
    /// Whatever is not a yes; one answer that fails fails all, since what is missing would be sent again.
    pub async fn list_deployments(&self, from: i64, to: i64) -> Result<Vec<Value>, SendError> {
        let mut windows = vec![(from, to)];
        let mut all = Vec::new();
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        while let Some((from, to)) = windows.pop() {
            let page = self.deployments(from, to).await?;
            let middle = from.midpoint(to);
            if page.len() < PAGE {
                // Windows share what lies on their borders. What one window has twice is there twice.
                let mut here: BTreeMap<String, usize> = BTreeMap::new();
                for item in page {
                    let times = here.entry(item.to_string()).or_default();
                    *times += 1;
                    let known = seen.entry(item.to_string()).or_default();
                    if *times > *known {
                        *known = *times;
                        all.push(item);
                    }
                }
            } else if middle > from {
                // Both have the middle: whether the ends belong to a window is not told either.
                windows.extend([(middle, to), (from, middle)]);
            } else {
                let words = format!("{PAGE} deployments or more in the second {from}, and no way to list the rest");
                return Err(self.misread(200, &words));
            }
        }
        Ok(all)
    }

    async fn deployments(&self, from: i64, to: i64) -> Result<Vec<Value>, SendError> {
        let attributes = json!({ "from": rfc3339(from), "to": rfc3339(to), "limit": PAGE });
        let body = json!({ "data": { "attributes": attributes, "type": "dora_deployments_list_request" } });
        let call = Call::new(Method::POST, DEPLOYMENTS, "dora_metrics_read").body(body);
        let mut answer = self.json(call).await?;
        self.list(&mut answer)
    }

    /// Posts an event, for example a marker on dashboards: `POST /api/v1/events`. The API key is enough. One that is
    /// posted twice is there twice.
    ///
    /// # Errors
    /// Whatever is not a yes.
    pub async fn post_event(&self, body: &Value) -> Result<(), SendError> {
        let answer = self.json(Call::open(Method::POST, "/api/v1/events").body(body.clone())).await?;
        let taken = answer["status"] == "ok" || answer["event"].is_object();
        if taken { Ok(()) } else { Err(self.misread(200, &answer.to_string())) }
    }

    /// Every event that fits a query between two instants, Unix seconds, the oldest first: `POST /api/v2/events/search`.
    ///
    /// # Errors
    /// Whatever is not a yes, and more pages than anybody would read; one page that fails fails all.
    pub async fn search_events(&self, query: &str, from: i64, to: i64) -> Result<Vec<Value>, SendError> {
        let filter = json!({ "query": query, "from": rfc3339(from), "to": rfc3339(to) });
        let (mut all, mut cursor) = (Vec::new(), None);
        for _ in 0..MAX_PAGES {
            let mut page = json!({ "limit": PAGE });
            if let Some(cursor) = &cursor {
                page["cursor"] = json!(cursor);
            }
            let body = json!({ "filter": filter, "sort": "timestamp", "page": page });
            let call = Call::new(Method::POST, "/api/v2/events/search", "events_read").body(body);
            let mut answer = self.json(call).await?;
            all.append(&mut self.list(&mut answer)?);
            match answer["meta"]["page"]["after"].as_str() {
                Some(after) if !after.is_empty() && cursor.as_deref() != Some(after) => cursor = Some(after.to_owned()),
                _ => return Ok(all),
            }
        }
        let words = format!("more than {MAX_PAGES} pages of events fit {query}");
        Err(self.misread(200, &words))
    }

    /// What an answer holds under `data`. An answer without it is no empty list.
    fn list(&self, answer: &mut Value) -> Result<Vec<Value>, SendError> {
        match answer.get_mut("data").map(Value::take) {
            Some(Value::Array(items)) => Ok(items),
            _ => Err(self.misread(200, &format!("no list: {answer}"))),
        }
    }
}

fn rfc3339(seconds: i64) -> String {
    let instant: DateTime<Utc> = DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    instant.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests;
