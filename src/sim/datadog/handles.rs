//! The handles that a message may notify. The endpoint is not documented; the shape is the one that grosser/kennel reads
//! (`lib/kennel/tasks/validate_mentions.rb`).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Asked, Reply, ok};

/// Handles of a group when nobody says how many.
const FEW: usize = 5;

pub(super) fn list(asked: &Asked<'_>) -> Reply {
    let most = asked.number("group_limit")?.unwrap_or(FEW);
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for handle in &asked.shared.options.handles {
        let name = handle.trim_start_matches('@');
        // A person is notified under an address, everybody else under the name of a service.
        let group = if name.contains('@') { "user" } else { name.split('-').next().unwrap_or_default() };
        groups.entry(group).or_default().push(name);
    }
    let group = |(group, handles): (&str, Vec<&str>)| {
        let handles = handles.into_iter().take(most);
        let handles: Vec<Value> = handles.map(|name| json!({"name": name, "value": format!("@{name}")})).collect();
        json!({"id": group, "type": "notification_handles", "attributes": {"group": group, "handles": handles}})
    };
    Ok(ok(json!({"data": groups.into_iter().map(group).collect::<Vec<_>>()})))
}
