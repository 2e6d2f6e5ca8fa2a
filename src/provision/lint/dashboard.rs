//! Dashboards.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use serde_json::Value;

use super::{About, Finding, Metrics, Rule, series, text};
use crate::query::{Expr, parse, parse_formula};

/// Widgets that show what requests ask for.
const WITH_REQUESTS: [&str; 15] = [
    "bar_chart",
    "change",
    "distribution",
    "geomap",
    "heatmap",
    "hostmap",
    "list_stream",
    "query_table",
    "query_value",
    "scatterplot",
    "split_group",
    "sunburst",
    "timeseries",
    "toplist",
    "treemap",
];
/// Widgets that show one other thing, and the key that names it.
const WITH_KEY: [(&str, &str); 6] = [
    ("alert_graph", "alert_id"),
    ("alert_value", "alert_id"),
    ("check_status", "check"),
    ("event_stream", "query"),
    ("manage_status", "query"),
    ("slo", "slo_id"),
];
/// Widgets that show themselves.
const PLAIN: [&str; 4] = ["free_text", "iframe", "image", "note"];

/// What a timeseries is drawn with.
const DISPLAY_TYPES: [&str; 4] = ["area", "bars", "line", "overlay"];
/// Columns of a dashboard whose widgets stand in a grid.
const COLUMNS: u64 = 12;

/// What a dashboard's queries are read with.
struct Board<'s> {
    metrics: &'s Metrics,
    /// Widgets stand where their pixels say, not in a grid.
    free: bool,
    seen: &'s mut Seen,
}

/// What was found in dashboards of one template. Most of their widgets are the same, and are looked at once.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Template variables: name and tag key.
    variables: BTreeMap<String, String>,
    /// The widget that was last looked at in each place.
    widgets: HashMap<String, (Value, Vec<Finding>)>,
}

pub(super) fn check(body: &Value, metrics: &Metrics, seen: &mut Seen, about: &mut About<'_>) {
    let variables = list(body, "template_variables").iter().filter_map(|variable| {
        let prefix = variable.get("prefix").and_then(Value::as_str).unwrap_or_default();
        Some((variable.get("name")?.as_str()?.to_owned(), prefix.to_owned()))
    });
    let variables = variables.collect();
    if seen.variables != variables {
        *seen = Seen { variables, ..Seen::default() };
    }
    Board { metrics, free: text(body, "layout_type") == "free", seen }.widgets(body, "", about);
}

