//! The templates that come with the program, and the one of the documentation, for the pretend company's pipelines.

use std::collections::BTreeSet;
use std::path::Path;

use chrono::DateTime;

use super::*;
use crate::config::settings::{Environment, Settings};
use crate::model::pipeline::{Pipeline, group};
use crate::model::resource::{Endpoint, EndpointKind, Resource, ResourceKind, Scope, Variant};
use crate::provision::desired::desired;
use crate::provision::template::Templates;
use crate::sim::{Company, world};

const CONFIGURATION: &str = r#"
accounts:
  - {name: dev, regions: [us-west-2]}
templates:
  variables: {"*": {expect_input_every_minutes: 60}}
routes:
  default: {page: "@pagerduty-ml", notify: "@slack-ml"}
github:
  repositories: [{repo: example/ml, workflows: [deploy.yml]}]
"#;

/// What this program says about itself: names as in `telemetry`, which this module may not use.
fn ourselves() -> Vec<Known> {
    let gauge = series::Kind::Gauge;
    let count = series::Kind::Count;
    vec![
        Known::at_once("ddsync.heartbeat", gauge, "", &[]),
        Known::at_once("ddsync.coverage", gauge, "percent", &["aws_account", "region", "tier"]),
        Known::at_once("ddsync.lag", gauge, "second", &["job", "aws_account", "region"]),
        Known::at_once("ddsync.points", count, "", &["fate"]),
        Known::at_once("ddsync.api.requests", count, "request", &["api", "operation", "aws_account", "region"]),
        Known::at_once("ddsync.api.dollars", count, "dollar", &["api", "aws_account", "region"]),
        Known::at_once("ddsync.budget.estimate", gauge, "", &["budget"]),
        Known::at_once("mlpipeline.stage.missing", gauge, "", &["pipeline", "environment", "team", "stage"]),
    ]
}

fn settings() -> Settings {
    crate::config::read(CONFIGURATION, "ddsync.yaml", &Environment::new()).unwrap().settings
}

/// The pretend company, as discovery would tell it.
fn company() -> (Vec<Pipeline>, Vec<Resource>) {
    let opened = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    let world = world::World::new(7, &Company::Example, opened);
    let resources: Vec<(String, Resource)> = world
        .resources()
        .iter()
        .filter(|resource| resource.listed)
        .map(|resource| (resource.account.clone(), discovered(resource)))
        .collect();
    let accounts: BTreeSet<&String> = resources.iter().map(|(account, _)| account).collect();
    let mut pipelines = Vec::new();
    for account in accounts {
        let scope = Scope { account: account.clone(), region: "us-west-2".to_owned() };
        let here: Vec<Resource> =
            resources.iter().filter(|(of, _)| of == account).map(|(_, resource)| resource.clone()).collect();
        pipelines.extend(group(&here, &scope, &settings().tags, &BTreeSet::new()).0);
    }
    for pipeline in &mut pipelines {
        pipeline.declared = true; // by a file that nobody reads here
    }
    for stage in pipelines.iter_mut().flat_map(|pipeline| &mut pipeline.stages) {
        stage.textract |= stage.name == "table-reader"; // as its pipeline file says
    }
    (pipelines, resources.into_iter().map(|(_, resource)| resource).collect())
}

fn discovered(resource: &world::Resource) -> Resource {
    let kind = match &resource.kind {
        world::Kind::Endpoint(endpoint) => ResourceKind::Endpoint(Some(described(endpoint))),
        world::Kind::Orphan => ResourceKind::Endpoint(None),
        world::Kind::Function => ResourceKind::Function,
        world::Kind::Bucket => ResourceKind::Bucket,
        world::Kind::Stream => ResourceKind::Stream,
        world::Kind::Operation | world::Kind::Job => ResourceKind::Other("job".to_owned()),
    };
    Resource { arn: resource.arn(), name: resource.name.clone(), kind, tags: resource.tags.iter().cloned().collect() }
}

fn described(endpoint: &world::Endpoint) -> Endpoint {
    let has_instances = !endpoint.instance.is_empty();
    Endpoint {
        kind: match endpoint.mode {
            world::Mode::Async => EndpointKind::Async,
            world::Mode::RealTime => EndpointKind::RealTime,
            world::Mode::Serverless => EndpointKind::Serverless,
            world::Mode::Component => EndpointKind::InferenceComponents,
        },
        status: endpoint.status.clone(),
        variants: vec![Variant {
            name: endpoint.variant.clone(),
            instance_type: has_instances.then(|| endpoint.instance.clone()),
            instances: has_instances.then_some(endpoint.count),
            desired: has_instances.then_some(endpoint.count),
        }],
        ..Endpoint::for_tests()
    }
}

