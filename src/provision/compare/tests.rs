#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
use serde_json::{Value, json};

use super::*;
use crate::provision::object::{Identity, Mark, Subject};

/// Paths with old and new, a line each.
fn lines(kind: Kind, desired: &Value, live: &Value) -> Vec<String> {
    let shown = |change: FieldChange| format!("{}: {} -> {}", change.path, change.old, change.new);
    differences(kind, desired, live).into_iter().map(shown).collect()
}

fn widget(title: &str) -> Value {
    json!({"definition": {"type": "timeseries", "title": title, "requests": [{"q": format!("avg:{title}{{*}}")}]}})
}

fn with_id(id: u64, mut widget: Value) -> Value {
    widget["id"] = json!(id);
    widget
}

#[test]
fn what_datadog_does_to_a_body_is_no_difference() {
    for (kind, desired, live) in [
        (Kind::Monitor, json!({"message": "", "tags": [], "priority": null}), json!({})),
        (Kind::Monitor, json!({"options": {"notify_audit": false, "a": {"b": []}}}), json!({})),
        (Kind::Monitor, json!({}), json!({"name": "anything", "options": {"x": 1}})),
        (Kind::Monitor, json!({"options": {"x": null}}), json!({"options": {"x": false}})),
        (
            Kind::Monitor,
            json!({"options": {"thresholds": {"critical": 1}}}),
            json!({"options": {"thresholds": {"critical": 1.0}}}),
        ),
        (Kind::Monitor, json!({"type": "metric alert"}), json!({"type": "query alert"})),
        (Kind::Monitor, json!({"type": "query alert"}), json!({"type": "metric alert"})),
        (Kind::Monitor, json!({"message": "a\n", "query": " q "}), json!({"message": "a", "query": "q"})),
        (Kind::Monitor, json!({"tags": ["b:2", "a:1"]}), json!({"tags": ["a:1", "by:hand", "b:2"]})),
        (Kind::Monitor, json!({"options": {"new_host_delay": 300}}), json!({"options": {}})),
        (Kind::Monitor, json!({"options": {"new_host_delay": null}}), json!({"options": {"new_host_delay": 300}})),
        (
            Kind::Monitor,
            json!({"options": {"new_group_delay": 60, "new_host_delay": 30}}),
            json!({"options": {"new_group_delay": 60}}),
        ),
        (
            Kind::Monitor,
            json!({"options": {"include_tags": true, "evaluation_delay": 0}}),
            json!({"options": {"evaluation_delay": null}}),
        ),
        (Kind::Monitor, json!({"options": {"include_tags": false}}), json!({"options": {}})),
        (Kind::Monitor, json!({"id": 1, "created": "then", "overall_state": "OK"}), json!({"id": 2})),
        (Kind::Monitor, json!({"restricted_roles": null}), json!({"restricted_roles": ["role"]})),
        (Kind::Monitor, json!({"options": {"notify_by": ["a", "b"]}}), json!({"options": {"notify_by": ["b", "a"]}})),
        (Kind::Slo, json!({"tags": ["team:Docs"]}), json!({"tags": ["team:docs"]})),
        (Kind::Slo, json!({"monitor_ids": ["2", 1]}), json!({"monitor_ids": [1, 2]})),
        (
            Kind::Slo,
            json!({"thresholds": [{"timeframe": "7d", "target": 99, "target_display": "x"}]}),
            json!({"thresholds": [{"timeframe": "7d", "target": 99.0, "target_display": "99.0"}]}),
        ),
        (
            Kind::Dashboard,
            json!({"template_variables": [{"name": "a", "default": "x"}]}),
            json!({"template_variables": [{"name": "a", "defaults": ["x"]}]}),
        ),
        (
            Kind::Dashboard,
            json!({"template_variables": [{"name": "a", "defaults": ["x"]}]}),
            json!({"template_variables": [{"name": "a", "default": "x"}]}),
        ),
        (
            Kind::Dashboard,
            json!({"template_variables": [{"name": "a", "default": "*"}]}),
            json!({"template_variables": [{"name": "a"}]}),
        ),
        (
            Kind::Dashboard,
            json!({"widgets": [{"id": 1, "definition": {"yaxis": {"include_zero": true}, "show_legend": false}}]}),
            json!({"widgets": [{"id": 2, "definition": {}}]}),
        ),
        (Kind::Dashboard, json!({"legend_columns": ["avg", "min", "max", "value", "sum"]}), json!({})),
        (
            Kind::Dashboard,
            json!({"f": [{"conditional_formats": [{"value": 1, "palette": "a"}, {"value": 2, "palette": "b"}]}]}),
            json!({"f": [{"conditional_formats": [{"value": 2.0, "palette": "b"}, {"value": 1, "palette": "a"}]}]}),
        ),
    ] {
        assert_eq!(lines(kind, &desired, &live), [""; 0], "{desired} against {live}");
    }
}

