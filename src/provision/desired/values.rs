//! Which value each variable has, for a pipeline and for each of its stages.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::config::nearest;
use crate::config::settings::Settings;
use crate::model::pipeline::quoted;
use crate::model::tag::tag;
use crate::provision::desired::Findings;
use crate::provision::desired::merge::{Merged, MergedStage};
use crate::provision::template::{Template, Templates, Variable};

/// Stands for every pipeline in `templates.variables`.
const ALL: &str = "*";

/// Values by the names of variables.
pub(super) type Values = BTreeMap<String, Value>;

/// Where values come from, but for the templates themselves.
pub(super) struct Overrides<'a> {
    settings: &'a Settings,
    /// Variables of templates that make an object of its own for a stage.
    split: BTreeSet<&'a str>,
}

/// What one template has for one pipeline.
pub(super) struct Split<'a> {
    /// Of the object that stages share; `None` when every stage has its own.
    pub(super) shared: Option<Values>,
    /// Stages with an object of their own.
    pub(super) own: Vec<(&'a MergedStage, Values)>,
}

impl<'a> Overrides<'a> {
    pub(super) fn new(templates: &'a Templates, settings: &'a Settings) -> Self {
        let split = templates.iter().filter(|template| template.header.per_stage);
        Self {
            settings,
            split: split.flat_map(|template| template.header.variables.keys()).map(String::as_str).collect(),
        }
    }

    /// Names in the configuration and in tags that no template knows.
    pub(super) fn unknown(&self, templates: &Templates, pipelines: &[Merged], findings: &mut Findings) {
        let known = |name: &str| templates.variables.contains(name);
        let hint = |name: &str| match nearest(name, templates.variables.iter().map(String::as_str)) {
            Some(near) => format!("; did you mean `{near}`?"),
            None => String::new(),
        };
        for (pipeline, values) in &self.settings.templates.variables {
            let is_there = || pipelines.iter().any(|merged| same_pipeline(merged, pipeline));
            if pipeline != ALL && !is_there() {
                findings
                    .deployed
                    .insert(format!("`templates.variables` names {}, and there is no such pipeline", quoted(pipeline)));
            }
            for name in values.keys().filter(|name| !known(name)) {
                let (pipeline, hint) = (quoted(pipeline), hint(name));
                findings.settings.insert(format!(
                    "`templates.variables` has {} for {pipeline}, and no template has it{hint}",
                    quoted(name)
                ));
            }
        }
        for (merged, stage) in
            pipelines.iter().flat_map(|merged| merged.stages.iter().map(move |stage| (merged, stage)))
        {
            for (name, value) in stage.overrides.iter().filter(|(name, _)| !known(name)) {
                let (place, hint) = (self.place(merged, stage, name), hint(name));
                findings
                    .deployed
                    .insert(format!("{place} is {}, and no template has such a variable{hint}", quoted(value)));
            }
        }
        for name in &templates.unknown {
            findings
                .settings
                .insert(format!("`templates.disable` names {}, and there is no such template", quoted(name)));
        }
    }

    /// Defaults, then the configuration for all pipelines, then that for this one.
    pub(super) fn configured(&self, template: &Template, pipeline: Option<&Merged>, findings: &mut Findings) -> Values {
        let defaults = template.header.variables.iter();
        let mut values: Values = defaults.map(|(name, variable)| (name.clone(), variable.default.clone())).collect();
        let all = self.settings.templates.variables.iter().filter(|(name, _)| *name == ALL);
        let one = self
            .settings
            .templates
            .variables
            .iter()
            .filter(|(name, _)| *name != ALL && pipeline.is_some_and(|pipeline| same_pipeline(pipeline, name)));
        for (scope, overrides) in all.chain(one) {
            for (name, value) in overrides {
                let Some((variable, current)) = template.header.variables.get(name).zip(values.get_mut(name)) else {
                    continue;
                };
                if let Some(value) = variable.of_configuration(value) {
                    *current = value;
                } else {
                    let place = format!("{} for {} in `templates.variables`", quoted(name), quoted(scope));
                    findings.settings.insert(rejected(&place, &value_text(value), variable, current));
                }
            }
        }
        values
    }

