//! What a person does at Datadog, and what a test looks at there.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    super::{Shared, Sim},
    dashboards,
    dora::Kept,
    monitors,
    objects::{ObjectKind, Write},
    slos,
};

impl Shared {
    pub(in crate::sim) fn objects_of(&self, kind: ObjectKind) -> Vec<Value> {
        self.objects().all(kind).map(|(_, object)| object.clone()).collect()
    }

    pub(in crate::sim) fn writes(&self) -> BTreeMap<(ObjectKind, Write), u64> {
        self.objects().writes.clone()
    }

    pub(in crate::sim) fn create_by_hand(&self, kind: ObjectKind, body: Value) -> Result<String, String> {
        let Value::Object(sent) = body else { return Err("not a JSON object".to_owned()) };
        let (mut objects, now) = (self.objects(), self.options.clock.now());
        let made = match kind {
            ObjectKind::Dashboard => dashboards::make(&mut objects, sent, now),
            ObjectKind::Monitor => monitors::make(&mut objects, sent, now),
            ObjectKind::Slo => slos::make(&mut objects, sent, now),
        };
        made.map_err(|refused| refused.message)
    }

    pub(in crate::sim) fn edit_by_hand(&self, kind: ObjectKind, id: &str, pointer: &str, value: Value) -> bool {
        self.objects().edit(kind, id, pointer, value, self.options.clock.now())
    }

    pub(in crate::sim) fn delete_by_hand(&self, kind: ObjectKind, id: &str) -> bool {
        self.objects().take(kind, id).is_some()
    }
}

impl Sim {
    /// Every object of a kind as Datadog keeps it, by id.
    #[must_use]
    pub fn objects(&self, kind: ObjectKind) -> Vec<Value> {
        self.shared.objects_of(kind)
    }

    /// How many objects were written through the API, by kind and what was done.
    #[must_use]
    pub fn writes(&self) -> BTreeMap<(ObjectKind, Write), u64> {
        self.shared.writes()
    }

    /// A person makes an object in Datadog's user interface. Its id.
    ///
    /// # Errors
    /// Why Datadog refuses it.
    pub fn create_by_hand(&self, kind: ObjectKind, body: Value) -> Result<String, String> {
        self.shared.create_by_hand(kind, body)
    }

    /// A person sets the value at a JSON pointer in an object, or takes it away with null; the time of its last change
    /// goes on. False when there is no such place.
    #[must_use]
    pub fn edit_by_hand(&self, kind: ObjectKind, id: &str, pointer: &str, value: Value) -> bool {
        self.shared.edit_by_hand(kind, id, pointer, value)
    }

    /// A person deletes an object, whoever needs it. False when there is none of this id.
    #[must_use]
    pub fn delete_by_hand(&self, kind: ObjectKind, id: &str) -> bool {
        self.shared.delete_by_hand(kind, id)
    }

    /// Every deployment that Datadog's DORA took, in the order in which they came.
    #[must_use]
    pub fn deployments(&self) -> Vec<Kept> {
        self.shared.deployments().clone()
    }

    /// Every event, posted or of a monitor, as a search answers it.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        self.shared.all_events()
    }

    /// A monitor alerts at an instant, Unix seconds, for a group such as `stage:reader`. False when there is none of
    /// this id.
    #[must_use]
    pub fn alert(&self, monitor: &str, group: &str, at: i64) -> bool {
        self.shared.raise(monitor, group, at)
    }

    /// Copies the last hour of every series back over so many days, some points every few hours, so that long windows
    /// have points too.
    pub fn remember(&self, days: u32) {
        self.shared.received().remember(days);
    }
}