fn rendered(templates: &Templates) -> Vec<Desired> {
    rendered_with(templates, &settings())
}

/// The settings with more under `templates.variables` for every pipeline.
fn settings_with(variables: &str) -> Settings {
    let configuration = CONFIGURATION.replace("{expect", &format!("{{{variables}, expect"));
    crate::config::read(&configuration, "ddsync.yaml", &Environment::new()).unwrap().settings
}

fn rendered_with(templates: &Templates, settings: &Settings) -> Vec<Desired> {
    let (pipelines, resources) = company();
    desired(templates, &pipelines, &resources, settings).unwrap().objects
}

fn shipped() -> Templates {
    Templates::load(&settings().templates).unwrap()
}

fn faults(objects: &[Desired]) -> Vec<String> {
    let metrics = Metrics::new(&[], &ourselves(), &[], Delays { hot: 240, warm: 480 });
    lint(objects, &metrics).iter().map(ToString::to_string).collect()
}

#[test]
fn every_template_that_comes_with_the_program_makes_objects_and_is_clean() {
    let objects = rendered(&shipped());
    assert_eq!(faults(&objects), FINE);
    let made: BTreeSet<&str> = objects.iter().map(|object| object.identity.template.as_str()).collect();
    for template in shipped().iter() {
        assert!(made.contains(template.key.as_str()), "{} makes nothing", template.file);
        assert!(template.header.about.ends_with('.'), "{} says not what it is for", template.file);
        for (name, variable) in &template.header.variables {
            assert!(variable.about.ends_with('.') && variable.min.is_some(), "{}: {name}", template.file);
        }
    }
}

#[test]
fn only_the_heartbeat_alerts_when_data_is_missing_and_only_production_pages() {
    for Desired { identity, body, .. } in rendered(&shipped()).iter().filter(|object| object.kind == Kind::Monitor) {
        let notifies = body["options"]["on_missing_data"] == "show_and_notify_no_data";
        assert_eq!(notifies, identity.template == "agent-heartbeat", "{identity}");
        let production = !identity.to_string().contains("/pipeline/") || identity.to_string().contains("/data_prod");
        let message = text(body, "message");
        // P4 is for the next planning, wherever.
        let wakes = production && body["priority"] != 4;
        assert_eq!(message.contains("@pagerduty-ml"), wakes, "{identity}");
        assert!(message.contains("@slack-ml"), "{identity}");
        if identity.template == "endpoint-state" {
            assert_eq!(body["priority"], if production { 1 } else { 3 }, "{identity}");
        }
    }
}

#[test]
fn without_repositories_nothing_is_about_deployments() {
    let objects = |configuration: &str| {
        let settings = crate::config::read(configuration, "ddsync.yaml", &Environment::new()).unwrap().settings;
        rendered_with(&shipped(), &settings)
    };
    let (without, _) = CONFIGURATION.split_once("github:").unwrap();
    let (with, without) = (objects(CONFIGURATION), objects(without));
    let about = |objects: &[Desired]| -> BTreeSet<String> {
        let mentions = |object: &&Desired| {
            let text = object.body.to_string();
            let words = ["mlpipeline.deploy.", "ddsync_event:deploy", "ddsync_event%3Adeploy"];
            words.iter().any(|word| text.contains(word))
        };
        objects.iter().filter(mentions).map(|object| object.identity.template.clone()).collect()
    };
    assert_eq!(about(&without), BTreeSet::new());
    let all = ["change-failure-rate", "dora", "failed-deploy", "fleet", "pipeline"];
    assert_eq!(about(&with), all.map(str::to_owned).into());
    assert_eq!(faults(&without), FINE);
}

