//! Templates x pipelines x settings, object by object.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod hostile;
mod split;
mod trees;

use std::collections::BTreeMap;

use super::*;
use crate::config::settings::Environment;
use crate::model::pipeline::group;
use crate::model::resource::{Endpoint, ResourceKind, Scope};
use crate::provision::template::Source;

fn settings(text: &str) -> Settings {
    let text = format!("regions: [us-west-2]\n{text}");
    crate::config::read(&text, "ddsync.yaml", &Environment::new()).unwrap().settings
}

const ROUTES: &str = r#"
routes:
  default: {notify: "@slack-ml", page: "@pagerduty-ml"}
  teams: {Docs: {notify: "@slack-docs", page: "@pagerduty-Docs"}}
"#;

fn templates(files: &[(Kind, &str, &str)]) -> Templates {
    let source =
        |&(kind, key, text): &(Kind, &str, &str)| Source { kind, file: format!("{key}.yaml"), text: text.into() };
    Templates::read(files.iter().map(source).collect(), &BTreeSet::new()).unwrap()
}

/// Resources of one account and region, grouped as discovery does.
#[derive(Default)]
struct World {
    pipelines: Vec<Pipeline>,
    resources: Vec<Resource>,
}

/// An asynchronous endpoint with these tags beside its environment; `in_prod` also says which account it is in.
fn endpoint(name: &str, in_prod: bool, tags: &[(&str, &str)]) -> Resource {
    let (environment, account) = if in_prod { ("data_prod", "444455556666") } else { ("data_dev", "111122223333") };
    let mut all: BTreeMap<String, String> = [("environment".to_owned(), environment.to_owned())].into();
    all.extend(tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    Resource {
        arn: format!("arn:aws:sagemaker:us-west-2:{account}:endpoint/{name}"),
        name: name.to_owned(),
        kind: ResourceKind::Endpoint(Some(Endpoint::for_tests())),
        tags: all,
    }
}

impl World {
    fn of(resources: Vec<Resource>) -> Self {
        let mut world = Self::default();
        world.add("data", "us-west-2", resources);
        world
    }

    fn add(&mut self, account: &str, region: &str, resources: Vec<Resource>) {
        let scope = Scope { account: account.to_owned(), region: region.to_owned() };
        let (pipelines, _) = group(&resources, &scope, &crate::model::tag::TagKeys::default(), &BTreeSet::new());
        self.pipelines.extend(pipelines);
        self.resources.extend(resources);
    }

    fn desired(&self, templates: &Templates, settings: &Settings) -> Result<Wanted, Problems> {
        desired(templates, &self.pipelines, &self.resources, settings)
    }

    fn wanted(&self, templates: &Templates, settings: &Settings) -> Wanted {
        self.desired(templates, settings).unwrap()
    }
}

fn lease() -> Vec<Resource> {
    let tags = |stage: &'static str| [("pipeline", "Lease"), ("team", "Docs"), ("model", stage)];
    vec![endpoint("lease-page-split", true, &tags("page-split")), endpoint("lease-tables", true, &tags("tables"))]
}

fn names(wanted: &Wanted) -> Vec<String> {
    wanted.objects.iter().map(|object| format!("{} {}", object.kind, object.identity)).collect()
}

#[test]
fn each_scope_has_an_object_for_each_subject() {
    let files = [
        (Kind::Dashboard, "everything", "{title: '<< pipelines | length >> << scopes[0].region >> << filter >>'}"),
        (
            Kind::Monitor,
            "alone",
            "{ddsync: {scope: environment}, name: '<< environment.tag >> << pipelines | length >>'}",
        ),
        (Kind::Monitor, "each", "{ddsync: {scope: pipeline}, name: << filter >>}"),
        (Kind::Monitor, "production", "{ddsync: {scope: pipeline, environments: [DATA_PROD]}, name: x}"),
        (
            Kind::Slo,
            "team",
            "{ddsync: {scope: team, when: team.tag != 'claims'}, name: '<< team.name >> << notify >>'}",
        ),
    ];
    let mut resources = lease();
    resources.push(endpoint("a", false, &[("pipeline", "Lease"), ("team", "Docs")]));
    resources.push(endpoint("b", false, &[("pipeline", "Triage"), ("team", "Claims")]));
    let wanted = World::of(resources).wanted(&templates(&files), &settings(ROUTES));
    let shown: Vec<String> = wanted
        .objects
        .iter()
        .map(|object| {
            format!("{} {} = {} {}", object.kind, object.identity, object.kind.title(&object.body), object.body["tags"])
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    monitor alone/environment/data_dev = data_dev 2 ["environment:data_dev"]
    monitor alone/environment/data_prod = data_prod 1 ["environment:data_prod"]
    monitor each/pipeline/lease/data_dev = pipeline:lease,environment:data_dev ["pipeline:lease","environment:data_dev","team:docs"]
    monitor each/pipeline/lease/data_prod = pipeline:lease,environment:data_prod ["pipeline:lease","environment:data_prod","team:docs"]
    monitor each/pipeline/triage/data_dev = pipeline:triage,environment:data_dev ["pipeline:triage","environment:data_dev","team:claims"]
    monitor production/pipeline/lease/data_prod = x ["pipeline:lease","environment:data_prod","team:docs"]
    slo team/team/docs = Docs @pagerduty-Docs @slack-docs ["team:docs"]
    dashboard everything/global = 3 us-west-2 * null
    "#);
}

#[test]
fn one_pipeline_in_many_accounts_and_regions_is_one_object() {
    let text = "{ddsync: {scope: pipeline}, name: '<< pipeline.accounts | join(\" \") >>, << pipeline.regions | join(\" \") >>, \
                << stages[0].endpoints | map(attribute=\"name\") | join(\" \") >>'}";
    let mut world = World::of(lease());
    let mut other =
        endpoint("lease-page-split-b", true, &[("pipeline", "lease"), ("team", "Claims"), ("model", "Page-Split")]);
    other.arn = "arn:aws:sagemaker:eu-west-1:777788889999:endpoint/lease-page-split-b".to_owned();
    world.add("other", "eu-west-1", vec![other]);
    let wanted = world.wanted(&templates(&[(Kind::Monitor, "m", text)]), &settings(ROUTES));
    assert_eq!(names(&wanted), ["monitor m/pipeline/lease/data_prod"]);
    assert_eq!(
        wanted.objects[0].body["name"],
        "444455556666 777788889999, eu-west-1 us-west-2, lease-page-split lease-page-split-b"
    );
    insta::assert_snapshot!(wanted.findings.join("\n"), @r#"pipeline "Lease" of "data_prod": the team is "Docs" in one account or region and "Claims" in another; "Docs" is used"#);
}

#[test]
fn a_pipeline_without_name_or_environment_still_has_its_objects() {
    let mut lost = endpoint("x", true, &[("pipeline", "日本")]);
    lost.tags.remove("environment");
    let wanted = World::of(vec![lost]).wanted(
        &templates(&[(Kind::Monitor, "m", "{ddsync: {scope: pipeline}, name: << pipeline.name >>}")]),
        &settings(""),
    );
    assert_eq!(names(&wanted), ["monitor m/pipeline/none/none"]);
    assert_eq!(wanted.objects[0].body, json!({"name": "日本", "tags": ["pipeline:none", "environment:none"]}));
    assert_eq!(wanted.remarks, ["no `routes` are configured: nobody is told of any alert; add `routes.default`"]);
    insta::assert_snapshot!(wanted.findings.join("\n"), @r#"
    pipeline "日本" of "none" has no environment that Datadog can store; its objects are about `environment:none`
    pipeline "日本" of "none" has no name that Datadog can store; its objects are about `pipeline:none`
    "#);
}

#[test]
fn owners_are_told_and_only_production_is_woken() {
    let text = "{ddsync: {scope: pipeline}, name: x, message: '<< notify >>', page: << route.page >>, route: << route.name >>}";
    let mut resources = lease();
    resources.push(endpoint("a", false, &[("pipeline", "Lease"), ("team", "Docs")]));
    resources.push(endpoint("b", true, &[("pipeline", "Mail"), ("team", "Post"), ("owner", "@oncall-me")]));
    let wanted = World::of(resources).wanted(&templates(&[(Kind::Monitor, "m", text)]), &settings(ROUTES));
    let said: Vec<String> = wanted
        .objects
        .iter()
        .map(|Desired { identity, body, .. }| {
            format!("{identity}: {} | {} | {}", body["message"], body["page"], body["route"])
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    m/pipeline/lease/data_dev: "@slack-docs" | "" | "teams.Docs"
    m/pipeline/lease/data_prod: "@pagerduty-Docs @slack-docs" | "@pagerduty-Docs" | "teams.Docs"
    m/pipeline/mail/data_prod: "@pagerduty-ml @slack-ml" | "@pagerduty-ml" | "default"
    "#);
    insta::assert_snapshot!(wanted.findings.join("\n"), @r#"
    pipeline "Mail" of "data_prod": the owner tag "@oncall-me" names no route under `routes.owners`
    team "Post" has no route under `routes.teams`; that of the environment, or the default, is taken
    "#);
}

#[test]
fn what_the_settings_say_is_in_them() {
    let text = "{name: x, a: << settings.delay.hot >>, b: << settings.delay.warm >>, c: << settings.hot_seconds >>, \
                d: << settings.warm_seconds >>, e: << settings.coverage_window >>, f: << settings.namespace >>, \
                g: << settings.heartbeat_window >>, h: << links.app >>}";
    let made = |settings: &Settings| {
        World::default()
            .wanted(&templates(&[(Kind::Dashboard, "d", &text.replace("name:", "title:"))]), settings)
            .objects[0]
            .body
            .clone()
    };
    let defaults = json!({"title": "x", "a": 240, "b": 480, "c": 60, "d": 300, "e": 600, "f": "main",
        "g": 600, "h": "https://app.datadoghq.com"});
    assert_eq!(made(&settings("")), defaults);
    let other = made(&settings(
        "metrics: {delay: 90s}\nschedules: {hot: '*/3 * * * *', report: '*/10 * * * *'}\ndatadog: {site: us5.datadoghq.com}",
    ));
    assert_eq!(
        (&other["a"], &other["e"], &other["g"], &other["h"]),
        (&json!(360), &json!(1200), &json!(1200), &json!("https://us5.datadoghq.com"))
    );
}

#[test]
fn one_template_is_rendered_for_one_pipeline() {
    let files = [
        (Kind::Monitor, "m", "{ddsync: {scope: pipeline}, name: << pipeline.name >>}"),
        (Kind::Slo, "m", "{name: x}"),
        (Kind::Monitor, "broken", "{ddsync: {scope: pipeline}, name: << pipeline.nme >>}"),
    ];
    let mut resources = lease();
    resources.push(endpoint("b", true, &[("pipeline", "Mail")]));
    let World { pipelines, resources } = World::of(resources);
    let rendered = |template, pipeline| {
        render(&templates(&files), &pipelines, &resources, &settings(""), template, Some(pipeline))
    };
    let identities: Vec<String> = rendered("m", "lease").unwrap().iter().map(|one| one.identity.to_string()).collect();
    assert_eq!(identities, ["m/pipeline/lease/data_prod", "m/global"]);
    let errors = [rendered("n", "lease"), rendered("m", "lese"), rendered("broken", "lease")]
        .map(|one| one.unwrap_err().to_string());
    insta::assert_snapshot!(errors.join("\n"), @r#"
    template "n": there is none
    pipeline "lese": there is none; did you mean "Lease"?
    broken.yaml: name: `pipeline.nme` is undefined; seen in broken/pipeline/lease/data_prod
    "#);
}
