//! What Datadog does to a body between a write and the next read, as tables.
//!
//! Read in the sources of kennel (`lib/kennel/models/*.rb`) and of Datadog's Terraform provider, and in the issues
//! about their differences that never ended.

use serde_json::{Map, Value, json};

use super::place::Place;
use crate::provision::object::{Kind, Mark};

/// Fields of an object that Datadog alone sets: it tells them and does not take them.
pub const SERVERS: &[&str] = &[
    "assets",
    "author_handle",
    "author_info",
    "author_name",
    "configured_alert_ids",
    "created",
    "created_at",
    "creator",
    "deleted",
    "deleted_at",
    "experience_type",
    "id",
    "is_read_only",
    "matching_downtimes",
    "modified",
    "modified_at",
    "modifier",
    "monitor_tags",
    "multi",
    "org_id",
    "overall_state",
    "overall_state_modified",
    "overall_status",
    "state",
    "status",
    "type_id",
    "url",
];

/// Fields of an object that a person can set. Others that a template does not name are taken for Datadog's own, so that
/// a field it invents tomorrow is nobody's addition.
fn settable(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Monitor => &["message", "name", "options", "priority", "query", "tags", "type"],
        Kind::Slo => &["description", "groups", "monitor_ids", "name", "query", "sli_specification", "tags", "type"],
        Kind::Dashboard => &[
            "description",
            "layout_type",
            "reflow_type",
            "tags",
            "template_variable_presets",
            "template_variables",
            "title",
            "widgets",
        ],
    }
}

/// What people set beside a template: never touched and nobody's addition, unless a template names it.
const PERSONAL: &[&str] = &["notify_list", "restricted_roles"];

/// Lists that come back in another order than they were written in.
const SETS: &[&str] = &[
    "available_values",
    "conditional_formats",
    "groups",
    "legend_columns",
    "monitor_ids",
    "notify_by",
    "notify_list",
    "renotify_statuses",
    "restricted_roles",
    "thresholds",
];

