//! What a step still waits for. Pure.

use std::cell::RefCell;
use std::collections::HashMap;

use serde_json::Value;

use crate::provision::object::{Identity, Kind, resolve};

/// An object by what it is, not by its id.
pub(super) type Key = (Kind, Identity);

/// Ids by object.
pub(super) type Ids = HashMap<Key, String>;

/// `body` with what is known put in, and what it still refers to. Datadog takes the ids of an SLO's monitors only as
/// numbers.
pub(super) fn filled(body: &Value, ids: &Ids) -> (Value, Vec<Key>) {
    let open = RefCell::new(Vec::new());
    let id = |kind, identity: &Identity| {
        let key = (kind, identity.clone());
        let id = ids.get(&key).cloned();
        if id.is_none() {
            open.borrow_mut().push(key);
        }
        id
    };
    let (mut body, _) = resolve(body, &id);
    for id in body.get_mut("monitor_ids").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(number) = id.as_str().and_then(|id| id.parse::<u64>().ok()) {
            *id = number.into();
        }
    }
    (body, open.into_inner())
}
