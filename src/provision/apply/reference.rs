//! What a step still waits for. Pure.

use std::cell::RefCell;
use std::collections::HashMap;

use serde_json::Value;

use crate::provision::compare::resolved;
use crate::provision::object::{Identity, Kind};

/// An object by what it is, not by its id.
pub(super) type Key = (Kind, Identity);

/// Ids by object.
pub(super) type Ids = HashMap<Key, String>;

/// `body` with what is known put in, and what it still refers to.
pub(super) fn filled(kind: Kind, body: &Value, ids: &Ids) -> (Value, Vec<Key>) {
    let open = RefCell::new(Vec::new());
    let id = |kind, identity: &Identity| {
        let key = (kind, identity.clone());
        let id = ids.get(&key).cloned();
        if id.is_none() {
            open.borrow_mut().push(key);
        }
        id
    };
    let (body, _) = resolved(kind, body, &id);
    (body, open.into_inner())
}
