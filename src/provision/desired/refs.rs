//! One object naming another: `ref(kind, template)` and the link to the dashboard.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use minijinja::value::Value as Context;
use minijinja::{Error, ErrorKind};
use serde_json::json;

use crate::config::settings::Settings;
use crate::provision::desired::subjects::About;
use crate::provision::desired::{Identity, Kind, Subject};
use crate::provision::object::reference;
use crate::provision::template::{Scope, Templates, app, context};

/// The dashboard that `link_dashboard` leads to: a pipeline's own, else that of everything.
const PIPELINE_DASHBOARD: &str = "pipeline";
const FLEET_DASHBOARD: &str = "fleet";

/// Everything that can be referred to.
pub(super) struct References {
    known: Arc<Known>,
}

struct Known {
    scopes: BTreeMap<(Kind, String), Scope>,
    objects: BTreeSet<(Kind, Identity)>,
}

impl References {
    pub(super) fn new<'i>(templates: &Templates, objects: impl Iterator<Item = (Kind, &'i Identity)>) -> Self {
        let scopes = templates.iter().map(|template| ((template.kind, template.key.clone()), template.header.scope));
        let known = Known {
            scopes: scopes.collect(),
            objects: objects.map(|(kind, identity)| (kind, identity.clone())).collect(),
        };
        Self { known: Arc::new(known) }
    }

    /// What the object's expressions can name, references included.
    pub(super) fn context(&self, about: &About<'_>, settings: &Settings) -> Context {
        let subjects = Arc::new(Subjects::of(about));
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
        let more = [
            ("ref", Context::from_function(find)),
            ("links", context(&links)),
            ("link_dashboard", Context::from(dashboard)),
        ];
        Context::from_pairs(about.values.iter().cloned().chain(more))
    }
}

impl Known {
    fn find(&self, kind: Kind, template: &str, subjects: &Subjects) -> Result<String, String> {
        let Some(scope) = self.scopes.get(&(kind, template.to_owned())) else {
            return Err(format!("there is no {kind} template `{template}`"));
        };
        let identities = subjects.at(*scope).into_iter().map(|subject| Identity::new(template, subject));
        let found = identities.map(|identity| (kind, identity)).find(|object| self.objects.contains(object));
        found.map(|(kind, identity)| reference(kind, &identity)).ok_or_else(|| {
            format!("the {kind} template `{template}` makes nothing for this; leave it out with `$when`")
        })
    }
}

/// What an object is about, seen from the scope of another template.
struct Subjects {
    own: Subject,
    team: Option<String>,
    environment: Option<String>,
    /// The pipeline as a whole first, then each of its stages.
    pipeline: Vec<Subject>,
}

impl Subjects {
    fn of(about: &About<'_>) -> Self {
        let own = about.subject.clone();
        let of_pipeline = |merged: &super::merge::Merged| {
            let whole = |stage| Subject::Pipeline {
                pipeline: merged.tag.clone(),
                environment: merged.environment_tag.clone(),
                stage,
            };
            std::iter::once(None).chain(merged.stages.iter().map(|stage| Some(stage.tag.clone()))).map(whole).collect()
        };
        let (team, environment) = match (&own, about.pipeline) {
            (_, Some(merged)) => (Some(merged.team_tag()), Some(merged.environment_tag.clone())),
            (Subject::Team(name), None) => (Some(name.clone()), None),
            (Subject::Environment(name), None) => (None, Some(name.clone())),
            _ => (None, None),
        };
        Self { team, environment, pipeline: about.pipeline.map(of_pipeline).unwrap_or_default(), own }
    }

    /// Best first. A template that has split all stages off has no object for the pipeline as a whole; the first stage's
    /// then stands for it.
    fn at(&self, scope: Scope) -> Vec<Subject> {
        match scope {
            Scope::Global => vec![Subject::Global],
            Scope::Team => self.team.iter().cloned().map(Subject::Team).collect(),
            Scope::Environment => self.environment.iter().cloned().map(Subject::Environment).collect(),
            Scope::Pipeline if self.pipeline.is_empty() => Vec::new(),
            Scope::Pipeline => std::iter::once(self.own.clone()).chain(self.pipeline.iter().cloned()).collect(),
        }
    }
}