/// A dashboard colours what a monitor alerts on, so both read one variable.
#[test]
fn dashboards_follow_the_limits_of_monitors() {
    let variables = "max_age_seconds: 601, max_freshness_seconds: 602, cold_start_minutes: 33, max_failure_percent: 44, \
                     min_coverage_percent: 55, max_error_percent: 66, max_change_failure_percent: 77";
    let objects = rendered_with(&shipped(), &settings_with(variables));
    let drawn = |key: &str| -> String {
        let boards = objects.iter().filter(|object| object.kind == Kind::Dashboard && object.identity.template == key);
        boards.map(|board| board.body.to_string()).collect()
    };
    let (whole, fleet, dora) = (drawn("pipeline"), drawn("fleet"), drawn("dora"));
    assert!(dora.contains("\"y = 77\"") && dora.contains("\"value\":77"));
    for part in
        ["\"y = 601\"", "\"y = 602\"", "\"value\":601", "\"value\":200", "\"value\":33", "\"value\":56", "\"value\":34"]
    {
        assert!(whole.contains(part), "{part}");
    }
    for part in ["\"y = 55\"", "\"value\":55", "\"value\":601", "\"value\":200", "\"value\":33"] {
        assert!(fleet.contains(part), "{part}");
    }
    assert!(!whole.contains("900") && !fleet.contains("900"));
}

#[test]
fn a_variable_means_the_same_in_every_template() {
    let templates = shipped();
    let mut seen = std::collections::BTreeMap::new();
    for template in templates.iter() {
        for (name, variable) in &template.header.variables {
            let said = format!("{:?} {:?} {:?}", variable.default, variable.min, variable.max);
            let first = seen.entry(name).or_insert_with(|| said.clone());
            assert_eq!(*first, said, "{name} in {}", template.file);
        }
    }
}

#[test]
fn what_is_shown_of_a_stage_is_a_quantity() {
    for Desired { identity, body, .. } in rendered(&shipped()).iter().filter(|object| object.kind == Kind::Dashboard) {
        assert!(!body.to_string().contains("mlpipeline.pipeline.bottleneck"), "{identity}");
    }
}

/// Datadog refuses a burn rate that even a failure of everything does not reach.
#[test]
fn the_burn_rate_follows_the_target_of_the_slo() {
    for (target, fast, slow) in [("99", 14.4, 3.0), ("90", 9.0, 3.0), ("50", 1.8, 1.8)] {
        let objects = rendered_with(&shipped(), &settings_with(&format!("success_target: {target}")));
        assert_eq!(faults(&objects), FINE);
        for (key, rate) in [("slo-burn-fast", fast), ("slo-burn-slow", slow)] {
            let alert = objects.iter().find(|object| object.identity.template == key).unwrap();
            assert_eq!(alert.body["options"]["thresholds"]["critical"].as_f64(), Some(rate), "{key} for {target} %");
            let hours = format!(" times it lasts {:.0} hours.", 720.0 / rate);
            assert!(text(&alert.body, "message").contains(&hours), "{hours}");
        }
    }
}

/// A pager shows little. What is for one stage alone is one or two lines of links.
#[test]
fn messages_are_short() {
    for Desired { identity, body, .. } in rendered(&shipped()).iter().filter(|object| object.kind == Kind::Monitor) {
        let is_link = |line: &&str| line.starts_with("- ") && line.contains("https://");
        let lines = text(body, "message").lines().filter(|line| !is_link(line)).count();
        assert!(lines <= 25, "{identity}: {lines} lines");
    }
}

#[test]
fn the_template_of_the_documentation_works() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/templates.md")).unwrap();
    let mut sources = Vec::new();
    for part in page.split("<!-- template ").skip(1) {
        let (file, rest) = part.split_once(" -->\n```yaml\n").unwrap();
        let text = rest.split_once("```").unwrap().0.to_owned();
        sources.push((file, text));
    }
    assert_eq!(sources.len(), 1);
    // It refers to the dashboard, so the others are there too.
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in &sources {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let mut templates = settings().templates;
    templates.dir = Some(folder.path().to_owned());
    let mut objects = rendered(&Templates::load(&templates).unwrap());
    objects.retain(|object| object.identity.template == "slow-drain");
    assert!(objects.len() > 3);
    assert_eq!(faults(&objects), FINE);
}

#[test]
fn without_logs_nothing_is_about_what_they_say() {
    let about = |configuration: &str| -> BTreeSet<String> {
        let settings = crate::config::read(configuration, "ddsync.yaml", &Environment::new()).unwrap().settings;
        let mentions = |object: &&Desired| {
            let text = object.body.to_string();
            ["mlpipeline.logs.", "ddsync_event:failures", "logs_stream"].iter().any(|word| text.contains(word))
        };
        let objects = rendered_with(&shipped(), &settings);
        objects.iter().filter(mentions).map(|object| object.identity.template.clone()).collect()
    };
    assert_eq!(about(&format!("{CONFIGURATION}\nlogs: {{collect: false}}\n")), BTreeSet::new());
    assert_eq!(about(CONFIGURATION), BTreeSet::from(["pipeline".to_owned()]));
}
