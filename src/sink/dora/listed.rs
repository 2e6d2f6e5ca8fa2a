//! A deployment as Datadog lists it. Pure.

use chrono::DateTime;
use serde_json::Value;

use crate::model::dora::DeploymentId;

/// One deployment that Datadog has, whoever sent it. Times in Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) id: DeploymentId,
    pub(super) service: String,
    /// Begin and end, as far as it tells them.
    pub(super) times: Option<(i64, i64)>,
}

/// Reads one item; `None` when it has no id, and then it is none of ours. One without times is there all the same: sent
/// again it would be there twice.
pub(super) fn listed(item: &Value) -> Option<Listed> {
    let attributes = &item["attributes"];
    let [started, finished] = ["started_at", "finished_at"].map(|key| seconds(&attributes[key]));
    let id = DeploymentId::from_text(item["id"].as_str()?);
    let service = attributes["service"].as_str().unwrap_or_default().to_owned();
    Some(Listed { id, service, times: started.or(finished).zip(finished.or(started)) })
}

impl Listed {
    pub(super) fn finished_at(&self) -> Option<i64> {
        Some(self.times?.1)
    }
}

/// An instant as RFC 3339, or as a number of seconds, milliseconds or nanoseconds: the description of the API says the one,
/// its examples the other. No two of them can be meant.
fn seconds(value: &Value) -> Option<i64> {
    if let Some(text) = value.as_str() {
        return DateTime::parse_from_rfc3339(text).ok().map(|instant| instant.timestamp());
    }
    let number = value.as_i64()?;
    Some(match number {
        1_000_000_000_000_000_000.. => number / 1_000_000_000,
        1_000_000_000_000.. => number / 1_000,
        _ => number,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_read_in_every_form_that_they_come_in() {
        for time in [
            json!("2026-09-07T00:00:00Z"),
            json!("2026-09-07T02:00:00.999+02:00"),
            json!(1_788_739_200),
            json!(1_788_739_200_999_i64),
            json!(1_788_739_200_999_999_999_i64),
        ] {
            assert_eq!(seconds(&time), Some(1_788_739_200), "{time}");
        }
        for none in [json!(null), json!("yesterday"), json!(1.5), json!([])] {
            assert_eq!(seconds(&none), None, "{none}");
        }
    }

    #[test]
    fn what_is_none_of_ours_does_no_harm() {
        for item in [json!(null), json!({}), json!({"id": 5})] {
            assert_eq!(listed(&item), None, "{item}");
        }
        let read = listed(&json!({"id": "a", "attributes": {"started_at": 5, "service": "lease"}}));
        let id = DeploymentId::from_text("a");
        let here = |times| Some(Listed { id: id.clone(), service: "lease".into(), times });
        assert_eq!(read, here(Some((5, 5))));
        let read =
            listed(&json!({"id": "a", "attributes": {"started_at": null, "finished_at": 7, "service": "lease"}}));
        assert_eq!(read, here(Some((7, 7))));
        assert_eq!(listed(&json!({"id": "a", "attributes": {"service": "lease"}})), here(None));
    }
}
