//! The order of writes: what is referred to first; deletes the other way round, after every write.

use serde_json::Value;

use crate::provision::object::{Identity, Kind};
use crate::provision::plan::FLEET;

const LAST: u8 = 5;

/// Wave in which an object is written.
pub(super) fn of_write(kind: Kind, identity: &Identity, body: &Value) -> u8 {
    match (kind, body.get("type").and_then(Value::as_str)) {
        (Kind::Monitor, Some("slo alert")) => 2,
        (Kind::Monitor, Some("composite")) => 3,
        (Kind::Monitor, _) => 0,
        (Kind::Slo, _) => 1,
        (Kind::Dashboard, _) if identity.template != FLEET => 4,
        // It says what is owned, so everything else has to be there.
        (Kind::Dashboard, _) => LAST,
    }
}

/// Wave in which an object is deleted.
pub(super) fn of_delete(kind: Kind, identity: &Identity, body: &Value) -> u8 {
    2 * LAST + 1 - of_write(kind, identity, body)
}
