//! Owners: who is told, and who is woken. A tag looks a route up, it never is one.

use crate::config::nearest;
use crate::config::settings::{Route, Routes};
use crate::model::pipeline::quoted;
use crate::model::tag::tag;

#[cfg(test)]
mod tests;

/// Whom an alert is about, as tags say it, untrusted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Owner<'a> {
    /// What the owner tag names.
    pub owner: Option<&'a str>,
    /// The team.
    pub team: Option<&'a str>,
    /// The environment.
    pub environment: Option<&'a str>,
}

/// Handles as they stand in a message, separated by spaces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Address {
    /// Where the route stands in the configuration, for example `teams.Docs`.
    pub route: String,
    /// Who is woken; empty outside production.
    pub page: String,
    /// Who is told.
    pub notify: String,
    /// Both: what a message ends with.
    pub handles: String,
}

/// What was looked for on the way to a route and is not configured, a sentence each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Missing {
    /// The owner tag names no route.
    pub owner: Option<String>,
    /// The team has none.
    pub team: Option<String>,
}

/// The route of an owner: what the owner tag names, else the team's, the environment's, the default.
#[must_use]
pub fn choose<'a>(routes: &'a Routes, who: Owner<'_>) -> (&'a Route, Missing) {
    let mut missing = Missing::default();
    if let Some(owner) = who.owner {
        if let Some(route) = routes.owners.get(&tag("owner", owner)) {
            return (route, missing);
        }
        let names = routes.owners.values().filter_map(|route| route.name.strip_prefix("owners."));
        let hint = nearest(owner, names).map(|name| format!("; did you mean {}?", quoted(name))).unwrap_or_default();
        missing.owner = Some(format!("the owner tag {} names no route under `routes.owners`{hint}", quoted(owner)));
    }
    if let Some(team) = who.team {
        if let Some(route) = routes.teams.get(&tag("team", team)) {
            return (route, missing);
        }
        let instead = "that of the environment, or the default, is taken";
        missing.team = Some(format!("team {} has no route under `routes.teams`; {instead}", quoted(team)));
    }
    let environment = who.environment.and_then(|name| routes.environments.get(&tag("environment", name)));
    (environment.unwrap_or(&routes.default), missing)
}

/// The handles of a route: in production those that page and those that notify, elsewhere those that notify alone.
#[must_use]
pub fn address(route: &Route, production: bool) -> Address {
    let page: &[String] = if production { &route.page } else { &[] };
    let mut all: Vec<&str> = Vec::new();
    for handle in page.iter().chain(&route.notify) {
        if !all.contains(&handle.as_str()) {
            all.push(handle);
        }
    }
    Address { route: route.name.clone(), page: page.join(" "), notify: route.notify.join(" "), handles: all.join(" ") }
}

/// What is wrong with a route where it is used: production that wakes nobody, and anything that nobody is told of.
#[must_use]
pub fn gap(route: &Route, production: bool) -> Option<String> {
    let (lacks, serves, does) = match production {
        true if route.page.is_empty() => ("page", "production", "pages"),
        false if route.notify.is_empty() => ("notify", "what is not production", "notifies"),
        _ => return None,
    };
    Some(match route.name.as_str() {
        "" => format!("no route serves some of {serves}: add `routes.default` with `{lacks}`"),
        name => format!("the route `routes.{name}` serves {serves} and {does} nobody; give it `{lacks}`"),
    })
}
