//! The dashboards, monitors and SLOs that Datadog keeps.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{super::dice, habits::Disorder, monitors::State};

/// Whoever has the application key.
pub(super) const AUTHOR: &str = "robot@example.com";
/// Who edits by hand.
const PERSON: &str = "person@example.com";

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    /// A dashboard.
    Dashboard,
    /// A monitor.
    Monitor,
    /// A service level objective.
    Slo,
}

/// What was done to an object through the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Write {
    /// It was made.
    Create,
    /// It was written anew.
    Update,
    /// It was deleted.
    Delete,
    /// It was deleted and is back.
    Restore,
}

/// Everything that is kept, each object with the fields that the server gives it.
#[derive(Debug)]
pub(in crate::sim) struct Objects {
    seed: u64,
    live: BTreeMap<ObjectKind, BTreeMap<String, Value>>,
    /// Names of monitors with their ids: each new monitor is compared with its namesakes.
    names: BTreeSet<(String, String)>,
    /// Deleted dashboards, which may come back.
    pub(super) deleted: BTreeMap<String, Value>,
    pub(super) writes: BTreeMap<(ObjectKind, Write), u64>,
    /// How each monitor was when it was last looked at.
    pub(super) states: BTreeMap<String, State>,
    pub(super) disorder: Disorder,
    /// Ids given out and changes made.
    ticks: i64,
}

impl Objects {
    pub(in crate::sim) fn new(seed: u64) -> Self {
        Self {
            seed,
            live: BTreeMap::new(),
            names: BTreeSet::new(),
            deleted: BTreeMap::new(),
            writes: BTreeMap::new(),
            states: BTreeMap::new(),
            disorder: Disorder::new(seed),
            ticks: 0,
        }
    }

    /// Every object of a kind, by its id.
    pub(super) fn all(&self, kind: ObjectKind) -> impl Iterator<Item = (&String, &Value)> {
        self.live.get(&kind).into_iter().flatten()
    }

    pub(super) fn get(&self, kind: ObjectKind, id: &str) -> Option<&Value> {
        self.live.get(&kind)?.get(id)
    }

    pub(super) fn put(&mut self, kind: ObjectKind, id: &str, object: Value) {
        let named = (name(&object), id.to_owned());
        let before = self.live.entry(kind).or_default().insert(id.to_owned(), object);
        if kind == ObjectKind::Monitor {
            if let Some(before) = before {
                self.names.remove(&(name(&before), id.to_owned()));
            }
            self.names.insert(named);
        }
    }

