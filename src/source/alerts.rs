//! Alerts of our own monitors, which speak against what was deployed before them.
//!
//! A monitor's state is only the present, so its past is read from Datadog's events:
//! <https://docs.datadoghq.com/api/latest/events/#search-events>. An alert says whose it is by the tags of its monitor and
//! of its group, how urgent it is by `priority`, and what happened by `status` and the kind of its transition.

use std::collections::BTreeSet;

use chrono::DateTime;
use serde_json::Value;

use crate::client::datadog::{Client, SendError};
use crate::model::catalogue::PREFIX;
use crate::model::dora::{Signal, SignalKind, Unit};
use crate::model::pipeline::quoted;

/// Alerts of a span, and how many could not be read as one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alerts {
    /// In the order of time.
    pub signals: Vec<Signal>,
    /// Alerts about no pipeline, or about several: nobody can say against which deployment they speak.
    pub unplaced: usize,
    /// Alerts of monitors without a priority.
    pub without_priority: usize,
}

/// The alerts between two instants, Unix seconds, of the monitors that carry `mark`, for example
/// `ddsync_namespace:main`. `link` tells where a person looks at a monitor.
///
/// The same alert is the same signal whenever it is read.
///
/// # Errors
/// When Datadog cannot be asked: [`SendError::NoAppKey`] without an application key.
pub async fn alerts(
    client: &Client,
    mark: &str,
    link: &(dyn Fn(u64) -> String + Sync),
    from: i64,
    to: i64,
) -> Result<Alerts, SendError> {
    let events = client.search_events(&format!("source:alert {mark}"), from, to).await?;
    Ok(decode(&events, link))
}

/// Reads what a search answered. Pure.
#[must_use]
pub fn decode(events: &[Value], link: &dyn Fn(u64) -> String) -> Alerts {
    let mut alerts = Alerts::default();
    for event in events.iter().filter(|event| is_alert(event)) {
        match (unit(event), priority(event)) {
            (None, _) => alerts.unplaced += 1,
            (_, None) => alerts.without_priority += 1,
            (Some(unit), Some(priority)) => alerts.signals.extend(signal(event, unit, priority, link)),
        }
    }
    alerts.signals.sort_by(|a, b| (a.at, &a.key).cmp(&(b.at, &b.key)));
    alerts
}

/// Whether a monitor began to alert: neither a recovery nor a reminder, and none of a monitor over deployments, which
/// would hold up the very failure that it tells of.
fn is_alert(event: &Value) -> bool {
    let attributes = &event["attributes"]["attributes"];
    let monitor = &attributes["monitor"];
    let transition = &monitor["transition"];
    let kind = transition["transition_type"].as_str().or_else(|| transition["trans_type"].as_str());
    let about_deploys = monitor["query"].as_str().is_some_and(|query| query.contains(&format!("{PREFIX}deploy.")));
    attributes["status"] == "error" && kind.is_none_or(|kind| kind == "alert") && !about_deploys
}

/// The pipeline and the environment, when there is exactly one of each.
fn unit(event: &Value) -> Option<Unit> {
    let attributes = &event["attributes"];
    let lists = [&attributes["tags"], &attributes["attributes"]["tags"], &attributes["attributes"]["monitor"]["tags"]];
    let tags: BTreeSet<&str> =
        lists.into_iter().filter_map(Value::as_array).flatten().filter_map(Value::as_str).collect();
    let only = |key: &str| {
        let mut values = tags.iter().filter_map(|tag| tag.strip_prefix(key));
        values.next().filter(|value| !value.is_empty() && values.next().is_none())
    };
    Some(Unit::new(only("pipeline:")?, only("environment:")?))
}

/// From 1, as a text or as a number.
fn priority(event: &Value) -> Option<u8> {
    let attributes = &event["attributes"]["attributes"];
    let read = |value: &Value| match value {
        Value::String(text) => text.trim_start_matches(['P', 'p']).parse().ok(),
        Value::Number(number) => u8::try_from(number.as_u64()?).ok(),
        _ => None,
    };
    [&attributes["priority"], &attributes["monitor"]["priority"]]
        .into_iter()
        .filter_map(read)
        .find(|priority| (1..=5).contains(priority))
}

