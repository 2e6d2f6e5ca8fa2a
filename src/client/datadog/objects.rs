//! The part of Datadog's API that keeps dashboards, monitors and SLOs. Bodies are JSON that nobody here looks into: typed
//! ones would break on every new widget.
//!
//! One attempt a call, but for the lists, which ask for every page. A call waits while the limit that it counts against
//! is used up. Facts: <https://docs.datadoghq.com/api/latest/monitors/>,
//! <https://docs.datadoghq.com/api/latest/service-level-objectives/>, <https://docs.datadoghq.com/api/latest/dashboards/>,
//! scopes <https://docs.datadoghq.com/api/latest/scopes/>.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::{Value, json};

use super::call::Call;
use super::{Client, SendError};

mod kind;

pub use kind::Objects;

/// Objects a page, the most that Datadog gives of monitors and of SLOs.
const PAGE: usize = 1000;

/// Dashboards that a page has when nobody says how many. How many it may have at most is not told, so that only a page
/// which is shorter than this is surely the last.
const LEAST_DASHBOARDS: usize = 100;

/// Ids a question: they travel in the address.
const IDS: usize = 100;

/// How a monitor is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonitorState {
    /// Datadog's word: `OK`, `Alert`, `Warn`, `No Data`, `Skipped`, `Ignored`, `Unknown`.
    pub overall: String,
    /// The word of each group, by its name.
    pub groups: BTreeMap<String, String>,
}

impl Client {
    /// Monitors that carry `tag`, whole. Datadog filters them.
    ///
    /// # Errors
    /// Whatever is not a yes; one page that fails fails all.
    pub async fn list_monitors(&self, tag: &str) -> Result<Vec<Value>, SendError> {
        let call = Objects::Monitors.get().with("monitor_tags", tag).with("page_size", PAGE);
        let page = |page: usize, _| {
            let call = call.clone().with("page", page);
            async move { list(self.json(call).await?, self) }
        };
        pages(page, PAGE).await
    }

    /// SLOs that carry `tag`, whole. Datadog filters them.
    ///
    /// # Errors
    /// Whatever is not a yes; one page that fails fails all.
    pub async fn list_slos(&self, tag: &str) -> Result<Vec<Value>, SendError> {
        let call = Objects::Slos.get().with("tags_query", tag).with("limit", PAGE);
        let page = |_, offset: usize| self.part(call.clone().with("offset", offset), "data");
        pages(page, PAGE).await
    }

    /// Every dashboard of the organisation, without its widgets: `id`, `title`, `description`, `modified_at` and more.
    ///
    /// # Errors
    /// Whatever is not a yes; one page that fails fails all.
    pub async fn list_dashboards(&self) -> Result<Vec<Value>, SendError> {
        let call = Objects::Dashboards.get().with("count", PAGE);
        let page = |_, start: usize| self.part(call.clone().with("start", start), "dashboards");
        pages(page, LEAST_DASHBOARDS).await
    }

    /// One object, whole.
    ///
    /// # Errors
    /// [`SendError::NotFound`] when it does not exist; the others when it cannot be asked.
    pub async fn get(&self, objects: Objects, id: &str) -> Result<Value, SendError> {
        self.json(objects.get().of(id)).await.map(|answer| bare(objects, answer))
    }

    /// Makes an object and returns its id. Never send it again blindly: see [`SendError::may_have_landed`].
    ///
    /// # Errors
    /// [`SendError::Duplicate`] when a monitor like it exists; whatever else is not a yes.
    pub async fn create(&self, objects: Objects, body: &Value) -> Result<String, SendError> {
        let call = objects.change(Method::POST).body(body.clone());
        let answer = bare(objects, self.json(call).await?);
        id(&answer).ok_or_else(|| self.misread(200, &answer.to_string()))
    }

