//! Bodies like those that templates make.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::provision::object::{Desired, Identity, Kind, Subject, reference};

fn word() -> impl Strategy<Value = String> {
    "[a-z]{1,8}"
}

/// Also what is dangerous to a template, to YAML or to a mark.
pub(super) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,20}",
        "[a-z<%#>{}: \n-]{0,20}",
        Just("{{#is_alert}}down{{/is_alert}} @slack-x\n\n  - a\n".to_owned()),
        any::<String>().prop_map(|text| text.chars().filter(|c| !c.is_control()).take(10).collect()),
    ]
    .prop_map(|text| text.replace("<ref:", "").replace("[ddsync", ""))
}

fn tags() -> impl Strategy<Value = Value> {
    vec(("(team|stage|Env)", "[a-zA-Z0-9]{1,4}"), 0..4)
        .prop_map(|tags| tags.into_iter().map(|(key, value)| json!(format!("{key}:{value}"))).collect())
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![(0..1000_i64).prop_map(Value::from), (0..1000_i32).prop_map(|n| json!(f64::from(n) / 4.0))]
}

/// Some of the fields, in a mapping.
fn some(fields: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let fields: Vec<_> = fields
        .into_iter()
        .map(|(key, value)| {
            option::weighted(0.7, value).prop_map(move |value| value.map(|value| (key.to_owned(), value)))
        })
        .collect();
    fields.prop_map(|fields| Value::Object(fields.into_iter().flatten().collect::<Map<_, _>>())).boxed()
}

fn with(base: Value, further: &Value) -> Value {
    let fields = [base, further.clone()].into_iter().filter_map(|value| value.as_object().cloned()).flatten();
    Value::Object(fields.collect())
}

pub(super) fn monitor() -> impl Strategy<Value = Value> {
    let options = some(vec![
        ("thresholds", some(vec![("critical", number().boxed()), ("warning", number().boxed())])),
        ("notify_no_data", any::<bool>().prop_map(Value::from).boxed()),
        ("include_tags", any::<bool>().prop_map(Value::from).boxed()),
        ("new_host_delay", prop_oneof![Just(json!(300)), Just(json!(60)), Just(Value::Null)].boxed()),
        ("new_group_delay", prop_oneof![Just(json!(60)), Just(Value::Null)].boxed()),
        ("renotify_interval", prop_oneof![Just(json!(0)), Just(json!(60)), Just(Value::Null)].boxed()),
        ("escalation_message", text().prop_map(Value::from).boxed()),
        ("notify_by", vec(word(), 0..3).prop_map(Value::from).boxed()),
    ]);
    let kind = prop_oneof![Just("metric alert"), Just("query alert")];
    let rest = some(vec![
        ("priority", option::of(1..6_i64).prop_map(Value::from).boxed()),
        ("tags", tags().boxed()),
        ("options", options),
        ("restricted_roles", Just(Value::Null).boxed()),
    ]);
    (word(), text(), kind, rest).prop_map(|(name, message, kind, rest)| {
        let query = format!("avg(last_5m):avg:{name}{{*}} > 1");
        with(json!({"name": name, "message": message, "type": kind, "query": query}), &rest)
    })
}

pub(super) fn slo() -> impl Strategy<Value = Value> {
    let thresholds = prop_oneof![
        Just(json!([{"timeframe": "7d", "target": 99}])),
        Just(json!([{"timeframe": "7d", "target": 99.0}, {"timeframe": "30d", "target": 99.9, "warning": 99.95}])),
        Just(json!([{"timeframe": "90d", "target": 95}, {"timeframe": "30d", "target": 90}])),
    ];
    let rest = some(vec![("description", text().prop_map(Value::from).boxed()), ("tags", tags().boxed())]);
    (word(), thresholds, rest).prop_map(|(name, thresholds, rest)| {
        let query = json!({"numerator": format!("sum:{name}{{*}}.as_count()"), "denominator": "sum:all{*}.as_count()"});
        with(json!({"name": name, "type": "metric", "query": query, "thresholds": thresholds}), &rest)
    })
}

fn widget() -> impl Strategy<Value = Value> {
    let formats = vec((number(), word()), 0..4).prop_map(|formats| {
        let format = |(value, palette)| json!({"comparator": ">", "value": value, "palette": palette});
        formats.into_iter().map(format).collect::<Value>()
    });
    let request = (word(), some(vec![("conditional_formats", formats.boxed())]))
        .prop_map(|(name, rest)| with(json!({"q": format!("avg:{name}{{$env}}")}), &rest));
    let graph = (
        vec(request, 1..3),
        some(vec![
            ("title", word().prop_map(Value::from).boxed()),
            ("show_legend", any::<bool>().prop_map(Value::from).boxed()),
            ("title_size", Just(json!("16")).boxed()),
            ("yaxis", some(vec![("min", Just(json!("auto")).boxed()), ("include_zero", Just(json!(true)).boxed())])),
            ("markers", vec(word().prop_map(|v| json!({"value": v})), 0..3).prop_map(Value::from).boxed()),
        ]),
    )
        .prop_map(|(requests, rest)| with(json!({"type": "timeseries", "requests": requests}), &rest));
    let note = text().prop_map(|content| json!({"type": "note", "content": content}));
    (prop_oneof![3 => graph.boxed(), 1 => note.boxed()], option::of(0..9_i64), option::of(0..99_u64)).prop_map(
        |(definition, y, id)| {
            let mut widget = json!({"definition": definition});
            if let Some(y) = y {
                widget["layout"] = json!({"x": 0, "y": y, "width": 4, "height": 2});
            }
            // A template that was pasted from an export has ids of widgets.
            if let Some(id) = id {
                widget["id"] = json!(id);
            }
            widget
        },
    )
}

