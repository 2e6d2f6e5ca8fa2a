//! What objects can be about, and what expressions can name for each.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::value::Value as Context;
use serde_json::{Value, json};

use crate::config::settings::Settings;
use crate::provision::desired::Findings;
use crate::provision::desired::merge::{Merged, MergedStage, value_of};
use crate::provision::desired::refs::Around;
use crate::provision::desired::values::Overrides;
use crate::provision::object::Subject;
use crate::provision::route::{Address, Owner, address, choose, gap};
use crate::provision::template::{
    Scope, Template, context, pipeline_value, route_value, safe_text, stage_value, vars_value,
};

/// What one object is about.
pub(super) struct About<'a> {
    pub(super) subject: Subject,
    pub(super) pipeline: Option<&'a Merged>,
    /// What references may lead to.
    pub(super) around: Arc<Around>,
    /// What expressions can name, but for references.
    pub(super) values: Vec<(&'static str, Context)>,
    /// Tags of a monitor or an SLO that is about it.
    pub(super) tags: Arc<[String]>,
}

/// Everything that is deployed, made ready for expressions once.
pub(super) struct Company<'a> {
    pipelines: Vec<Known<'a>>,
    teams: BTreeMap<String, (Value, Address)>,
    environments: BTreeMap<String, (Value, Address)>,
    everything: Address,
    /// Accounts by their names in the configuration and their regions, as our own metrics are tagged.
    scopes: Value,
}

struct Known<'a> {
    merged: &'a Merged,
    around: Arc<Around>,
    value: Context,
    stages: Vec<Context>,
    /// All of them.
    list: Context,
    to: Addressee,
    tags: Arc<[String]>,
}

/// An address as expressions name it.
struct Addressee {
    route: Context,
    notify: Context,
}

impl<'a> Company<'a> {
    pub(super) fn new(merged: &'a [Merged], settings: &Settings, findings: &mut Findings) -> Self {
        let desk = Desk { settings, silent: settings.routes.is_empty() };
        if desk.silent {
            findings
                .settings
                .insert("no `routes` are configured: nobody is told of any alert; add `routes.default`".to_owned());
        }
        let is_production = |merged: &Merged| settings.provision.is_production(&merged.environment);
        let pipelines = merged.iter().map(|merged| {
            let who = Owner {
                owner: merged.owner.as_deref(),
                team: merged.team.as_deref(),
                environment: Some(&merged.environment),
            };
            let production = is_production(merged);
            let values: Vec<Value> = merged.stages.iter().map(stage_value).collect();
            let stages: Vec<Context> = values.iter().map(context).collect();
            Known {
                merged,
                around: Arc::new(Around::pipeline(merged)),
                value: context(&pipeline_value(merged, production, values)),
                list: stages.iter().cloned().collect(),
                stages,
                to: Addressee::of(&desk.address(who, production, &merged.shown(), findings)),
                tags: tags(merged),
            }
        });
        let pipelines = pipelines.collect();
        let mut teams = BTreeMap::new();
        let mut environments = BTreeMap::new();
        for one in merged {
            let production = is_production(one);
            let environment = &one.environment;
            environments.entry(one.environment_tag.clone()).or_insert_with(|| {
                let value =
                    json!({"name": safe_text(environment), "tag": one.environment_tag, "production": production});
                let who = Owner { environment: Some(environment), ..Owner::default() };
                (value, desk.quiet_address(who, production))
            });
            let Some(team) = &one.team else { continue };
            teams.entry(one.team_tag()).or_insert_with(|| {
                let production = merged.iter().any(|other| other.team_tag() == one.team_tag() && is_production(other));
                let value = json!({"name": safe_text(team), "tag": one.team_tag()});
                (value, desk.quiet_address(Owner { team: Some(team), ..Owner::default() }, production))
            });
        }
        let everything = desk.quiet_address(Owner::default(), merged.iter().any(is_production));
        let regions =
            settings.accounts.iter().flat_map(|account| account.regions.iter().map(move |region| (account, region)));
        let scopes = regions
            .map(|(account, region)| json!({"account": value_of("aws_account", &account.name), "region": region}));
        Self { pipelines, teams, environments, everything, scopes: scopes.collect() }
    }