    /// Whether the configuration or a tag says anything about this pipeline that the template asks for.
    pub(super) fn any(&self, template: &Template, pipeline: &Merged) -> bool {
        let variables = &template.header.variables;
        let of_tags = pipeline.stages.iter().flat_map(|stage| stage.overrides.keys());
        of_tags.into_iter().any(|name| variables.contains_key(name))
            || self.settings.templates.variables.keys().any(|name| name != ALL && same_pipeline(pipeline, name))
    }

    /// The configuration's values, then those of tags: a stage that overrides one has an object of its own, when the
    /// template allows for it; else a value counts when all stages agree on it.
    pub(super) fn of_pipeline(&self, template: &Template, pipeline: &'a Merged, findings: &mut Findings) -> Split<'a> {
        let configured = self.configured(template, Some(pipeline), findings);
        let mut by_stage: Vec<(&MergedStage, Values)> = Vec::new();
        for stage in &pipeline.stages {
            let mut own = Values::new();
            for (name, text) in &stage.overrides {
                let Some((variable, current)) = template.header.variables.get(name).zip(configured.get(name)) else {
                    continue;
                };
                match variable.of_tag(text) {
                    Some(value) => {
                        own.insert(name.clone(), value);
                    }
                    None => {
                        findings.deployed.insert(rejected(&self.place(pipeline, stage, name), text, variable, current));
                    }
                }
            }
            by_stage.push((stage, own));
        }
        if template.header.per_stage {
            let (shared, own): (Vec<_>, Vec<_>) = by_stage.into_iter().partition(|(_, own)| own.is_empty());
            let with = |values: Values| configured.clone().into_iter().chain(values).collect();
            let own: Vec<_> = own.into_iter().map(|(stage, values)| (stage, with(values))).collect();
            let is_shared = !shared.is_empty() || own.is_empty();
            return Split { shared: is_shared.then_some(configured), own };
        }
        let shared = self.agreed(configured, pipeline, &by_stage, findings);
        Split { shared: Some(shared), own: Vec::new() }
    }

    fn agreed(
        &self,
        mut values: Values,
        pipeline: &Merged,
        by_stage: &[(&MergedStage, Values)],
        findings: &mut Findings,
    ) -> Values {
        for (name, current) in &mut values {
            let said: Vec<Option<&Value>> = by_stage.iter().map(|(_, own)| own.get(name)).collect();
            match said.first() {
                Some(&Some(first)) if said.iter().all(|other| *other == Some(first)) => *current = first.clone(),
                _ if self.split.contains(name.as_str()) => {}
                _ => {
                    for (stage, _) in by_stage.iter().filter(|(_, own)| own.contains_key(name)) {
                        let place = self.place(pipeline, stage, name);
                        let (text, used) = (quoted(&stage.overrides[name]), value_text(current));
                        findings.deployed.insert(format!(
                            "{place} is {text} and has no effect, since no template that uses it is made for one stage and \
                             other stages do not say the same; {} is used",
                            quoted(&used)
                        ));
                    }
                }
            }
        }
        values
    }

    fn place(&self, pipeline: &Merged, stage: &MergedStage, name: &str) -> String {
        let tag = format!("{}{}", self.settings.tags.override_prefix, name.replace('_', "-"));
        format!("{}, stage {}: the tag {}", pipeline.shown(), quoted(&stage.name), quoted(&tag))
    }
}

fn same_pipeline(pipeline: &Merged, name: &str) -> bool {
    tag("pipeline", &pipeline.name) == tag("pipeline", name)
}

fn rejected(place: &str, text: &str, variable: &Variable, used: &Value) -> String {
    format!("{place} is {}, not {}; {} is used", quoted(text), variable.wanted(), quoted(&value_text(used)))
}

fn value_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
