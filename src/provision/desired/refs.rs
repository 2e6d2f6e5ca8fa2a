//! One object naming another: `ref(kind, template)` and the link to the dashboard.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use minijinja::value::Value as Context;
use minijinja::{Error, ErrorKind};
use serde_json::json;

use crate::config::settings::{Settings, app};
use crate::provision::desired::merge::{Merged, MergedStage};
use crate::provision::desired::subjects::About;
use crate::provision::desired::{Identity, Kind, Subject};
use crate::provision::object::reference;
use crate::provision::template::{Scope, Templates, context};

/// The dashboard that `link_dashboard` leads to: a pipeline's own, else that of everything.
const PIPELINE_DASHBOARD: &str = "pipeline";
const FLEET_DASHBOARD: &str = "fleet";

/// Everything that can be referred to.
pub(super) struct References {
    known: Arc<Known>,
    values: HashMap<Subject, Arc<[(&'static str, Context)]>>,
}

struct Known {
    scopes: BTreeMap<Kind, BTreeMap<String, Scope>>,
    objects: HashSet<(Kind, Identity)>,
}

impl References {
    pub(super) fn new<'i>(templates: &Templates, objects: impl Iterator<Item = (Kind, &'i Identity)>) -> Self {
        let mut scopes: BTreeMap<Kind, BTreeMap<String, Scope>> = BTreeMap::new();
        for template in templates.iter() {
            scopes.entry(template.kind).or_default().insert(template.key.clone(), template.header.scope);
        }
        let known = Known { scopes, objects: objects.map(|(kind, identity)| (kind, identity.clone())).collect() };
        Self { known: Arc::new(known), values: HashMap::new() }
    }

    /// What expressions can name of other objects; the same for every template about one subject.
    pub(super) fn values(&mut self, about: &About<'_>, settings: &Settings) -> Arc<[(&'static str, Context)]> {
        if let Some(known) = self.values.get(&about.subject) {
            return Arc::clone(known);
        }
        let values: Arc<[_]> = self.found(about, settings).into();
        self.values.insert(about.subject.clone(), Arc::clone(&values));
        values
    }

    fn found(&self, about: &About<'_>, settings: &Settings) -> [(&'static str, Context); 3] {
        let subjects = Subjects { own: about.subject.clone(), around: Arc::clone(&about.around) };
        let app = app(&settings.datadog.site);
        let dashboard = [PIPELINE_DASHBOARD, FLEET_DASHBOARD]
            .into_iter()
            .find_map(|key| self.known.find(Kind::Dashboard, key, &subjects).ok())
            .map_or_else(|| format!("{app}/dashboard/lists"), |reference| format!("{app}/dashboard/{reference}"));
        let known = Arc::clone(&self.known);
        let find = move |kind: String, template: String| -> Result<String, Error> {
            let wrong = |message: String| Error::new(ErrorKind::InvalidOperation, message);
            let Some(kind) = Kind::parse(&kind) else {
                return Err(wrong(format!("`ref` knows {}, not `{kind}`", Kind::ALL.map(Kind::word).join(", "))));
            };
            known.find(kind, &template, &subjects).map_err(wrong)
        };
        let links = json!({"app": app, "dashboard": dashboard});
        [
            ("ref", Context::from_function(find)),
            ("links", context(&links)),
            ("link_dashboard", Context::from(dashboard)),
        ]
    }
}

impl Known {
    fn find(&self, kind: Kind, template: &str, subjects: &Subjects) -> Result<String, String> {
        let Some(scope) = self.scopes.get(&kind).and_then(|templates| templates.get(template)) else {
            return Err(format!("there is no {kind} template `{template}`"));
        };
        let identities = subjects.at(*scope).map(|subject| Identity::new(template, subject.clone()));
        let found = identities.map(|identity| (kind, identity)).find(|object| self.objects.contains(object));
        found.map(|(kind, identity)| reference(kind, &identity)).ok_or_else(|| {
            format!("the {kind} template `{template}` makes nothing for this; leave it out with `$when`")
        })
    }
}

/// What an object is about, seen from the scopes of other templates.
struct Subjects {
    own: Subject,
    around: Arc<Around>,
}

/// What there is around an object.
#[derive(Default)]
pub(super) struct Around {
    team: Option<Subject>,
    environment: Option<Subject>,
    /// The pipeline as a whole first, then each of its stages.
    pipeline: Vec<Subject>,
}

impl Around {
    pub(super) fn pipeline(merged: &Merged) -> Self {
        let of_pipeline = |stage: Option<&MergedStage>| Subject::Pipeline {
            pipeline: merged.tag.clone(),
            environment: merged.environment_tag.clone(),
            stage: stage.map(|stage| stage.tag.clone()),
        };
        Self {
            team: Some(Subject::Team(merged.team_tag())),
            environment: Some(Subject::Environment(merged.environment_tag.clone())),
            pipeline: std::iter::once(None).chain(merged.stages.iter().map(Some)).map(of_pipeline).collect(),
        }
    }

    /// Around what is about more than one pipeline there is nothing but itself.
    pub(super) fn of(subject: &Subject) -> Self {
        let own = Some(subject.clone());
        Self {
            team: own.clone().filter(|own| matches!(own, Subject::Team(_))),
            environment: own.filter(|own| matches!(own, Subject::Environment(_))),
            pipeline: Vec::new(),
        }
    }
}

impl Subjects {
    /// Best first. A template that has split all stages off has no object for the pipeline as a whole; the first stage's
    /// then stands for it.
    fn at(&self, scope: Scope) -> impl Iterator<Item = &Subject> {
        let Self { own, around } = self;
        let (first, others): (Option<&Subject>, &[Subject]) = match scope {
            Scope::Global => (Some(&Subject::Global), &[]),
            Scope::Team => (around.team.as_ref(), &[]),
            Scope::Environment => (around.environment.as_ref(), &[]),
            Scope::Pipeline if around.pipeline.is_empty() => (None, &[]),
            Scope::Pipeline => (Some(own), &around.pipeline),
        };
        first.into_iter().chain(others)
    }
}