    /// Writes an object anew under its id.
    ///
    /// # Errors
    /// [`SendError::NotFound`] when it does not exist; whatever else is not a yes.
    pub async fn update(&self, objects: Objects, asked: &str, body: &Value) -> Result<(), SendError> {
        let call = objects.change(Method::PUT).of(asked).body(body.clone());
        let answer = bare(objects, self.json(call).await?);
        let same = id(&answer).is_some_and(|told| told == asked);
        if same { Ok(()) } else { Err(self.misread(200, &answer.to_string())) }
    }

    /// Deletes an object; with `force` even one that others refer to.
    ///
    /// # Errors
    /// [`SendError::Conflict`] when others refer to it, [`SendError::NotFound`] when it does not exist, whatever else is
    /// not a yes.
    pub async fn delete(&self, objects: Objects, id: &str, force: bool) -> Result<(), SendError> {
        let call = objects.change(Method::DELETE).of(id);
        let call = if force && objects != Objects::Dashboards { call.with("force", true) } else { call };
        self.call(call).await.map(drop)
    }

    /// Deletes dashboards, all of them or none.
    ///
    /// # Errors
    /// Whatever is not a yes.
    pub async fn delete_dashboards(&self, ids: &[&str]) -> Result<(), SendError> {
        self.call(Objects::Dashboards.change(Method::DELETE).body(bulk(ids))).await.map(drop)
    }

    /// Brings deleted dashboards back under their ids, all of them or none.
    /// <https://docs.datadoghq.com/api/latest/dashboards/restore-deleted-dashboards/>
    ///
    /// # Errors
    /// [`SendError::NotFound`] when Datadog does not have one of them any more; whatever else is not a yes.
    pub async fn restore_dashboards(&self, ids: &[&str]) -> Result<(), SendError> {
        self.call(Objects::Dashboards.change(Method::PATCH).body(bulk(ids))).await.map(drop)
    }

    /// Whether Datadog would take this monitor.
    ///
    /// # Errors
    /// [`SendError::BadRequest`] with what is wrong with it; the others when it cannot be asked.
    pub async fn validate_monitor(&self, body: &Value) -> Result<(), SendError> {
        let call = Call::new(Method::POST, "/api/v1/monitor/validate", "monitors_read");
        self.call(call.body(body.clone())).await.map(drop)
    }

