//! What a template says about itself, under `ddsync:`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::config::nearest;
use crate::model::tag::tag;
use crate::provision::template::Variable;
use crate::provision::template::render::Faults;

/// The key of a template under which it says what it is. JSON without it is an export, taken as it is.
pub(super) const HEADER: &str = "ddsync";

const KEYS: [&str; 6] = ["about", "scope", "environments", "when", "per_stage", "variables"];

/// What a template says about itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Header {
    /// One sentence.
    pub about: String,
    /// What one object of it is about.
    pub scope: Scope,
    /// Tags of the environments that it is for, for example `environment:data_prod`; `None` for all.
    pub environments: Option<BTreeSet<String>>,
    /// An expression that says whether a subject gets an object at all.
    pub when: Option<String>,
    /// Whether a stage whose tags override a variable gets an object of its own.
    pub per_stage: bool,
    /// By name: `[a-z][a-z0-9_]*`.
    pub variables: BTreeMap<String, Variable>,
}

/// What one object is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scope {
    /// A pipeline of an environment.
    Pipeline,
    /// A team.
    Team,
    /// An environment.
    Environment,
    /// Everything.
    #[default]
    Global,
}

impl Scope {
    const WORDS: [(&str, Self); 4] = [
        ("pipeline", Self::Pipeline),
        ("team", Self::Team),
        ("environment", Self::Environment),
        ("global", Self::Global),
    ];
}

impl Header {
    /// Takes the header out of a template's body.
    pub(super) fn take(body: &mut Map<String, Value>, faults: &mut Faults) -> Self {
        let mut header = Self::default();
        let map = match body.remove(HEADER) {
            None => return header,
            Some(Value::Object(map)) => map,
            Some(_) => {
                faults.add("ddsync", "has to be a mapping with keys such as `scope:`");
                return header;
            }
        };
        for (key, value) in &map {
            let path = format!("ddsync.{key}");
            let read = match key.as_str() {
                "about" => text(value).map(|text| header.about = text),
                "scope" => scope(value).map(|scope| header.scope = scope),
                "environments" => environments(value).map(|tags| header.environments = Some(tags)),
                "when" => text(value).map(|text| header.when = Some(text)),
                "per_stage" => value
                    .as_bool()
                    .map(|per_stage| header.per_stage = per_stage)
                    .ok_or_else(|| "has to be true or false".to_owned()),
                "variables" => variables(value, &path, faults).map(|variables| header.variables = variables),
                _ => Err(match nearest(key, KEYS) {
                    Some(near) => format!("unknown key; did you mean `{near}`?"),
                    None => format!("unknown key; known here: {}", KEYS.join(", ")),
                }),
            };
            if let Err(message) = read {
                faults.add(&path, message);
            }
        }
        if header.per_stage && header.scope != Scope::Pipeline {
            faults.add("ddsync.per_stage", "needs `scope: pipeline`");
        }
        header
    }
}

fn text(value: &Value) -> Result<String, String> {
    let text = value.as_str().map(str::trim).filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or_else(|| "has to be a text".to_owned())
}

fn scope(value: &Value) -> Result<Scope, String> {
    let word = value.as_str().unwrap_or_default();
    let found = Scope::WORDS.into_iter().find(|(known, _)| *known == word);
    found.map(|(_, scope)| scope).ok_or_else(|| {
        let known: Vec<&str> = Scope::WORDS.iter().map(|(word, _)| *word).collect();
        format!("has to be one of {}", known.join(", "))
    })
}

fn environments(value: &Value) -> Result<BTreeSet<String>, String> {
    let names = value.as_array().and_then(|names| names.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
    let names = names.filter(|names| !names.is_empty());
    let names = names.ok_or_else(|| "has to be a list of names; leave it out for all".to_owned())?;
    Ok(names.into_iter().map(|name| tag("environment", name)).collect())
}

fn variables(value: &Value, path: &str, faults: &mut Faults) -> Result<BTreeMap<String, Variable>, String> {
    let Some(map) = value.as_object() else {
        return Err("has to be a mapping of names".to_owned());
    };
    let mut variables = BTreeMap::new();
    for (name, value) in map {
        let legal = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '_');
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(legal) {
            faults.add(&format!("{path}.{name}"), "a name takes a to z, 0 to 9 and `_`, and starts with a letter");
        }
        match Variable::read(value) {
            Ok(variable) => {
                variables.insert(name.clone(), variable);
            }
            Err(message) => faults.add(&format!("{path}.{name}"), message),
        }
    }
    Ok(variables)
}
