//! `routes`: who is told, and who is woken.

use std::collections::BTreeMap;

use crate::config::field::{Field, Section};
use crate::config::problem::Findings;
use crate::config::settings::{Route, Routes};
use crate::model::tag::tag;

const HANDLE_EXAMPLE: &str = "@slack-ml";

pub(super) fn read(root: &Section<'_>, findings: &mut Findings) -> Routes {
    let section = root.section("routes", &["default", "teams", "environments", "owners"], findings);
    let default = section.get("default").map(|field| route(field, "default".to_owned(), findings));
    Routes {
        default: default.unwrap_or_default(),
        teams: named(&section, "teams", "team", findings),
        environments: named(&section, "environments", "environment", findings),
        owners: named(&section, "owners", "owner", findings),
    }
}

fn named(section: &Section<'_>, key: &str, tag_key: &str, findings: &mut Findings) -> BTreeMap<String, Route> {
    let mut routes: BTreeMap<String, Route> = BTreeMap::new();
    for (name, field) in section.named(key, "Docs", findings) {
        let route = route(&field, format!("{key}.{name}"), findings);
        if let Some(other) = routes.insert(tag(tag_key, name), route) {
            field.problem(findings, format!("is the same tag as `{}`; keep one of them", other.name));
        }
    }
    routes
}

fn route(field: &Field<'_>, name: String, findings: &mut Findings) -> Route {
    let section = field.section(&["page", "notify"], findings);
    if field.is_section() && section.get("page").is_none() && section.get("notify").is_none() {
        field.problem(findings, format!("names nobody; write `{{notify: \"{HANDLE_EXAMPLE}\"}}`"));
    }
    Route { name, page: handles(&section, "page", findings), notify: handles(&section, "notify", findings) }
}

fn handles(section: &Section<'_>, key: &str, findings: &mut Findings) -> Vec<String> {
    let mut handles = Vec::new();
    for (field, text) in section.get(key).map(|field| field.one_or_more(findings)).unwrap_or_default() {
        if !is_handle(text) {
            let message = format!("{} is no handle: one word such as `{HANDLE_EXAMPLE}`, in quotes", field.shown());
            field.problem(findings, message);
        }
        handles.push(text.to_owned());
    }
    handles
}

/// One word: what follows a handle in a message must not become a part of it, and the other way round.
fn is_handle(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || "._+@/-".contains(c);
    text.strip_prefix('@').is_some_and(|name| !name.is_empty() && name.chars().all(legal))
}
