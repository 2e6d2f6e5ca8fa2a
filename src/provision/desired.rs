//! What should be there: templates x pipelines x settings.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::config::settings::Settings;
use crate::config::{Problem, Problems, nearest};
use crate::model::pipeline::{Pipeline, quoted};
use crate::model::resource::Resource;
use crate::provision::desired::subjects::{About, Company};
use crate::provision::desired::values::Overrides;
use crate::provision::object::{Desired, Identity, Kind, Subject};
use crate::provision::template::{Blocks, Compiled, Faults, Last, Names, Template, Templates, engine, furnish};

pub(super) mod merge;
mod refs;
mod subjects;
#[cfg(test)]
mod tests;
mod values;

use refs::References;

/// What should be there, and what is odd about it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    /// In the order of kinds and templates.
    pub objects: Vec<Desired>,
    /// As in [`Odd`].
    pub findings: Vec<String>,
    /// As in [`Odd`].
    pub remarks: Vec<String>,
}

/// What is odd about what should be there, a line each, in order. Untrusted values in them are quoted and cut.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Odd {
    /// Of what is deployed.
    pub findings: Vec<String>,
    /// Of the settings, whatever is deployed.
    pub remarks: Vec<String>,
}

/// Lines of [`Odd`] as they come.
#[derive(Default)]
struct Findings {
    deployed: BTreeSet<String>,
    settings: BTreeSet<String>,
}

/// One object before it is rendered.
struct Target<'a> {
    template: usize,
    identity: Identity,
    about: About<'a>,
}

/// Every object that should be there for these pipelines, found in whatever accounts and regions.
///
/// # Errors
/// Every problem of every template, each once, with the first object that it was seen in.
pub fn desired(
    templates: &Templates,
    pipelines: &[Pipeline],
    resources: &[Resource],
    settings: &Settings,
) -> Result<Wanted, Problems> {
    let mut objects = Vec::new();
    let odd = each(templates, pipelines, resources, settings, &mut |object| objects.push(object.clone()))?;
    objects.sort_by_key(|object: &Desired| object.kind);
    let Odd { findings, remarks } = odd;
    Ok(Wanted { objects, findings, remarks })
}

/// As [`desired`], one object after the other, so that all of them need not be held at once: SLOs first, since alerts on
/// them come after them, then in the order of kinds and templates.
///
/// # Errors
/// As [`desired`]; what `take` was given before is worth nothing then.
pub fn each(
    templates: &Templates,
    pipelines: &[Pipeline],
    resources: &[Resource],
    settings: &Settings,
    take: &mut dyn FnMut(&Desired),
) -> Result<Odd, Problems> {
    make(templates, pipelines, resources, settings, &|_, _| true, take)
}

/// The objects of one template, whatever its kind; when the template is about pipelines and one is named, those of that.
///
/// # Errors
/// When there is no such template or pipeline, and every problem of the template.
pub fn render(
    templates: &Templates,
    pipelines: &[Pipeline],
    resources: &[Resource],
    settings: &Settings,
    template: &str,
    pipeline: Option<&str>,
) -> Result<Vec<Desired>, Problems> {
    if !templates.iter().any(|known| known.key == template) {
        return Err(no_such("template", template, templates.iter().map(|known| known.key.as_str())));
    }
    let wanted = pipeline.map(|name| merge::value_of("pipeline", name));
    let is_wanted = |tag: &str| wanted.as_deref().is_none_or(|wanted| wanted == tag);
    if let Some(name) = pipeline
        && !pipelines.iter().any(|known| is_wanted(&merge::value_of("pipeline", &known.name)))
    {
        return Err(no_such("pipeline", name, pipelines.iter().map(|known| known.name.as_str())));
    }
    let chosen = |of: &Template, about: &About<'_>| {
        of.key == template && about.pipeline.is_none_or(|merged| is_wanted(&merged.tag))
    };
    let mut objects = Vec::new();
    make(templates, pipelines, resources, settings, &chosen, &mut |object| objects.push(object.clone()))?;
    objects.sort_by_key(|object: &Desired| object.kind);
    Ok(objects)
}

fn no_such<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Problems {
    let hint = nearest(name, known).map(|near| format!("; did you mean {}?", quoted(near))).unwrap_or_default();
    let message = format!("there is none{hint}");
    Problem { file: format!("{what} {}", quoted(name)), line: None, column: None, path: String::new(), message }.into()
}

