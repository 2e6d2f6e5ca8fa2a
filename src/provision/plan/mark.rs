//! Bodies as they are written: with the mark.

use serde_json::{Value, json};

use crate::provision::compare::{carry, cleaned};
use crate::provision::object::{Counts, Live, Mark, digest};
use crate::provision::plan::FieldChange;

/// Tells whether an object has changed since a plan was made. What Datadog sets itself does not count: a monitor that
/// goes off is the same monitor.
#[must_use]
pub fn fingerprint(live: &Live) -> String {
    digest(&cleaned(live.kind, &live.body))
}

/// What Datadog has, to be written back with another mark.
pub(super) fn remarked(live: &Live, mark: &Mark) -> Value {
    let mut body = cleaned(live.kind, &live.body);
    carry(live.kind, &mut body, &live.body, true);
    Mark::strip(live.kind, &mut body);
    mark.write(live.kind, &mut body);
    body
}

/// What changes in the mark, in the words of [`FieldChange::path`].
pub(super) fn changes(old: &Mark, new: &Mark) -> Vec<FieldChange> {
    let change = |path: &str, old: Value, new: Value| FieldChange { path: path.to_owned(), old, new };
    let counts = |owned: Option<Counts>| {
        owned.map(|owned| json!(format!("{}/{}/{}", owned.monitors, owned.slos, owned.dashboards))).unwrap_or_default()
    };
    [
        change("ddsync_digest", json!(old.digest), json!(new.digest)),
        change("ddsync_gone", json!(old.gone_since), json!(new.gone_since)),
        change("owned", counts(old.owned), counts(new.owned)),
    ]
    .into_iter()
    .filter(|change| change.old != change.new)
    .collect()
}