pub(super) fn dashboard() -> impl Strategy<Value = Value> {
    let group = (word(), vec(widget(), 0..4)).prop_map(|(title, widgets)| {
        json!({"definition": {"type": "group", "layout_type": "ordered", "title": title, "widgets": widgets}})
    });
    let variable =
        (word(), prop_oneof![Just(json!({"default": "*"})), Just(json!({"defaults": ["a", "b"]})), Just(json!({}))])
            .prop_map(|(name, rest)| with(json!({"name": name, "prefix": name}), &rest));
    let rest = some(vec![
        ("description", text().prop_map(Value::from).boxed()),
        ("template_variables", vec(variable, 0..3).prop_map(Value::from).boxed()),
        ("notify_list", Just(json!([])).boxed()),
        ("tags", Just(json!(["team:docs"])).boxed()),
    ]);
    (word(), vec(prop_oneof![3 => widget().boxed(), 1 => group.boxed()], 0..6), rest).prop_map(
        |(title, widgets, rest)| with(json!({"title": title, "layout_type": "ordered", "widgets": widgets}), &rest),
    )
}

pub(super) fn body(kind: Kind) -> BoxedStrategy<Value> {
    match kind {
        Kind::Monitor => monitor().boxed(),
        Kind::Slo => slo().boxed(),
        Kind::Dashboard => dashboard().boxed(),
    }
}

/// Pipelines with monitors, an SLO, an alert on it and a dashboard that shows it; and the fleet dashboard. Pipelines and
/// templates are few, so that two of these sets have some of them in common.
pub(super) fn desired() -> impl Strategy<Value = Vec<Desired>> {
    let about = |pipeline: usize| Subject::Pipeline {
        pipeline: format!("p{pipeline}"),
        environment: "data_prod".to_owned(),
        stage: None,
    };
    let one = move |(pipeline, monitors, slo, board): (usize, Vec<(usize, Value)>, Value, Option<Value>)| {
        let of =
            |kind, template: &str, body| Desired { kind, identity: Identity::new(template, about(pipeline)), body };
        let success = reference(Kind::Slo, &Identity::new("success", about(pipeline)));
        let alert = json!({
            "name": "burn", "type": "slo alert", "message": "m", "query": format!("burn_rate(\"{success}\").over(\"7d\") > 14"),
        });
        let monitor = |(template, body)| of(Kind::Monitor, &format!("m{template}"), body);
        let mut all: Vec<Desired> = monitors.into_iter().map(monitor).collect();
        all.extend([of(Kind::Slo, "success", slo), of(Kind::Monitor, "burn", alert)]);
        all.extend(board.map(|mut board| {
            let widget = json!({"definition": {"type": "slo", "slo_id": success}});
            board["widgets"].as_array_mut().into_iter().for_each(|widgets| widgets.insert(0, widget.clone()));
            of(Kind::Dashboard, "pipeline", board)
        }));
        all
    };
    let pipeline = (0..3_usize, vec((0..4_usize, monitor()), 0..3), slo(), option::of(dashboard())).prop_map(one);
    (vec(pipeline, 0..3), option::weighted(0.8, dashboard())).prop_map(|(pipelines, fleet)| {
        let fleet = fleet.map(|body| Desired {
            kind: Kind::Dashboard,
            identity: Identity::new("fleet", Subject::Global),
            body,
        });
        let mut all: Vec<Desired> = pipelines.into_iter().flatten().chain(fleet).collect();
        all.sort_by(|a, b| (a.kind, &a.identity).cmp(&(b.kind, &b.identity)));
        all.dedup_by(|a, b| (a.kind, &a.identity) == (b.kind, &b.identity));
        all
    })
}

/// What a person does to one object in the user interface.
#[derive(Debug, Clone)]
pub(super) enum Edit {
    Delete,
    Rename(String),
    AddTag(String),
    RemoveTags,
    ReverseWidgets,
    RemoveWidget,
    AddWidget(Value),
    Set(&'static str, Value),
}

pub(super) fn edit() -> impl Strategy<Value = (prop::sample::Index, Edit)> {
    let edit = prop_oneof![
        Just(Edit::Delete),
        word().prop_map(Edit::Rename),
        word().prop_map(|tag| Edit::AddTag(format!("by:{tag}"))),
        Just(Edit::RemoveTags),
        Just(Edit::ReverseWidgets),
        Just(Edit::RemoveWidget),
        widget().prop_map(Edit::AddWidget),
        Just(Edit::Set("priority", json!(5))),
        Just(Edit::Set("restricted_roles", json!(["role"]))),
        Just(Edit::Set("notify_list", json!(["somebody"]))),
    ];
    (any::<prop::sample::Index>(), edit)
}
