//! Which log groups are meant.

use std::collections::{BTreeMap, BTreeSet};

use super::{CommandError, TailArgs};
use crate::config::nearest;
use crate::model::pipeline::quoted;
use crate::model::resource::Scope;
use crate::model::tag::normalize_value;
use crate::source::discover::Inventory;
use crate::source::logs::group::{Group, groups};

/// So many names are told where none is near.
const TOLD: usize = 10;

/// A log group, and where it is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Source {
    pub(super) scope: Scope,
    pub(super) group: Group,
    /// As the tag of its lines says it.
    pub(super) environment: String,
}

impl Source {
    pub(super) fn of(scope: &Scope, group: Group) -> Self {
        let environment = group.origin.tags.iter().find_map(|tag| tag.strip_prefix("environment:"));
        let environment = environment.unwrap_or_default().to_owned();
        Self { scope: scope.clone(), group, environment }
    }
}

/// What is asked for, as typed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asked<'a> {
    pub(super) pipeline: &'a str,
    pub(super) environment: Option<&'a str>,
    pub(super) stage: Option<&'a str>,
}

impl<'a> Asked<'a> {
    pub(super) fn of(args: &'a TailArgs) -> Self {
        Self { pipeline: &args.pipeline, environment: args.environment.as_deref(), stage: args.stage.as_deref() }
    }
}

/// The word, what is asked for, and where a source has its own.
type Part<'a> = (&'static str, Option<&'a str>, fn(&Source) -> &str);

/// All log groups, and the names of all pipelines by their tags.
pub(super) fn everything(inventories: &[Inventory]) -> (Vec<Source>, BTreeMap<String, String>) {
    let sources = inventories.iter().flat_map(|it| groups(it).into_iter().map(|group| Source::of(&it.scope, group)));
    let pipelines = inventories.iter().flat_map(|it| &it.pipelines);
    let mut names: BTreeMap<String, String> =
        pipelines.map(|pipeline| (normalize_value(&pipeline.name), pipeline.name.clone())).collect();
    let sources: Vec<Source> = sources.collect();
    for Source { group, .. } in &sources {
        names.entry(group.pipeline.clone()).or_insert_with(|| group.pipeline.clone());
    }
    (sources, names)
}

/// The log groups that are meant. Names are compared as the values of tags.
///
/// # Errors
/// A name that nothing has, with what may have been meant.
pub(super) fn choose(
    sources: Vec<Source>,
    names: &BTreeMap<String, String>,
    asked: Asked<'_>,
) -> Result<Vec<Source>, CommandError> {
    let pipeline = normalize_value(asked.pipeline);
    let Some(name) = names.get(&pipeline) else {
        let known = names.values().map(String::as_str).collect();
        return Err(unknown(format!("there is no pipeline {}", quoted(asked.pipeline)), asked.pipeline, &known));
    };
    let mut chosen: Vec<Source> = sources.into_iter().filter(|it| it.group.pipeline == pipeline).collect();
    if chosen.is_empty() {
        return Err(CommandError::Usage(format!(
            "pipeline {} has nothing that logs: no endpoint, no function, and no log group with its tag",
            quoted(name)
        )));
    }
    let parts: [Part<'_>; 2] =
        [("environment", asked.environment, |it| &it.environment), ("stage", asked.stage, |it| &it.group.stage)];
    for (word, typed, own) in parts {
        let Some(typed) = typed else { continue };
        let wanted = normalize_value(typed);
        if !chosen.iter().any(|it| own(it) == wanted) {
            let known: BTreeSet<&str> = chosen.iter().map(own).filter(|own| !own.is_empty()).collect();
            let words = format!("pipeline {} has no {word} {} that logs", quoted(name), quoted(typed));
            return Err(unknown(words, typed, &known));
        }
        chosen.retain(|it| own(it) == wanted);
    }
    Ok(chosen)
}

fn unknown(words: String, typed: &str, known: &BTreeSet<&str>) -> CommandError {
    let hint = match nearest(typed, known.iter().copied()) {
        Some(near) => format!("; did you mean {}?", quoted(near)),
        None if known.is_empty() => "; there is none, `ddsync discover` shows what is found".to_owned(),
        None => {
            let told: Vec<String> = known.iter().take(TOLD).map(|name| quoted(name)).collect();
            let more = if known.len() > TOLD { format!(" and {} more", known.len() - TOLD) } else { String::new() };
            format!("; there {} {}{more}", if known.len() == 1 { "is" } else { "are" }, told.join(", "))
        }
    };
    CommandError::Usage(words + &hint)
}