    /// What a template has objects about, but for its `when`.
    pub(super) fn subjects(
        &self,
        template: &Template,
        overrides: &Overrides<'a>,
        findings: &mut Findings,
    ) -> Vec<About<'a>> {
        let wanted = |environment: &str| {
            let tags = template.header.environments.as_ref();
            tags.is_none_or(|tags| tags.contains(&format!("environment:{environment}")))
        };
        let pipelines: Vec<&Known<'a>> =
            self.pipelines.iter().filter(|known| wanted(&known.merged.environment_tag)).collect();
        let list = |keep: &dyn Fn(&Merged) -> bool| -> Context {
            pipelines.iter().filter(|known| keep(known.merged)).map(|known| known.value.clone()).collect()
        };
        if template.header.scope == Scope::Pipeline {
            let usual = vars_value(&overrides.configured(template, None, findings));
            let subjects = |known: &&Known<'a>| known.subjects(template, overrides, &usual, findings);
            return pipelines.iter().flat_map(subjects).collect();
        }
        let vars = vars_value(&overrides.configured(template, None, findings));
        let about = |subject: Subject, tag: Option<String>, mut values: Vec<(&'static str, Context)>, to: &Address| {
            values.extend(Addressee::of(to).values(tag.as_deref().unwrap_or("*"), &vars));
            let around = Arc::new(Around::of(&subject));
            About { subject, pipeline: None, around, values, tags: tag.into_iter().collect() }
        };
        match template.header.scope {
            Scope::Pipeline => Vec::new(),
            Scope::Team => {
                let teams =
                    self.teams.iter().filter(|(tag, _)| pipelines.iter().any(|known| known.merged.team_tag() == **tag));
                let team = |(tag, (value, to)): (&String, &(Value, Address))| {
                    let values =
                        vec![("team", context(value)), ("pipelines", list(&|merged| merged.team_tag() == *tag))];
                    about(Subject::Team(tag.clone()), Some(format!("team:{tag}")), values, to)
                };
                teams.map(team).collect()
            }
            Scope::Environment => {
                let environments = self.environments.iter().filter(|(tag, _)| wanted(tag));
                let environment = |(tag, (value, to)): (&String, &(Value, Address))| {
                    let pipelines = list(&|merged| merged.environment_tag == *tag);
                    let values = vec![("environment", context(value)), ("pipelines", pipelines)];
                    about(Subject::Environment(tag.clone()), Some(format!("environment:{tag}")), values, to)
                };
                environments.map(environment).collect()
            }
            Scope::Global => {
                let values = vec![
                    ("pipelines", list(&|_| true)),
                    ("environments", self.environments.values().map(|(value, _)| context(value)).collect()),
                    ("scopes", context(&self.scopes)),
                    ("teams", self.teams.values().map(|(value, _)| context(value)).collect()),
                ];
                vec![about(Subject::Global, None, values, &self.everything)]
            }
        }
    }
}

impl<'a> Known<'a> {
    /// The pipeline as a whole, and each stage that has values of its own.
    fn subjects(
        &self,
        template: &Template,
        overrides: &Overrides<'a>,
        usual: &Context,
        findings: &mut Findings,
    ) -> Vec<About<'a>> {
        if !overrides.any(template, self.merged) {
            return vec![self.about(None, "", usual, self.list.clone())];
        }
        let split = overrides.of_pipeline(template, self.merged, findings);
        let is_split = |stage: &MergedStage| split.own.iter().any(|(own, _)| own.tag == stage.tag);
        let shared = split.shared.as_ref().map(|values| {
            let without: String = split.own.iter().map(|(stage, _)| [",!stage:", &stage.tag].concat()).collect();
            self.about(None, &without, &vars_value(values), self.stages(&|stage| !is_split(stage)))
        });
        let own = split.own.iter().map(|(stage, values)| {
            let own = self.stages(&|other| other.tag == stage.tag);
            self.about(Some(&stage.tag), &format!(",stage:{}", stage.tag), &vars_value(values), own)
        });
        shared.into_iter().chain(own).collect()
    }

    fn stages(&self, keep: &dyn Fn(&MergedStage) -> bool) -> Context {
        let stages = self.merged.stages.iter().zip(&self.stages).filter(|(stage, _)| keep(stage));
        stages.map(|(_, value)| value.clone()).collect()
    }

    fn about(&self, stage: Option<&str>, filter: &str, vars: &Context, stages: Context) -> About<'a> {
        let merged = self.merged;
        let Merged { tag, environment_tag, .. } = merged;
        let filter = format!("pipeline:{tag},environment:{environment_tag}{filter}");
        let mut known = vec![("pipeline", self.value.clone()), ("stages", stages)];
        known.extend(self.to.values(&filter, vars));
        let (pipeline, environment) = (tag.clone(), environment_tag.clone());
        let subject = Subject::Pipeline { pipeline, environment, stage: stage.map(str::to_owned) };
        let around = Arc::clone(&self.around);
        About { subject, pipeline: Some(merged), around, values: known, tags: Arc::clone(&self.tags) }
    }
}

fn tags(merged: &Merged) -> Arc<[String]> {
    let own = [format!("pipeline:{}", merged.tag), format!("environment:{}", merged.environment_tag)];
    own.into_iter().chain(merged.team.as_ref().map(|_| format!("team:{}", merged.team_tag()))).collect()
}

impl Addressee {
    fn of(address: &Address) -> Self {
        Self { route: context(&route_value(address)), notify: Context::from(address.handles.as_str()) }
    }

    fn values(&self, filter: &str, vars: &Context) -> [(&'static str, Context); 4] {
        [
            ("filter", Context::from(filter)),
            ("vars", vars.clone()),
            ("route", self.route.clone()),
            ("notify", self.notify.clone()),
        ]
    }
}

/// Where addresses are looked up.
struct Desk<'a> {
    settings: &'a Settings,
    /// Without any route, one finding says it all.
    silent: bool,
}

impl Desk<'_> {
    fn address(&self, who: Owner<'_>, production: bool, shown: &str, findings: &mut Findings) -> Address {
        let (route, missing) = choose(&self.settings.routes, who);
        if !self.silent {
            if who.team.is_none() && who.owner.is_none() {
                findings.deployed.insert(format!(
                    "{shown} has no team; its alerts take the route of the environment, or the default"
                ));
            }
            findings.deployed.extend(missing.owner.map(|owner| format!("{shown}: {owner}")));
            findings.deployed.extend(missing.team);
            findings.settings.extend(gap(route, production));
        }
        address(route, production)
    }

    /// For what is about more than one pipeline, each of which has been looked at.
    fn quiet_address(&self, who: Owner<'_>, production: bool) -> Address {
        address(choose(&self.settings.routes, who).0, production)
    }
}