#[test]
fn what_a_person_changed_is_a_difference_with_its_place() {
    for (kind, desired, live, expected) in [
        (
            Kind::Monitor,
            json!({"options": {"notify_audit": false}}),
            json!({"options": {"notify_audit": true}}),
            "options.notify_audit: true -> false",
        ),
        (
            Kind::Monitor,
            json!({"options": {"include_tags": false}}),
            json!({"options": {"include_tags": true}}),
            "options.include_tags: true -> false",
        ),
        (Kind::Monitor, json!({"options": {"notify_audit": true}}), json!({}), "options.notify_audit: null -> true"),
        (Kind::Monitor, json!({"message": ""}), json!({"message": "x"}), r#"message: "x" -> """#),
        (Kind::Monitor, json!({"priority": null}), json!({"priority": 1}), "priority: 1 -> null"),
        (
            Kind::Monitor,
            json!({"options": {"thresholds": {"critical": 1}}}),
            json!({"options": {"thresholds": {"critical": 1.5}}}),
            "options.thresholds.critical: 1.5 -> 1",
        ),
        (
            Kind::Monitor,
            json!({"options": {"new_host_delay": 60}}),
            json!({"options": {}}),
            "options.new_host_delay: null -> 60",
        ),
        (
            Kind::Monitor,
            json!({"options": {"new_host_delay": 300}}),
            json!({"options": {"new_host_delay": 60}}),
            "options.new_host_delay: 60 -> 300",
        ),
        (Kind::Monitor, json!({"tags": ["a:1", "a:2"]}), json!({"tags": ["a:1"]}), r#"tags: null -> "a:2""#),
        (Kind::Monitor, json!({"tags": ["team:Docs"]}), json!({"tags": ["team:docs"]}), r#"tags: null -> "team:Docs""#),
        (
            Kind::Monitor,
            json!({"restricted_roles": []}),
            json!({"restricted_roles": ["a"]}),
            r#"restricted_roles[0]: "a" -> null"#,
        ),
        (
            Kind::Monitor,
            json!({"type": "log alert"}),
            json!({"type": "query alert"}),
            r#"type: "query alert" -> "log alert""#,
        ),
        (
            Kind::Slo,
            json!({"thresholds": [{"timeframe": "30d", "target": 99}, {"timeframe": "7d", "target": 98}]}),
            json!({"thresholds": [{"timeframe": "30d", "target": 99}, {"timeframe": "7d", "target": 97}]}),
            "thresholds[1].target: 97 -> 98",
        ),
        (Kind::Slo, json!({"monitor_ids": [1]}), json!({"monitor_ids": [2, 1]}), "monitor_ids[0]: 2 -> null"),
        (
            Kind::Dashboard,
            json!({"template_variables": [{"name": "a", "default": "x"}]}),
            json!({"template_variables": [{"name": "a", "defaults": ["x", "y"]}]}),
            r#"template_variables[0].default: ["x","y"] -> "x""#,
        ),
        (
            Kind::Dashboard,
            json!({"f": {"conditional_formats": [{"value": 1}]}}),
            json!({"f": {"conditional_formats": [{"value": 1}, {"value": 2}]}}),
            r#"f.conditional_formats[1]: {"value":2} -> null"#,
        ),
        (
            Kind::Dashboard,
            json!({"requests": [{"q": "a"}, {"q": "b"}]}),
            json!({"requests": [{"q": "a"}, {"q": "c"}]}),
            r#"requests[1].q: "c" -> "b""#,
        ),
        (
            Kind::Dashboard,
            json!({"requests": [{"q": "a"}, {"q": "b"}]}),
            json!({"requests": [{"q": "b"}, {"q": "a"}]}),
            r#"requests (order): ["b","a"] -> ["a","b"]"#,
        ),
    ] {
        assert_eq!(lines(kind, &desired, &live), [expected], "{desired} against {live}");
    }
}

#[test]
fn a_widget_that_comes_or_goes_is_not_a_change_of_all_that_follow() {
    let board = |widgets: &[Value]| json!({"widgets": widgets});
    let [a, b, c] = ["a", "b", "c"].map(widget);
    let of = |desired: &[&Value], live: &[&Value]| {
        let owned = |widgets: &[&Value]| board(&widgets.iter().map(|widget| (*widget).clone()).collect::<Vec<_>>());
        lines(Kind::Dashboard, &owned(desired), &owned(live))
    };
    assert_eq!(of(&[&a, &b, &c], &[&a, &c]), [format!("widgets[1]: null -> {b}")]);
    assert_eq!(of(&[&a, &c], &[&a, &b, &c]), [format!("widgets[1]: {b} -> null")]);
    assert_eq!(of(&[&a, &a, &b], &[&a, &b]), [format!("widgets[1]: null -> {a}")]);
    assert_eq!(of(&[&c, &a, &b], &[&a, &b, &c]), [r#"widgets (order): ["a","b","c"] -> ["c","a","b"]"#]);

    let mut edited = b.clone();
    edited["definition"]["requests"][0]["q"] = json!("avg:other{*}");
    let change = |at: usize| format!(r#"widgets[{at}].definition.requests[0].q: "avg:other{{*}}" -> "avg:b{{*}}""#);
    assert_eq!(of(&[&a, &b], &[&edited]), [format!("widgets[0]: null -> {a}"), change(1)]);
    let group = |inner: &[&Value]| json!({"definition": {"type": "group", "title": "g", "widgets": inner}});
    assert_eq!(
        of(&[&a, &group(&[&c, &b])], &[&a, &group(&[&c, &edited])]),
        [r#"widgets[1].definition.widgets[1].definition.requests[0].q: "avg:other{*}" -> "avg:b{*}""#]
    );

    let mut renamed = b.clone();
    renamed["definition"]["title"] = json!("by hand");
    assert_eq!(of(&[&a, &b], &[&a, &renamed]), [r#"widgets[1].definition.title: "by hand" -> "b""#]);
    let note = json!({"definition": {"type": "note", "content": "x"}});
    assert_eq!(of(&[&b], &[&note]), [format!("widgets[0]: null -> {b}"), format!("widgets[0]: {note} -> null")]);
}

#[test]
fn a_widget_moved_by_its_place_on_the_screen_alone_is_the_same_widget() {
    let at = |y: u64, mut widget: Value| {
        widget["layout"] = json!({"x": 0, "y": y, "width": 12, "height": 2});
        widget
    };
    let note = |text: &str| json!({"definition": {"type": "note", "content": text}});
    let desired = json!({"widgets": [at(0, note("new")), at(2, note("a")), at(4, note("b"))]});
    let live = json!({"widgets": [at(0, note("a")), at(2, note("b"))]});
    assert_eq!(
        lines(Kind::Dashboard, &desired, &live),
        [
            format!("widgets[0]: null -> {}", at(0, note("new"))),
            "widgets[1].layout.y: 0 -> 2".to_owned(),
            "widgets[2].layout.y: 2 -> 4".to_owned()
        ]
    );
}

#[test]
fn a_mark_is_neither_a_difference_nor_an_addition() {
    for kind in Kind::ALL {
        let desired = json!({"description": "What it is.\n", "tags": ["team:docs"]});
        let mut live = desired.clone();
        let identity = Identity::new("a", Subject::Global);
        let mark = Mark { namespace: "main".into(), identity, digest: "0".into(), gone_since: Some(1), owned: None };
        mark.write(kind, &mut live);
        assert_eq!(lines(kind, &desired, &live), [""; 0]);
        assert_eq!(extras(kind, &desired, &live), []);
        assert_eq!(extras(kind, &json!({}), &live).len(), usize::from(kind != Kind::Monitor) + 1);
        live["description"] = json!("by hand");
        assert_eq!(lines(kind, &desired, &live), [r#"description: "by hand" -> "What it is.\n""#]);
    }
}

#[test]
fn what_a_person_added_is_told_from_what_datadog_adds() {
    let desired =
        json!({"name": "n", "tags": ["a:1"], "options": {"thresholds": {"critical": 1}, "new_group_delay": 60}});
    let live = json!({
        "id": 1, "name": "n", "created": "then", "overall_state": "OK", "a_field_of_tomorrow": 1, "priority": 2,
        "tags": ["by:hand", "a:1"], "restricted_roles": ["r"],
        "options": {
            "thresholds": {"critical": 1, "warning": 0.5}, "include_tags": true, "new_host_delay": 300, "silenced": {"*": null, "a": 1},
            "renotify_interval": 60, "timeout_h": 0, "notify_audit": false, "escalation_message": "",
        },
    });
    let paths: Vec<String> = extras(Kind::Monitor, &desired, &live).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["options.renotify_interval", "options.thresholds.warning", "priority", "tags"]);

    let desired = json!({"widgets": [widget("a"), widget("b")], "template_variables": [{"name": "v", "default": "x"}]});
    let mut live = json!({
        "widgets": [with_id(1, widget("b")), with_id(2, widget("a"))], "notify_list": ["me"],
        "template_variables": [{"name": "v", "defaults": ["x"]}]
    });
    live["widgets"][0]["definition"]["markers"] = json!([{"value": "y = 1"}]);
    live["widgets"][0]["definition"]["title_size"] = json!("16");
    live["widgets"][0]["layout"] = json!({"x": 0});
    let added = extras(Kind::Dashboard, &desired, &live);
    assert_eq!(added, [("widgets[1].definition.markers".to_owned(), json!([{"value": "y = 1"}]))]);

    let slo = json!({"sli_specification": {"x": 1}, "thresholds": [{"timeframe": "7d", "target": 99}]});
    let live = json!({
        "sli_specification": {"x": 1}, "query": {"numerator": "n"}, "timeframe": "7d", "target_threshold": 99, "groups": ["g"],
        "thresholds": [{"timeframe": "7d", "target": 99, "target_display": "99."}]
    });
    assert_eq!(extras(Kind::Slo, &slo, &live), [("groups".to_owned(), json!(["g"]))]);
}

#[test]
fn ids_of_widgets_are_kept_wherever_the_widgets_go() {
    let group = |inner: Vec<Value>| json!({"definition": {"type": "group", "title": "g", "widgets": inner}});
    let live = json!({"widgets": [
        with_id(1, widget("a")), with_id(2, widget("b")), with_id(3, group(vec![with_id(4, widget("c")), with_id(5, widget("d"))])),
    ]});
    let mut edited = widget("a");
    edited["definition"]["requests"] = json!([{"q": "avg:new{*}"}]);
    let mut body = json!({"widgets": [group(vec![widget("d"), widget("new"), widget("c")]), edited, widget("fresh")]});
    carry(Kind::Dashboard, &mut body, &live, false);
    let id = |path: &str| body.pointer(path).and_then(|widget| widget.get("id")).and_then(Value::as_u64);
    assert_eq!(id("/widgets/0"), Some(3));
    assert_eq!(id("/widgets/0/definition/widgets/0"), Some(5));
    assert_eq!(id("/widgets/0/definition/widgets/1"), None);
    assert_eq!(id("/widgets/0/definition/widgets/2"), Some(4));
    assert_eq!(id("/widgets/1"), Some(1));
    assert_eq!(id("/widgets/2"), Some(2), "the only one left of its type");
}

#[test]
fn what_is_for_people_to_set_outlives_a_write() {
    let live = json!({
        "tags": ["team:old", "by:hand", "ddsync_namespace:main"], "restricted_roles": ["r"], "priority": 1,
        "options": {"silenced": {"a": 1}, "renotify_interval": 60},
    });
    let desired = json!({"tags": ["team:new"], "options": {}});
    let mut body = desired.clone();
    carry(Kind::Monitor, &mut body, &live, false);
    let tags = ["team:new", "by:hand"];
    assert_eq!(body, json!({"tags": tags, "restricted_roles": ["r"], "options": {"silenced": {"a": 1}}}));

    let mut body = desired;
    carry(Kind::Monitor, &mut body, &live, true);
    assert_eq!(body["tags"], json!(["team:new", "team:old", "by:hand"]));
    assert_eq!((&body["priority"], &body["options"]["renotify_interval"]), (&json!(1), &json!(60)));

    let mut body = json!({});
    carry(Kind::Monitor, &mut body, &live, false);
    assert_eq!(body["tags"], json!(["team:old", "by:hand"]));
}

#[test]
fn a_body_is_written_without_what_datadog_sets() {
    let body = json!({
        "id": "abc-def-ghi", "author_handle": "me", "title": "t", "restricted_roles": null,
        "widgets": [with_id(1, json!({"definition": {"type": "group", "widgets": [with_id(2, widget("a"))], "id": "own"}}))],
    });
    let group = json!({"definition": {"type": "group", "widgets": [widget("a")], "id": "own"}});
    assert_eq!(cleaned(Kind::Dashboard, &body), json!({"title": "t", "widgets": [group]}));
    let body = json!({"type": "x", "options": {"new_group_delay": 1, "new_host_delay": 300}});
    assert_eq!(cleaned(Kind::Monitor, &body), json!({"type": "x", "options": {"new_group_delay": 1}}));
}

#[test]
fn references_give_way_to_ids() {
    let (known, unknown) = (Identity::new("known", Subject::Global), Identity::new("unknown", Subject::Global));
    let id = |_: Kind, identity: &Identity| (*identity == known).then(|| "7".to_owned());
    let reference = |identity| crate::provision::object::reference(Kind::Monitor, identity);
    let body = json!({"monitor_ids": [reference(&known), 8]});
    let written_of = |body: &Value| written(Kind::Slo, body, &id);
    let (written, open) = written_of(&body);
    assert_eq!((&written, open), (&json!({"monitor_ids": [7, 8]}), false));
    assert!(is_same(Kind::Slo, &body, &written, &id) && !is_same(Kind::Slo, &body, &written, &|_, _| None));
    assert!(!is_same(Kind::Slo, &body, &json!({"monitor_ids": [8, 9]}), &id));
    assert_eq!(resolved(Kind::Slo, &body, &id), (written, false));
    let open = json!({"monitor_ids": [reference(&unknown)]});
    assert_eq!(written_of(&open), (open.clone(), true));
    assert_eq!(resolved(Kind::Slo, &open, &id), (open, true));
    let alert = |id: &str| json!({"query": format!("burn_rate(\"{id}\") > 1")});
    assert!(is_same(Kind::Monitor, &alert(&reference(&known)), &alert("7"), &id));
    assert!(!is_same(Kind::Monitor, &alert(&reference(&known)), &alert("8"), &id));
}

#[test]
fn what_cannot_change_is_named() {
    let of = |kind, key: &str, new: &str, old: &str| frozen(kind, &json!({key: new}), &json!({key: old}));
    assert_eq!(of(Kind::Monitor, "type", "metric alert", "query alert"), None);
    assert_eq!(of(Kind::Dashboard, "layout_type", "free", "free"), None);
    assert_eq!(frozen(Kind::Monitor, &json!({}), &json!({"type": "log alert"})), None);
    let because = of(Kind::Slo, "type", "metric", "monitor").unwrap();
    assert_eq!(because, r#"datadog cannot change type from "monitor" to "metric""#);
    assert!(of(Kind::Dashboard, "layout_type", "free", "ordered").unwrap().contains("layout_type"));
}