fn make(
    templates: &Templates,
    pipelines: &[Pipeline],
    resources: &[Resource],
    settings: &Settings,
    chosen: &dyn Fn(&Template, &About<'_>) -> bool,
    take: &mut dyn FnMut(&Desired),
) -> Result<Odd, Problems> {
    let mut findings = Findings::default();
    let merged = merge::merge(pipelines, resources, &mut findings.deployed);
    let company = Company::new(&merged, settings, &mut findings);
    let overrides = Overrides::new(templates, settings);
    overrides.unknown(templates, &merged, &mut findings);

    let mut engine = engine();
    furnish(&mut engine, settings);
    let blocks = Blocks::default();
    let mut failures = Failures::default();
    let used: Vec<&Template> = templates.iter().collect();
    let compiled: Vec<Compiled<'_, '_>> = used
        .iter()
        .map(|template| failures.note(template, None, |faults| Compiled::new(&engine, &blocks, template, faults)))
        .collect();

    // What there will be comes first, so that one object can name another.
    let mut targets = Vec::new();
    for (index, (template, compiled)) in used.iter().zip(&compiled).enumerate() {
        for about in company.subjects(template, &overrides, &mut findings) {
            let identity = Identity::new(&template.key, about.subject.clone());
            let names = Names::new(&about.values);
            if failures.note(template, Some(&identity), |faults| compiled.applies(&names, faults)) {
                targets.push(Target { template: index, identity, about });
            }
        }
    }
    let mut references =
        References::new(templates, targets.iter().map(|target| (used[target.template].kind, &target.identity)));

    targets.sort_by_key(|target| used[target.template].kind != Kind::Slo);
    let mut last: Vec<Last> = used.iter().map(|_| Last::default()).collect();
    for Target { template: index, identity, about } in targets {
        let template = used[index];
        if !chosen(template, &about) {
            continue;
        }
        let links = references.values(&about, settings);
        let names = Names::new(&about.values);
        let mut own = None;
        let body = failures.note(template, Some(&identity), |faults| {
            let mut body = compiled[index].render(&names.with(&links), &mut last[index], faults);
            own = body.get("tags").cloned();
            add_tags(template.kind, &mut body, &about.tags, faults);
            body
        });
        let mut object = Desired { kind: template.kind, identity, body };
        take(&object);
        put_back_tags(&mut object.body, own);
        last[index].give_back(object.body);
    }
    failures.check()?;
    let Findings { deployed, settings } = findings;
    Ok(Odd { findings: deployed.into_iter().collect(), remarks: settings.into_iter().collect() })
}

/// Monitors and SLOs say whose they are; a dashboard takes no tags but `team:`, and only when its template asks.
fn add_tags(kind: Kind, body: &mut Value, tags: &[String], faults: &mut Faults) {
    if kind == Kind::Dashboard {
        return;
    }
    let mut all = match body.get_mut("tags").map(Value::take) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(tags)) => tags,
        Some(_) => {
            faults.add("tags", "has to be a list");
            return;
        }
    };
    for tag in tags {
        if !all.iter().any(|known| known == tag.as_str()) {
            all.push(json!(tag));
        }
    }
    body["tags"] = Value::Array(all);
}

/// What [`add_tags`] did, undone.
fn put_back_tags(body: &mut Value, own: Option<Value>) {
    match (body.as_object_mut(), own) {
        (Some(body), Some(own)) => drop(body.insert("tags".to_owned(), own)),
        (Some(body), None) => drop(body.remove("tags")),
        (None, _) => {}
    }
}

/// Problems of all templates: one that shows in many objects is told once.
#[derive(Default)]
struct Failures {
    /// How often, and where first.
    seen: BTreeMap<(String, String, String), (usize, String)>,
}

impl Failures {
    fn note<T>(&mut self, template: &Template, object: Option<&Identity>, work: impl FnOnce(&mut Faults) -> T) -> T {
        let mut faults = Faults::new(&template.file);
        let done = work(&mut faults);
        for Problem { file, path, message, .. } in faults.problems() {
            let entry = self
                .seen
                .entry((file, path, message))
                .or_insert_with(|| (0, object.map(Identity::to_string).unwrap_or_default()));
            entry.0 += 1;
        }
        done
    }

    fn check(self) -> Result<(), Problems> {
        let problem = |((file, path, message), (count, object)): ((String, String, String), (usize, String))| {
            let message = match count {
                _ if object.is_empty() => message,
                1 => format!("{message}; seen in {object}"),
                _ => format!("{message}; seen in {object} and {} more", count - 1),
            };
            Problem { file, line: None, column: None, path, message }
        };
        Problems::check(self.seen.into_iter().map(problem).collect())
    }
}
