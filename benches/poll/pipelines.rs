//! Pipelines that are all the same, and a choice of templates that makes a known number of objects for each.

use std::collections::{BTreeMap, BTreeSet};

use ddsync::agent::known_metrics;
use ddsync::config::Settings;
use ddsync::model::pipeline::{Pipeline, group};
use ddsync::model::resource::{EndpointKind, Resource, ResourceKind, Scope};
use ddsync::provision::apply::wanted;
use ddsync::provision::object::Kind;
use ddsync::provision::sample::described;
use ddsync::provision::template::Templates;

use crate::Result;

const REGION: &str = "us-west-2";
const ACCOUNT: &str = "111122223333";
const TEAMS: usize = 20;
const ENVIRONMENTS: [&str; 2] = ["data_dev", "data_prod"];

/// Stages with what they wait for: two queues, and an endpoint that answers at once. Together with functions and a stream
/// that makes every template apply that is about a pipeline alone.
const STAGES: [(&str, EndpointKind, &str); 3] = [
    ("extract", EndpointKind::Async, ""),
    ("classify", EndpointKind::Async, "extract"),
    ("answer", EndpointKind::RealTime, "classify"),
];

/// `count` pipelines, and what they are made of.
pub(crate) fn pipelines(settings: &Settings, count: usize) -> (Vec<Pipeline>, Vec<Resource>) {
    let resources: Vec<Resource> = (0..count).flat_map(|number| of_pipeline(settings, number)).collect();
    let scope = Scope { account: "benchmark".to_owned(), region: REGION.to_owned() };
    let (pipelines, _) = group(&resources, &scope, &settings.tags, &BTreeSet::new());
    (pipelines, resources)
}

fn of_pipeline(settings: &Settings, number: usize) -> Vec<Resource> {
    let keys = &settings.tags;
    let resource = |service: &str, name: String, kind: ResourceKind, stage: &str, after: &str| {
        let tags = [
            (&keys.pipeline, format!("Pipeline-{number}")),
            (&keys.environment, ENVIRONMENTS[number % ENVIRONMENTS.len()].to_owned()),
            (&keys.team, format!("Team-{}", number % TEAMS)),
            (&keys.stage, stage.to_owned()),
            (&keys.depends_on, after.to_owned()),
        ];
        let given = tags.into_iter().filter(|(_, value)| !value.is_empty());
        Resource {
            arn: format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{name}"),
            name: name.rsplit(['/', ':']).next().unwrap_or_default().to_owned(),
            kind,
            tags: given.map(|(key, value)| (key.clone(), value)).collect::<BTreeMap<_, _>>(),
        }
    };
    let mut all =
        vec![resource("firehose", format!("deliverystream/pipeline-{number}-results"), ResourceKind::Stream, "", "")];
    for (stage, kind, after) in STAGES {
        let endpoint = ResourceKind::Endpoint(Some(described(kind)));
        all.push(resource("sagemaker", format!("endpoint/pipeline-{number}-{stage}"), endpoint, stage, after));
        if kind == EndpointKind::Async {
            let name = format!("function:pipeline-{number}-{stage}");
            all.push(resource("lambda", name, ResourceKind::Function, stage, ""));
        }
    }
    all
}

/// Leaves of the templates in use so many of each kind that make one object for a pipeline, the first by their names, and
/// no other.
pub(crate) fn choose(settings: &mut Settings, per_pipeline: &[(Kind, usize)]) -> Result<()> {
    let (pipelines, resources) = pipelines(settings, 1);
    let (wanted, _) = wanted(settings, &pipelines, &resources, &known_metrics(settings))?;
    let is_about_it = |text: &str| text.contains("pipeline-0");
    let mut left: BTreeMap<Kind, usize> = per_pipeline.iter().copied().collect();
    let mut chosen = BTreeSet::new();
    for object in wanted.objects.iter().filter(|object| is_about_it(&object.identity.to_string())) {
        if let Some(more) = left.get_mut(&object.kind).filter(|more| **more > 0) {
            *more -= 1;
            chosen.insert(object.identity.template.clone());
        }
    }
    if let Some((kind, missing)) = left.iter().find(|(_, missing)| **missing > 0) {
        return Err(format!("{missing} templates of the kind {kind} are missing").into());
    }
    let templates = Templates::load(&settings.templates)?;
    let others = templates.iter().filter(|template| !chosen.contains(&template.key));
    settings.templates.disable.extend(others.map(|template| template.key.clone()));
    Ok(())
}