    /// Those of the monitors that cannot be deleted, and why not.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn can_delete_monitors(&self, ids: &[&str]) -> Result<BTreeMap<String, Vec<String>>, SendError> {
        let call = Call::new(Method::GET, "/api/v1/monitor/can_delete", "monitors_read");
        self.can_delete(&call, "monitor_ids", ids).await
    }

    /// Those of the SLOs that cannot be deleted, and why not.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn can_delete_slos(&self, ids: &[&str]) -> Result<BTreeMap<String, Vec<String>>, SendError> {
        let call = Call::new(Method::GET, "/api/v1/slo/can_delete", "slos_read");
        self.can_delete(&call, "ids", ids).await
    }

    /// Handles that a message may have, at most `group_limit` of each group. The endpoint is not documented, so every
    /// text in its answer that begins with `@` counts as one.
    ///
    /// # Errors
    /// Whatever is not a yes.
    pub async fn handles(&self, group_limit: usize) -> Result<BTreeSet<String>, SendError> {
        let call = Call::new(Method::GET, "/api/v2/notifications/handles", "monitors_read");
        let answer = self.json(call.with("group_limit", group_limit)).await?;
        let mut handles = BTreeSet::new();
        collect_handles(&answer, &mut handles);
        Ok(handles)
    }

    /// What a query tells between two instants, Unix seconds, as Datadog answers it.
    /// <https://docs.datadoghq.com/api/latest/metrics/#query-timeseries-points>
    ///
    /// # Errors
    /// Whatever is not a yes.
    pub async fn query(&self, from: i64, to: i64, text: &str) -> Result<Value, SendError> {
        let call = Call::new(Method::GET, "/api/v1/query", "timeseries_query");
        self.json(call.with("from", from).with("to", to).with("query", text)).await
    }

    /// How a monitor is, and each of its groups.
    ///
    /// # Errors
    /// [`SendError::NotFound`] when it does not exist; the others when it cannot be asked.
    pub async fn monitor_state(&self, id: &str) -> Result<MonitorState, SendError> {
        let body = self.json(Objects::Monitors.get().of(id).with("group_states", "all")).await?;
        let word = |value: &Value| value.as_str().unwrap_or("Unknown").to_owned();
        let groups = body["state"]["groups"].as_object().into_iter().flatten();
        let groups = groups.map(|(name, group)| (name.clone(), word(&group["status"]))).collect();
        Ok(MonitorState { overall: word(&body["overall_state"]), groups })
    }

    /// Asks `call` about all of `ids`. Datadog answers 409 when some cannot go.
    async fn can_delete(
        &self,
        call: &Call<'_>,
        name: &'static str,
        ids: &[&str],
    ) -> Result<BTreeMap<String, Vec<String>>, SendError> {
        let mut blocked = BTreeMap::new();
        for ids in ids.chunks(IDS) {
            let call = call.clone().with(name, ids.join(","));
            let answer = self.ask(&call).await?;
            let body = match answer.status {
                200..300 | 409 => self.read(answer)?,
                _ => return Err(self.refusal(&answer, call.scope)),
            };
            for (id, reasons) in body["errors"].as_object().into_iter().flatten() {
                let reasons = match reasons {
                    Value::Array(reasons) => reasons.iter().map(|reason| self.words(reason)).collect(),
                    reason => vec![self.words(reason)],
                };
                blocked.insert(id.clone(), reasons);
            }
        }
        Ok(blocked)
    }

    fn words(&self, reason: &Value) -> String {
        self.quote(&reason.as_str().map_or_else(|| reason.to_string(), str::to_owned))
    }

    /// The list that an answer holds under `key`.
    async fn part(&self, call: Call<'static>, key: &'static str) -> Result<Vec<Value>, SendError> {
        let mut answer = self.json(call).await?;
        list(answer.get_mut(key).map(Value::take).unwrap_or_default(), self)
    }
}

/// Every page of a list: `page` is given the number of the page and how many came before. A page with less than `full`
/// is the last one. What moved from one page to the next meanwhile is there once.
async fn pages<F>(page: impl Fn(usize, usize) -> F, full: usize) -> Result<Vec<Value>, SendError>
where
    F: Future<Output = Result<Vec<Value>, SendError>>,
{
    let mut all = Vec::new();
    let mut seen = BTreeSet::new();
    let mut before = 0;
    for number in 0.. {
        let items = page(number, before).await?;
        let count = items.len();
        before += count;
        let known = all.len();
        all.extend(items.into_iter().filter(|item| seen.insert(item["id"].to_string())));
        // A server that does not page answers the same for ever.
        if count < full || all.len() == known {
            break;
        }
    }
    Ok(all)
}

fn list(answer: Value, client: &Client) -> Result<Vec<Value>, SendError> {
    match answer {
        Value::Array(items) => Ok(items),
        other => Err(client.misread(200, &format!("no list: {other}"))),
    }
}

/// An SLO comes in an envelope, alone or as the only one of a list.
fn bare(objects: Objects, mut answer: Value) -> Value {
    match (objects, answer.get_mut("data")) {
        (Objects::Slos, Some(Value::Array(items))) if !items.is_empty() => items.swap_remove(0),
        (Objects::Slos, Some(data)) => data.take(),
        _ => answer,
    }
}

/// A monitor's id is a number, any other's a text.
fn id(body: &Value) -> Option<String> {
    match &body["id"] {
        Value::String(id) => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    }
}

fn bulk(ids: &[&str]) -> Value {
    let data: Vec<Value> = ids.iter().map(|id| json!({ "id": id, "type": "dashboard" })).collect();
    json!({ "data": data })
}

fn collect_handles(value: &Value, handles: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if text.starts_with('@') => {
            handles.insert(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| collect_handles(item, handles)),
        Value::Object(fields) => fields.values().for_each(|item| collect_handles(item, handles)),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