    /// The monitors of a name, by id.
    pub(super) fn monitors_named<'a>(&'a self, name: &Value) -> impl Iterator<Item = (&'a String, &'a Value)> {
        let name = name.to_string();
        let from = self.names.range((name.clone(), String::new())..);
        from.take_while(move |(one, _)| *one == name)
            .filter_map(|(_, id)| self.get(ObjectKind::Monitor, id).map(|monitor| (id, monitor)))
    }

    /// Takes an object away; a dashboard can be restored.
    pub(super) fn take(&mut self, kind: ObjectKind, id: &str) -> Option<Value> {
        let object = self.live.get_mut(&kind)?.remove(id)?;
        self.states.remove(id);
        if kind == ObjectKind::Monitor {
            self.names.remove(&(name(&object), id.to_owned()));
        }
        if kind == ObjectKind::Dashboard {
            self.deleted.insert(id.to_owned(), object.clone());
        }
        Some(object)
    }

    pub(super) fn count(&mut self, kind: ObjectKind, write: Write) {
        *self.writes.entry((kind, write)).or_insert(0) += 1;
    }

    /// An object as an answer shows it: what has no order comes in any.
    pub(super) fn show(&mut self, mut object: Value) -> Value {
        self.disorder.stir(&mut object);
        object
    }

    /// 64 bits that nobody has got before.
    pub(super) fn roll(&mut self, what: &str) -> u64 {
        self.ticks += 1;
        dice::roll(self.seed, &[what], self.ticks)
    }

    pub(super) fn new_id(&mut self, kind: ObjectKind) -> String {
        let bits = self.roll("id");
        match kind {
            // The later a monitor is made, the larger its id; all have nine digits.
            ObjectKind::Monitor => (100_000_000 + self.ticks * 17).to_string(),
            ObjectKind::Slo => format!("{bits:016x}{:016x}", self.roll("id")),
            ObjectKind::Dashboard => {
                let letters = "abcdefghijkmnpqrstuvwxyz23456789".as_bytes();
                let letter = |place: u32| char::from(letters[usize::try_from(bits >> (5 * place) & 31).unwrap_or(0)]);
                let part = |first: u32| (first..first + 3).map(letter).collect::<String>();
                [part(0), part(3), part(6)].join("-")
            }
        }
    }

    /// The fields that tell when and by whom an object was made.
    pub(super) fn birth(&mut self, kind: ObjectKind, now: DateTime<Utc>) -> Value {
        let creator = json!({"email": AUTHOR, "handle": AUTHOR, "name": "robot"});
        let mut born = match kind {
            ObjectKind::Monitor => json!({
                "created": self.moment(now), "created_at": now.timestamp_millis(), "creator": creator, "deleted": null,
                "draft_status": "published", "org_id": super::monitors::ORGANISATION,
                "overall_state_modified": null, "priority": null, "restricted_roles": null,
            }),
            ObjectKind::Dashboard => json!({
                "author_handle": AUTHOR, "author_name": "robot", "created_at": self.moment(now), "is_read_only": false,
                "notify_list": null, "template_variables": [], "restricted_roles": [],
            }),
            ObjectKind::Slo => json!({"created_at": now.timestamp(), "creator": creator, "monitor_tags": []}),
        };
        self.touch(kind, &mut born, now);
        born
    }

    /// Notes a change in the object itself.
    pub(super) fn touch(&mut self, kind: ObjectKind, object: &mut Value, now: DateTime<Utc>) {
        match kind {
            ObjectKind::Monitor => object["modified"] = json!(self.moment(now)),
            ObjectKind::Dashboard => object["modified_at"] = json!(self.moment(now)),
            ObjectKind::Slo => object["modified_at"] = json!(now.timestamp()),
        }
    }

    /// A moment as Datadog writes it, to the microsecond. No two are the same, even when the clock stands still.
    fn moment(&mut self, now: DateTime<Utc>) -> String {
        self.ticks += 1;
        let now = DateTime::from_timestamp_micros(now.timestamp_millis() * 1_000 + self.ticks % 1_000).unwrap_or(now);
        now.to_rfc3339_opts(SecondsFormat::Micros, false)
    }

    /// A person changes the value at a JSON pointer, or takes it away with null. False when there is no such place.
    /// <https://www.rfc-editor.org/rfc/rfc6901>
    pub(super) fn edit(&mut self, kind: ObjectKind, id: &str, pointer: &str, value: Value, now: DateTime<Utc>) -> bool {
        let Some((parent, key)) = pointer.rsplit_once('/') else { return false };
        let Some(object) = self.get(kind, id) else { return false };
        let mut edited = object.clone();
        if value.is_null() && edited.pointer(pointer).is_none() {
            return false;
        }
        let key = key.replace("~1", "/").replace("~0", "~");
        match edited.pointer_mut(parent) {
            Some(Value::Object(fields)) if value.is_null() => {
                fields.remove(&key);
            }
            Some(Value::Object(fields)) => {
                fields.insert(key, value);
            }
            Some(Value::Array(items)) => match key.parse::<usize>() {
                Ok(place) if value.is_null() => {
                    items.remove(place);
                }
                Ok(place) if place < items.len() => items[place] = value,
                Ok(place) if place == items.len() => items.push(value),
                _ => return false,
            },
            _ => return false,
        }
        edited["modifier"] = json!({"handle": PERSON});
        self.touch(kind, &mut edited, now);
        self.put(kind, id, edited);
        true
    }
}

/// The name of an object, as JSON: a name need not be a text.
fn name(object: &Value) -> String {
    object["name"].to_string()
}