impl Board<'_> {
    fn widgets(&mut self, holder: &Value, place: &str, about: &mut About<'_>) {
        for (index, widget) in list(holder, "widgets").iter().enumerate() {
            if !self.free {
                check_width(widget, format_args!("{place}widgets[{index}].layout"), about);
            }
            let place = format!("{place}widgets[{index}].definition");
            self.widget(widget.get("definition").unwrap_or(&Value::Null), place, about);
        }
    }

    fn widget(&mut self, definition: &Value, place: String, about: &mut About<'_>) {
        let kind = text(definition, "type");
        let titled =
            WITH_REQUESTS.contains(&kind) || WITH_KEY.iter().any(|(known, _)| *known == kind) || kind == "group";
        if titled && text(definition, "title").is_empty() {
            about.found(Rule::Title, &place, format!("a widget `{kind}` without a title; say what it shows"));
        }
        if kind == "group" || kind == "powerpack" {
            if list(definition, "widgets").is_empty() && kind == "group" {
                about.found(Rule::DataSource, &place, "a group without widgets; put some in, or take it away");
            }
            self.widgets(definition, &format!("{place}."), about);
        } else if WITH_REQUESTS.contains(&kind) {
            match self.seen.widgets.get(&place) {
                Some((same, findings)) if same == definition => about.repeat(findings),
                _ => {
                    let before = about.findings.len();
                    self.requests(kind, definition, &place, about);
                    self.seen.widgets.insert(place, (definition.clone(), about.findings[before..].to_vec()));
                }
            }
        } else if let Some((_, key)) = WITH_KEY.iter().find(|(known, _)| *known == kind) {
            if text(definition, key).is_empty() {
                about.found(
                    Rule::DataSource,
                    &place,
                    format!("a widget `{kind}` without `{key}` shows nothing; set it"),
                );
            }
        } else if !PLAIN.contains(&kind) {
            about.found(Rule::Query, &place, format!("not checked: a widget of the type `{kind}`"));
        }
    }

    fn requests(&self, kind: &str, definition: &Value, place: &str, about: &mut About<'_>) {
        let requests = list(definition, "requests");
        if requests.is_empty() {
            let shown = definition.get("requests").is_some_and(Value::is_object);
            if shown {
                about.found(Rule::Query, place, format!("not checked: the requests of a widget `{kind}`"));
            } else {
                about.found(
                    Rule::DataSource,
                    place,
                    format!("a widget `{kind}` without requests shows nothing; add one"),
                );
            }
        }
        let mut axes: [BTreeSet<String>; 2] = [BTreeSet::new(), BTreeSet::new()];
        for (index, request) in requests.iter().enumerate() {
            let drawn = text(request, "display_type");
            if kind == "timeseries" && !drawn.is_empty() && !DISPLAY_TYPES.contains(&drawn) {
                let place = format!("{place}.requests[{index}].display_type");
                let known = DISPLAY_TYPES.map(|known| format!("`{known}`")).join(", ");
                about.found(Rule::Display, &place, format!("there is no `{drawn}`; write one of {known}"));
            }
            let right = request.get("on_right_yaxis").and_then(Value::as_bool) == Some(true);
            let units = self.request(request, &format!("{place}.requests[{index}]"), about);
            axes[usize::from(right)].extend(units);
        }
        for units in axes.iter().filter(|units| kind == "timeseries" && units.len() > 1) {
            let units = units.iter().map(String::as_str).collect::<Vec<_>>().join(" and ");
            let message = format!("draws {units} on one axis; make two widgets, or set `on_right_yaxis`");
            about.found(Rule::Unit, place, message);
        }
    }

    /// The units of what a request shows.
    fn request(&self, request: &Value, place: &str, about: &mut About<'_>) -> Vec<String> {
        let queries = list(request, "queries");
        if !text(request, "q").is_empty() {
            let place = format!("{place}.q");
            let expr = self.query(text(request, "q"), &place, about);
            return expr.and_then(|expr| series::unit(&expr, &place, self.metrics, about)).into_iter().collect();
        }
        if let Some(query) = request.get("query").filter(|query| text(query, "data_source") == "logs_stream") {
            self.search(text(query, "query_string"), &format!("{place}.query.query_string"), about);
            return Vec::new();
        }
        if queries.is_empty() {
            let other = request.as_object().and_then(|fields| fields.keys().find(|key| key.ends_with("query")));
            match other {
                Some(key) => about.found(Rule::Query, place, format!("not checked: `{key}`")),
                None => about.found(Rule::DataSource, place, "asks for nothing; add `queries` or `q`"),
            }
        }
        let mut named = BTreeMap::new();
        let mut all = true;
        for (index, query) in queries.iter().enumerate() {
            let place = format!("{place}.queries[{index}]");
            let source = text(query, "data_source");
            if source != "metrics" {
                let rule = if source.is_empty() { Rule::DataSource } else { Rule::Query };
                let known = "say `data_source: metrics`";
                let message =
                    if source.is_empty() { known.to_owned() } else { format!("not checked: a query of {source}") };
                about.found(rule, &place, message);
                all = false;
                continue;
            }
            match self.query(text(query, "query"), &format!("{place}.query"), about) {
                Some(expr) => drop(named.insert(text(query, "name").to_owned(), expr)),
                None => all = false,
            }
        }
        // A formula can only be read when all of its queries are.
        if !all {
            return Vec::new();
        }
        let formulas = list(request, "formulas");
        if formulas.is_empty() {
            return named.values().filter_map(|expr| series::unit(expr, place, self.metrics, about)).collect();
        }
        let units = formulas.iter().enumerate().filter_map(|(index, formula)| {
            let place = format!("{place}.formulas[{index}].formula");
            let expr = parsed(parse_formula(text(formula, "formula"), &named), &place, about)?;
            series::unit(&expr, &place, self.metrics, about)
        });
        units.collect()
    }

    /// A search of logs: of its language no more is read than the variables.
    fn search(&self, text: &str, place: &str, about: &mut About<'_>) {
        for rest in text.split('$').skip(1) {
            let name = rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
            if !self.seen.variables.contains_key(name) {
                let message = format!("`${name}` is no template variable here; declare it in `template_variables`");
                about.found(Rule::Tag, place, message);
            }
        }
    }

    fn query(&self, text: &str, place: &str, about: &mut About<'_>) -> Option<Expr> {
        let expr = parsed(parse(text), place, about)?;
        let prefix = |name: &str| self.seen.variables.get(name).cloned();
        series::check(&expr, place, self.metrics, &prefix, about);
        Some(expr)
    }
}

fn check_width(widget: &Value, place: fmt::Arguments<'_>, about: &mut About<'_>) {
    let of = |key: &str| widget.get("layout").and_then(|layout| layout.get(key)).and_then(Value::as_u64);
    let Some(width) = of("width") else { return };
    let x = of("x").unwrap_or(0);
    if x + width > COLUMNS {
        let message = format!("ends at column {}, and there are {COLUMNS}; make it narrower", x + width);
        about.found(Rule::Display, &place.to_string(), message);
    }
}

fn parsed(query: Result<Expr, crate::query::Unchecked>, place: &str, about: &mut About<'_>) -> Option<Expr> {
    query.map_err(|unchecked| about.found(Rule::Query, place, unchecked.to_string())).ok()
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
