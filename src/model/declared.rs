//! The shape of a pipeline's YAML file: what we know of it, and nothing fails on what we do not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::dora::Unit;

/// One file: what should be deployed, by environment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Declared {
    /// Team, when the file names one.
    pub team: Option<String>,
    /// Pipelines by environment; files that have them at the top level declare them for every environment (`""`).
    pub environments: BTreeMap<String, Vec<DeclaredPipeline>>,
    /// Parts that could not be understood and were left out: where, and why.
    pub problems: Vec<String>,
}

/// What a pipeline's file said at the commit that was last deployed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deployed {
    /// Of what.
    pub unit: Unit,
    /// Whose file.
    pub source: Source,
    /// What it declares for that environment; `None` when it says nothing of the pipeline, or cannot be read.
    pub pipeline: Option<DeclaredPipeline>,
}

/// A file at a commit. All of it comes from outside.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Source {
    /// `owner/name`.
    pub repository: String,
    /// Path in the repository.
    pub yaml: String,
    /// 40 hexadecimal digits.
    pub sha: String,
}

impl Declared {
    /// What is declared for a unit: for its environment, else for every environment.
    #[must_use]
    pub fn of(&self, unit: &Unit) -> Option<&DeclaredPipeline> {
        let wanted = unit.key();
        let is_own = |name: &str| !name.is_empty() && Unit::new("", name).key().environment == wanted.environment;
        let own = self.environments.iter().filter(|(name, _)| is_own(name)).map(|(_, list)| list);
        let mut lists = own.chain(self.environments.get(""));
        lists.find_map(|list| list.iter().find(|it| Unit::new(it.name.as_str(), "").key().pipeline == wanted.pipeline))
    }
}

/// One of `sagemakerPipelines`. Its name is what the `pipeline` tag says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeclaredPipeline {
    /// The pipeline's name.
    pub name: String,
    /// Its stages.
    pub models: Vec<DeclaredModel>,
}

/// One of `models`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeclaredModel {
    /// The stage's name.
    pub name: String,
    /// Whether its endpoint is asynchronous.
    #[serde(default, rename = "async")]
    pub is_async: bool,
    /// Instances.
    pub count: Option<u32>,
    /// For example `ml.m5.xlarge`.
    pub instance_type: Option<String>,
    /// Whether it calls Textract.
    #[serde(default)]
    pub textract: bool,
    /// What it waits for.
    #[serde(default)]
    pub depends_on: DependsOn,
}

/// What a model waits for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DependsOn {
    /// Upstream stages.
    #[serde(default)]
    pub models: Vec<String>,
    /// Buckets whose files start it.
    #[serde(default)]
    pub s3_buckets: Vec<DeclaredTrigger>,
}

/// A bucket whose files start a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeclaredTrigger {
    /// The bucket.
    pub bucket_name: String,
}

/// Key of the list of pipelines, at the top level or in an environment.
const PIPELINES: &str = "sagemakerPipelines";

/// Reads a pipeline file. Unknown keys are ignored; a pipeline or model that cannot be understood loses only itself.
///
/// # Errors
/// When the text is not YAML, or no mapping: the line and the reason, in one line of text.
pub fn parse(text: &str) -> Result<Declared, String> {
    let file: Value = serde_saphyr::from_str(text).map_err(|error| {
        let reason = one_line(&error.without_snippet().to_string());
        match error.location() {
            // The reason may tell the place itself.
            Some(location) if !reason.contains("line ") => format!("line {}: {reason}", location.line()),
            _ => reason,
        }
    })?;
    let Value::Object(top) = without_nulls(file) else {
        return Err("line 1: not a mapping".to_owned());
    };
    let mut declared = Declared { team: top.get("team").and_then(word), ..Declared::default() };
    for (key, value) in &top {
        let found = if key == PIPELINES {
            Some(("", PIPELINES.to_owned(), value))
        } else {
            value.get(PIPELINES).map(|list| (key.as_str(), format!("{}.{PIPELINES}", one_line(key)), list))
        };
        if let Some((environment, place, list)) = found {
            let pipelines = pipelines(list, &place, &mut declared.problems);
            declared.environments.insert(environment.to_owned(), pipelines);
        }
    }
    Ok(declared)
}

fn pipelines(list: &Value, place: &str, problems: &mut Vec<String>) -> Vec<DeclaredPipeline> {
    let mut pipelines = Vec::new();
    for (index, entry) in items(list, place, problems).iter().enumerate() {
        let place = format!("{place}[{index}]");
        let Some(name) = entry.get("name").and_then(word) else {
            problems.push(format!("{place}: no name"));
            continue;
        };
        let mut models = Vec::new();
        if let Some(list) = entry.get("models") {
            let place = format!("{place}.models");
            for (index, entry) in items(list, &place, problems).iter().enumerate() {
                match DeclaredModel::deserialize(entry) {
                    Ok(model) => models.push(model),
                    Err(error) => problems.push(format!("{place}[{index}]: {}", one_line(&error.to_string()))),
                }
            }
        }
        pipelines.push(DeclaredPipeline { name, models });
    }
    pipelines
}

fn items<'a>(list: &'a Value, place: &str, problems: &mut Vec<String>) -> &'a [Value] {
    list.as_array().map_or_else(
        || {
            problems.push(format!("{place}: not a list"));
            &[][..]
        },
        Vec::as_slice,
    )
}

/// A name may look like a number to YAML.
fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A key without a value is as good as none.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            map.into_iter().filter(|(_, value)| !value.is_null()).map(|(k, v)| (k, without_nulls(v))).collect()
        }
        Value::Array(list) => list.into_iter().filter(|value| !value.is_null()).map(without_nulls).collect(),
        other => other,
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

#[cfg(test)]
mod tests;