/// A value that Datadog puts where none was written.
enum Default {
    Flag(bool),
    Number(i64),
    Text(&'static str),
}
use Default::{Flag, Number, Text};

const OF_MONITORS: &[(&str, Default)] = &[
    ("evaluation_delay", Number(0)),
    ("include_tags", Flag(true)),
    ("min_failure_duration", Number(0)),
    ("new_group_delay", Number(0)),
    ("new_host_delay", Number(300)),
    ("no_data_timeframe", Number(0)),
    ("notification_preset_name", Text("show_all")),
    ("on_missing_data", Text("default")),
    ("renotify_interval", Number(0)),
    ("timeout_h", Number(0)),
];

const OF_DASHBOARDS: &[(&str, Default)] = &[
    ("background_color", Text("white")),
    ("font_size", Text("14")),
    ("font_size", Text("auto")),
    ("global_time_target", Text("0")),
    ("has_background", Flag(true)),
    ("has_border", Flag(true)),
    ("has_padding", Flag(true)),
    ("horizontal_align", Text("center")),
    ("include_zero", Flag(true)),
    ("legend_layout", Text("auto")),
    ("legend_size", Text("0")),
    ("line_type", Text("solid")),
    ("line_width", Text("normal")),
    ("max", Text("auto")),
    ("min", Text("auto")),
    ("palette", Text("dog_classic")),
    ("reflow_type", Text("auto")),
    ("scale", Text("linear")),
    ("show_legend", Flag(true)),
    ("text_align", Text("left")),
    ("tick_edge", Text("left")),
    ("tick_pos", Text("50%")),
    ("title_align", Text("left")),
    ("title_size", Text("16")),
    ("vertical_align", Text("center")),
];

const LEGEND_COLUMNS: [&str; 5] = ["avg", "min", "max", "value", "sum"];

/// Null, false, an empty text, list or mapping: Datadog drops them, so they are the same as nothing.
pub(super) fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

/// Whether Datadog puts that value there when none is written.
pub(super) fn is_default(at: &Place<'_>, value: &Value) -> bool {
    let name = at.name();
    match value {
        Value::Object(fields) => fields.iter().all(|(key, value)| is_blank(value) || is_default(&at.key(key), value)),
        Value::Array(items) if name == "legend_columns" => {
            items.len() == LEGEND_COLUMNS.len() && LEGEND_COLUMNS.iter().all(|column| items.contains(&json!(column)))
        }
        _ => {
            let table = match at.kind {
                Kind::Monitor => OF_MONITORS,
                Kind::Dashboard => OF_DASHBOARDS,
                Kind::Slo => &[],
            };
            table.iter().filter(|(key, _)| *key == name).any(|(_, default)| match default {
                Flag(flag) => value.as_bool() == Some(*flag),
                Number(number) => value.as_i64() == Some(*number),
                Text(text) => value.as_str() == Some(*text),
            })
        }
    }
}

/// Whether Datadog alone decides what stands there.
pub(super) fn is_servers(at: &Place<'_>) -> bool {
    let name = at.name();
    at.is_a_field() && SERVERS.contains(&name)
        || is_widget_id(at)
        || at.kind == Kind::Slo
            && at.is_in_item_of("thresholds")
            && matches!(name, "target_display" | "warning_display")
}

/// Whether it is the id of a widget.
pub(super) fn is_widget_id(at: &Place<'_>) -> bool {
    at.kind == Kind::Dashboard && at.is_in_item_of("widgets") && at.name() == "id"
}

/// Whether it stays as people have set it, unless a template names it.
pub(super) fn is_personal(at: &Place<'_>) -> bool {
    at.is_a_field() && PERSONAL.contains(&at.name()) || at.kind == Kind::Monitor && at.name() == "silenced"
}

/// Whether what a template says there has no effect, for what it says beside it.
pub(super) fn gives_way(at: &Place<'_>, value: &Value, beside: &Map<String, Value>) -> bool {
    let says = |key: &str| beside.get(key).is_some_and(|value| !is_blank(value));
    match at.name() {
        "new_host_delay" => at.kind == Kind::Monitor && says("new_group_delay"),
        // An export says null where nobody is restricted; to clear the list a template says [].
        "restricted_roles" => at.is_a_field() && value.is_null(),
        _ => false,
    }
}

/// Whether order means nothing in that list.
pub(super) fn is_set(at: &Place<'_>) -> bool {
    SETS.contains(&at.name())
}

/// Whether a value that a template does not set was added by a person; `beside` is what the template sets beside it.
pub(super) fn is_addition(at: &Place<'_>, value: &Value, beside: &Map<String, Value>) -> bool {
    let name = at.name();
    if is_blank(value) || value.as_f64() == Some(0.0) || is_default(at, value) || is_servers(at) || is_personal(at) {
        return false;
    }
    if at.is_a_field() && !settable(at.kind).contains(&name) {
        return false;
    }
    match at.kind {
        // Thresholds come from the query; one delay excludes the other; how long no data counts follows the window.
        Kind::Monitor => !matches!(
            name,
            "locked"
                | "new_group_delay"
                | "new_host_delay"
                | "no_data_timeframe"
                | "require_full_window"
                | "thresholds"
        ),
        // A query and a specification are two ways to say one thing, and Datadog answers with both.
        Kind::Slo => match name {
            "query" => !beside.contains_key("sli_specification"),
            "sli_specification" => !beside.contains_key("query"),
            _ => true,
        },
        Kind::Dashboard => match name {
            "layout" => !at.is_in_item_of("widgets"),
            "default" | "defaults" => !at.is_in_item_of("template_variables"),
            _ => true,
        },
    }
}

/// The description of a dashboard without the mark in it.
pub(super) fn description(live: &Map<String, Value>) -> Value {
    let mut body = json!({"description": live.get("description")});
    Mark::strip(Kind::Dashboard, &mut body);
    body["description"].take()
}

/// Whether a tag is part of the mark.
pub(super) fn is_mark(tag: &str) -> bool {
    tag.starts_with("ddsync_")
}
