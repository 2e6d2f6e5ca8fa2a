//! Which item of one list is which of the other, so that one that comes or goes does not look like a change of
//! everything after it.

use serde_json::Value;

use super::place::Place;
use super::same;

/// For each item of `desired` the index of the same item of `live`. Items are the same when they have the same content,
/// else the same name, else the same type in the same order.
pub(super) fn align(at: &Place<'_>, desired: &[Value], live: &[Value]) -> Vec<Option<usize>> {
    let mut found = vec![None; desired.len()];
    let mut free = vec![true; live.len()];
    let alike = |i: usize, j: usize| same_content(&at.index(i), &desired[i], &live[j]);

    // The ends first: between equal neighbours, equal items keep their order.
    let shorter = desired.len().min(live.len());
    let head = (0..shorter).take_while(|&i| alike(i, i)).count();
    let tail = (1..=shorter - head).take_while(|&back| alike(desired.len() - back, live.len() - back)).count();
    for i in (0..head).chain(desired.len() - tail..desired.len()) {
        let j = if i < head { i } else { live.len() + i - desired.len() };
        found[i] = Some(j);
        free[j] = false;
    }
    let by_name = |i: usize, j: usize| name(&desired[i]).is_some_and(|named| Some(named) == name(&live[j]));
    let by_type = |i: usize, j: usize| widget_type(&desired[i]) == widget_type(&live[j]);
    for same in [&alike as &dyn Fn(usize, usize) -> bool, &by_name, &by_type] {
        for (i, found) in found.iter_mut().enumerate().filter(|(_, found)| found.is_none()) {
            *found = (0..live.len()).find(|&j| free[j] && same(i, j));
            if let Some(j) = *found {
                free[j] = false;
            }
        }
    }
    found
}

/// Whether a place on the screen is all in which they differ.
fn same_content(at: &Place<'_>, desired: &Value, live: &Value) -> bool {
    if !at.is_item_of("widgets") {
        return same(at, desired, live);
    }
    // A glance at type and title saves most of the comparisons between different widgets.
    name(desired) == name(live)
        && match (desired.get("definition"), live.get("definition")) {
            (Some(desired), Some(live)) => same(&at.key("definition"), desired, live),
            _ => same(at, desired, live),
        }
}

/// What an item is known by: a widget by type and title, a variable, a query or a preset by its name, a threshold by
/// its timeframe, a conditional format, of which Datadog keeps no order, by its colours.
fn name(item: &Value) -> Option<(&str, &str)> {
    let text = |key: &str| item.get(key).and_then(Value::as_str);
    match item.get("definition") {
        Some(definition) => Some((widget_type(item)?, definition.get("title")?.as_str().filter(|t| !t.is_empty())?)),
        None => Some(("", text("name").or_else(|| text("timeframe")).or_else(|| text("palette"))?)),
    }
}

fn widget_type(item: &Value) -> Option<&str> {
    item.get("definition")?.get("type")?.as_str()
}

/// What a person would call an item.
pub(super) fn label(item: &Value) -> Value {
    let definition = item.get("definition").unwrap_or(item);
    let keys = ["title", "name", "timeframe", "type", "q", "query", "formula"];
    keys.iter().find_map(|key| definition.get(key).filter(|text| text.is_string())).unwrap_or(item).clone()
}