/// `None` without a time or an id.
fn signal(event: &Value, unit: Unit, priority: u8, link: &dyn Fn(u64) -> String) -> Option<Signal> {
    let attributes = &event["attributes"]["attributes"];
    let at = match (&attributes["timestamp"], &event["attributes"]["timestamp"]) {
        (Value::Number(millis), _) => millis.as_i64()? / 1_000,
        (_, Value::String(text)) => DateTime::parse_from_rfc3339(text).ok()?.timestamp(),
        _ => return None,
    };
    let id = event["id"].as_str().filter(|id| !id.is_empty())?;
    let monitor = attributes["monitor"]["id"].as_u64().or_else(|| attributes["monitor_id"].as_u64());
    // With what its variables stood for, where Datadog tells that.
    let names = [&attributes["monitor"]["templated_name"], &attributes["monitor"]["name"], &attributes["title"]];
    let name = names.into_iter().find_map(Value::as_str).unwrap_or_default();
    Some(Signal {
        // An event never changes, and what is read again must be the same.
        as_of: at,
        withdrawn: false,
        key: format!("monitor:{}:event:{id}", monitor.unwrap_or_default()),
        unit,
        kind: SignalKind::Monitor { priority },
        at,
        words: format!("the P{priority} monitor {} alerted", quoted(name)),
        link: monitor.map(link),
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    fn event() -> Value {
        json!({"id": "AgAA1", "type": "event", "attributes": {
            "timestamp": "2026-09-07T00:00:00.000Z", "message": "[P1] [Triggered] it is stuck",
            "tags": ["pipeline:lease", "environment:data_prod", "stage:ocr", "ddsync_namespace:main", "monitor"],
            "attributes": {
                "status": "error", "priority": "1", "timestamp": 1_788_739_200_500_i64, "title": "[P1] [Triggered] x",
                "monitor": {"id": 12, "name": "lease: \u{1b}[31mstuck\n@all", "query": "max(last_5m):max:a.b{*} > 1",
                    "tags": ["pipeline:lease"], "transition": {"transition_type": "alert"}},
            },
        }})
    }

    fn with(pointer: &str, value: Value) -> Value {
        let mut event = event();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        event.pointer_mut(parent).unwrap()[key] = value;
        event
    }

    fn read(events: &[Value]) -> Alerts {
        decode(events, &|id| format!("https://app.datadoghq.eu/monitors/{id}"))
    }

    #[test]
    fn an_alert_says_of_what_it_is_how_urgent_and_when() {
        let alerts = read(&[event()]);
        let signal = &alerts.signals[0];
        assert_eq!(signal.unit, Unit::new("lease", "data_prod"));
        assert_eq!(signal.kind, SignalKind::Monitor { priority: 1 });
        assert_eq!((signal.at, signal.as_of), (1_788_739_200, 1_788_739_200));
        assert_eq!(signal.key, "monitor:12:event:AgAA1");
        assert_eq!(signal.link.as_deref(), Some("https://app.datadoghq.eu/monitors/12"));
        assert_eq!(signal.words, r#"the P1 monitor "lease: \u{1b}[31mstuck\n@all" alerted"#);
        let templated = read(&[with("/attributes/attributes/monitor/templated_name", json!("page-split is stuck"))]);
        assert_eq!(templated.signals[0].words, r#"the P1 monitor "page-split is stuck" alerted"#);
    }

    #[test]
    fn only_the_beginning_of_an_alert_is_one() {
        let at = |key: &str| format!("/attributes/attributes/{key}");
        let others = [
            with(&at("status"), json!("ok")),
            with(&at("status"), json!("warn")),
            with(&at("monitor/transition"), json!({"transition_type": "alert recovery"})),
            with(&at("monitor/transition"), json!({"trans_type": "renotify"})),
            with(&at("monitor/query"), json!("min(last_5m):max:mlpipeline.deploy.last_failed{*} >= 1")),
        ];
        assert_eq!(read(&others), Alerts::default());
        assert_eq!(read(&[with(&at("monitor/transition"), json!(null))]).signals.len(), 1);
    }

    #[test]
    fn what_is_about_no_pipeline_or_about_several_is_counted_and_not_guessed() {
        let several = json!(["pipeline:lease", "pipeline:fax", "environment:data_prod"]);
        let none = json!(["environment:data_prod"]);
        let global = |tags: Value| {
            let mut event = with("/attributes/tags", tags);
            event["attributes"]["attributes"]["monitor"]["tags"] = json!([]);
            event
        };
        let alerts = read(&[global(several), global(none)]);
        assert_eq!(alerts, Alerts { unplaced: 2, ..Alerts::default() });
    }

    #[test]
    fn a_priority_comes_in_every_form_or_is_counted_as_missing() {
        let of = |value: Value| {
            let alerts = read(&[with("/attributes/attributes/priority", value)]);
            alerts.signals.first().map(|signal| signal.kind).ok_or(alerts.without_priority)
        };
        for value in [json!("2"), json!(2), json!("P2")] {
            assert_eq!(of(value), Ok(SignalKind::Monitor { priority: 2 }));
        }
        for value in [json!("normal"), json!(0), json!(900), json!(null)] {
            assert_eq!(of(value), Err(1));
        }
    }

    #[test]
    fn hostile_events_do_no_harm() {
        let pointers =
            ["/id", "/attributes", "/attributes/tags", "/attributes/attributes", "/attributes/attributes/timestamp"];
        for pointer in pointers {
            for value in [json!(null), json!(7), json!("x"), json!([[]]), json!({"a": {}})] {
                let alerts = read(&[with(pointer, value)]);
                assert!(alerts.signals.len() <= 1);
            }
        }
    }
}
