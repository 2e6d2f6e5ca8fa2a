//! The mark by which an object is known as ours: tags on monitors and SLOs, a line at the end of a dashboard's
//! description, since a dashboard takes no tags but `team:`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::provision::object::{Identity, Kind};

const NAMESPACE: &str = "ddsync_namespace:";
const KEY: &str = "ddsync_key:";
const DIGEST: &str = "ddsync_digest:";
const GONE: &str = "ddsync_gone:";

/// Starts the last line of a dashboard's description.
const LINE: &str = "[ddsync ";

/// How many objects an installation owned when it was last applied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Monitors.
    pub monitors: usize,
    /// SLOs.
    pub slos: usize,
    /// Dashboards.
    pub dashboards: usize,
}

/// What an object of ours says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Which installation owns it.
    pub namespace: String,
    /// Which object it is.
    pub identity: Identity,
    /// Digest of the body that was last written: when it is that of what should be and the object differs, then a person
    /// has changed it.
    pub digest: String,
    /// Since when there is nothing left that it is about, Unix seconds.
    pub gone_since: Option<i64>,
    /// On the fleet dashboard: what was owned after the last apply.
    pub owned: Option<Counts>,
}

impl Mark {
    /// The mark of an object, when it has one that can be read.
    #[must_use]
    pub fn read(kind: Kind, body: &Value) -> Option<Self> {
        match kind {
            Kind::Monitor | Kind::Slo => {
                let tags: Vec<&str> = body.get("tags")?.as_array()?.iter().filter_map(Value::as_str).collect();
                let value = |key: &str| tags.iter().find_map(|tag| tag.strip_prefix(key));
                Some(Self {
                    namespace: value(NAMESPACE)?.to_owned(),
                    identity: Identity::parse(value(KEY)?)?,
                    digest: value(DIGEST).unwrap_or_default().to_owned(),
                    gone_since: value(GONE).and_then(|text| text.parse().ok()),
                    owned: None,
                })
            }
            Kind::Dashboard => {
                let (_, line) = split(body.get("description")?.as_str()?)?;
                let words: Vec<&str> = line.split(' ').collect();
                let value = |key: &str| words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
                Some(Self {
                    namespace: value("namespace")?.to_owned(),
                    identity: Identity::parse(value("key")?)?,
                    digest: value("digest").unwrap_or_default().to_owned(),
                    gone_since: value("gone").and_then(|text| text.parse().ok()),
                    owned: value("owned").and_then(counts),
                })
            }
        }
    }

    /// The tag that every monitor and SLO of an installation carries, for asking Datadog for them.
    #[must_use]
    pub fn namespace_tag(namespace: &str) -> String {
        format!("{NAMESPACE}{namespace}")
    }

    /// The tag that only the monitors and SLOs of that identity carry.
    #[must_use]
    pub fn key_tag(identity: &Identity) -> String {
        format!("{KEY}{identity}")
    }

    /// Puts the mark on an object that has none.
    pub fn write(&self, kind: Kind, body: &mut Value) {
        let Self { namespace, identity, digest, gone_since, owned } = self;
        match kind {
            Kind::Monitor | Kind::Slo => {
                let mut tags: Vec<Value> = body.get("tags").and_then(Value::as_array).cloned().unwrap_or_default();
                tags.push(json!(format!("{NAMESPACE}{namespace}")));
                tags.push(json!(format!("{KEY}{identity}")));
                tags.push(json!(format!("{DIGEST}{digest}")));
                tags.extend(gone_since.map(|since| json!(format!("{GONE}{since}"))));
                body["tags"] = Value::Array(tags);
            }
            Kind::Dashboard => {
                let text = body.get("description").and_then(Value::as_str).unwrap_or_default();
                let gone = gone_since.map(|since| format!(" gone={since}")).unwrap_or_default();
                let owned = owned.map(|owned| format!(" owned={}/{}/{}", owned.monitors, owned.slos, owned.dashboards));
                let owned = owned.unwrap_or_default();
                let line = format!("{LINE}namespace={namespace} key={identity} digest={digest}{gone}{owned}]");
                let text = if text.is_empty() { line } else { format!("{text}\n\n{line}") };
                body["description"] = json!(text);
            }
        }
    }

    /// The object without any mark, as it was before [`Mark::write`].
    pub fn strip(kind: Kind, body: &mut Value) {
        match kind {
            Kind::Monitor | Kind::Slo => {
                let ours = |tag: &Value| {
                    let tag = tag.as_str().unwrap_or_default();
                    [NAMESPACE, KEY, DIGEST, GONE].iter().any(|key| tag.starts_with(key))
                };
                if let Some(tags) = body.get_mut("tags").and_then(Value::as_array_mut) {
                    tags.retain(|tag| !ours(tag));
                }
            }
            Kind::Dashboard => {
                let text = body.get("description").and_then(Value::as_str).and_then(split);
                if let Some(text) = text.map(|(text, _)| text.trim_end().to_owned()) {
                    body["description"] = json!(text);
                }
            }
        }
    }
}

/// A description: what people read, and what is inside of the last line's brackets.
fn split(description: &str) -> Option<(&str, &str)> {
    let start = description.rfind(LINE).filter(|&start| start == 0 || description[..start].ends_with('\n'))?;
    let line = description[start + LINE.len()..].trim_end().strip_suffix(']')?;
    (!line.contains(['\n', ']'])).then(|| (&description[..start], line))
}

fn counts(text: &str) -> Option<Counts> {
    let mut numbers = text.split('/').map(|number| number.parse().ok());
    let mut next = || numbers.next().flatten();
    Some(Counts { monitors: next()?, slos: next()?, dashboards: next()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provision::object::Subject;

    fn mark(kind: Kind) -> Mark {
        Mark {
            namespace: "main".into(),
            identity: Identity::new("fleet", Subject::Team("docs".into())),
            digest: "0123456789ab".into(),
            gone_since: Some(1_700_000_000),
            owned: (kind == Kind::Dashboard).then_some(Counts { monitors: 600, slos: 100, dashboards: 50 }),
        }
    }

    #[test]
    fn a_mark_reads_back_and_comes_off() {
        for kind in Kind::ALL {
            for plain in
                [json!({"tags": ["team:docs"], "description": "What it is."}), json!({"tags": [], "description": ""})]
            {
                let mut body = plain.clone();
                mark(kind).write(kind, &mut body);
                assert_eq!(Mark::read(kind, &body), Some(mark(kind)));
                Mark::strip(kind, &mut body);
                assert_eq!(body, plain);
                assert_eq!(Mark::read(kind, &body), None);
            }
        }
    }

    #[test]
    fn what_only_looks_like_a_mark_is_none() {
        for description in ["[ddsync namespace=a", "x [ddsync namespace=a key=b/global]", "[ddsync key=b/global]", "]"]
        {
            assert_eq!(Mark::read(Kind::Dashboard, &json!({"description": description})), None, "{description}");
        }
        assert_eq!(Mark::read(Kind::Monitor, &json!({"tags": ["ddsync_namespace:a", 7]})), None);
        assert_eq!(Mark::read(Kind::Slo, &json!({})), None);
    }
}
