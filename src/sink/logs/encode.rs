//! A line as Datadog takes it. Pure.
//!
//! <https://docs.datadoghq.com/api/latest/logs/#send-logs>, and for the names that Datadog reads a line's host, service,
//! status and time from <https://docs.datadoghq.com/logs/log_configuration/pipelines/#preprocessing>.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::model::log::{Line, Origin};
use crate::sink::same_key;

/// Names that are written here, and names that Datadog would take for them. An attribute of such a name goes below
/// [`ORIGINAL`]: a line must not change where it seems to come from.
const OWN: &[&str] = &[
    "@timestamp",
    "_timestamp",
    "aws",
    "date",
    "ddsource",
    "ddtags",
    "event_id",
    "eventtime",
    "host",
    "hostname",
    "level",
    "message",
    "published_date",
    "service",
    "severity",
    "source",
    "status",
    "syslog",
    "timestamp",
];

/// Where attributes are kept that have such a name.
const ORIGINAL: &str = "original";

/// Encodes lines. What a group's lines have in common is encoded once, as long as they follow each other.
#[derive(Debug)]
pub(super) struct Encoder<'a> {
    tags: &'a [String],
    last: Option<(Arc<Origin>, Vec<u8>)>,
}

impl<'a> Encoder<'a> {
    /// `tags` are added to those of every line; where a line has a tag of the same key, its own stays alone.
    pub(super) fn new(tags: &'a [String]) -> Self {
        Self { tags, last: None }
    }

    /// Appends the JSON of a line.
    pub(super) fn encode(&mut self, line: &Line, into: &mut Vec<u8>) -> serde_json::Result<()> {
        let known = self.last.as_ref().is_some_and(|(origin, _)| Arc::ptr_eq(origin, &line.origin));
        if !known {
            self.last = Some((Arc::clone(&line.origin), self.common(&line.origin)?));
        }
        let common = self.last.as_ref().map_or(&b"{"[..], |(_, common)| common);
        into.extend_from_slice(common);
        let own = into.len();
        serde_json::to_writer(&mut *into, &Own(line))?;
        // One object of two: what the second begins with stands between them.
        into[own] = b',';
        Ok(())
    }

    /// The JSON of what all lines of a group say, without the brace that closes it.
    fn common(&self, origin: &Origin) -> serde_json::Result<Vec<u8>> {
        let Origin { service, source, .. } = origin;
        let mut common = serde_json::to_vec(&Common { service, ddsource: source, ddtags: &self.tags_of(origin) })?;
        common.pop();
        Ok(common)
    }

    fn tags_of(&self, origin: &Origin) -> String {
        // A pipeline's own environment must not be joined by the one of this process.
        let added = self.tags.iter().filter(|tag| !origin.tags.iter().any(|own| same_key(own, tag)));
        let mut tags: Vec<&str> = origin.tags.iter().chain(added).map(String::as_str).collect();
        tags.sort_unstable();
        tags.dedup();
        tags.join(",")
    }
}

#[derive(Serialize)]
struct Common<'a> {
    service: &'a str,
    ddsource: &'a str,
    ddtags: &'a str,
}

/// What a line says for itself. Never an empty object.
struct Own<'a>(&'a Line);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Aws<'a> {
    awslogs: AwsLogs<'a>,
}

/// Where Datadog's own forwarder puts them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AwsLogs<'a> {
    log_group: &'a str,
    log_stream: &'a str,
}

impl Serialize for Own<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Line { id, stream, at, status, message, attributes, origin } = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("message", message)?;
        map.serialize_entry("status", status.word())?;
        map.serialize_entry("timestamp", at)?;
        map.serialize_entry("event_id", id)?;
        map.serialize_entry("aws", &Aws { awslogs: AwsLogs { log_group: &origin.group, log_stream: stream } })?;
        // A host is left out: nothing here runs on one that Datadog knows.
        let taken: Vec<_> = attributes.iter().filter(|(name, _)| is_own(name)).collect();
        for (name, value) in attributes {
            if taken.is_empty() || name != ORIGINAL && !is_own(name) {
                map.serialize_entry(name, value)?;
            }
        }
        if !taken.is_empty() {
            map.serialize_entry(ORIGINAL, &original(&taken, attributes))?;
        }
        map.end()
    }
}

/// What goes below [`ORIGINAL`], beside what is there.
fn original<'a>(taken: &[(&'a String, &'a Value)], attributes: &'a Map<String, Value>) -> BTreeMap<&'a str, &'a Value> {
    let mut original: BTreeMap<&str, &Value> = taken.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    match attributes.get(ORIGINAL) {
        Some(Value::Object(there)) => original.extend(there.iter().map(|(name, value)| (name.as_str(), value))),
        Some(there) => drop(original.insert(ORIGINAL, there)),
        None => {}
    }
    original
}

fn is_own(name: &str) -> bool {
    let name = name.trim();
    let begins = |with: &str| name.get(..with.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(with));
    OWN.iter().any(|own| own.eq_ignore_ascii_case(name)) || begins("syslog.") || begins("aws.")
}

#[cfg(test)]
mod tests;
