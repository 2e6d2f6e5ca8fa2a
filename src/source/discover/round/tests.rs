#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::client::aws::Api;
use crate::client::aws::tagging::Tagged;
use crate::model::resource::Endpoint;

fn settings() -> Settings {
    let text = "regions: [us-west-2]\naccounts: [{name: dev}]";
    crate::config::read(text, "ddsync.yaml", &crate::config::settings::Environment::new()).unwrap().settings
}

/// A client that is never asked anything, and the settings of a round.
fn idle() -> (Arc<Aws>, Settings) {
    let settings = settings();
    let aws = Arc::new(Aws::for_tests(&settings));
    (aws, settings)
}

fn round<'a>(aws: &'a Aws, settings: &'a Settings, names: &[&str]) -> Round<'a> {
    let tagged = |name: &&str| {
        let tags = [("pipeline", "Lease"), ("environment", "data_dev"), ("team", "Docs"), ("model", "m")];
        resource(Tagged {
            arn: format!("arn:aws:sagemaker:us-west-2:1:endpoint/{name}"),
            tags: tags.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect(),
        })
    };
    Round {
        aws,
        settings,
        resources: names.iter().map(tagged).collect(),
        pending: VecDeque::new(),
        partial: BTreeMap::new(),
        files: Vec::new(),
        deployed: &[],
        findings: Vec::new(),
        errors: Vec::new(),
        described: 0,
    }
}

fn listed(name: &str, status: &str, modified_at: i64) -> ListedEndpoint {
    ListedEndpoint { name: name.into(), arn: String::new(), status: status.into(), modified_at, created_at: 1 }
}

fn endpoint(status: &str, modified_at: i64) -> Endpoint {
    Endpoint { status: status.into(), created_at: 1, modified_at, ..Endpoint::for_tests() }
}

fn refusal(api: Api, class: Class) -> AwsError {
    let scope = crate::model::resource::Scope { account: "dev".into(), region: "us-west-2".into() };
    AwsError { scope, api, class, detail: String::new() }
}

fn names(round: &Round<'_>) -> Vec<String> {
    round.pending.iter().map(|pending| pending.name.clone()).collect()
}

#[test]
fn only_new_changed_and_unsettled_endpoints_are_described() {
    let (aws, settings) = idle();
    let mut memory = Memory::default();
    for name in ["Same", "Changed", "Updating", "Restarted", "Destroyed"] {
        memory.remember(name.into(), endpoint(if name == "Updating" { name } else { "InService" }, 10));
    }
    let mut round = round(&aws, &settings, &["SAME", "changed", "updating", "restarted", "new", "unlisted"]);
    let list = vec![
        listed("Same", "InService", 10),
        listed("Changed", "InService", 11),
        listed("Updating", "Updating", 10),
        listed("Restarted", "Updating", 10),
        listed("New", "Creating", 12),
        listed("untagged", "InService", 12),
    ];
    round.match_endpoints(list, &mut memory);
    assert_eq!(names(&round), ["Changed", "Updating", "Restarted", "New", "unlisted"]);
    assert!(memory.endpoint("Destroyed").is_none());

    let inventory = round.inventory(&mut memory, DateTime::UNIX_EPOCH);
    assert_eq!(inventory.pending, 5);
    let first = &inventory.resources[0];
    assert_eq!((first.resource.name.as_str(), first.stage.as_str()), ("Same", "m"));
    assert!(matches!(&first.resource.kind, ResourceKind::Endpoint(Some(_))));
    assert!(matches!(&inventory.resources[4].resource.kind, ResourceKind::Endpoint(None)));
    assert!(first.tags_at(0).contains(&"endpoint:same".to_owned()));
}

#[test]
fn a_configuration_made_anew_under_its_old_name_is_read_again() {
    let (aws, settings) = idle();
    let mut memory = Memory::default();
    memory.remember("a".into(), endpoint("InService", 10));
    memory.remember_config("config".into(), sagemaker::EndpointConfig::default());
    let mut known = round(&aws, &settings, &["a"]);
    known.match_endpoints(vec![listed("a", "InService", 11)], &mut memory);
    assert!(memory.config("config").is_some());
    let recreated = ListedEndpoint { created_at: 2, ..listed("a", "InService", 12) };
    round(&aws, &settings, &["a"]).match_endpoints(vec![recreated], &mut memory);
    assert!(memory.config("config").is_none());
}

#[test]
fn endpoints_that_fail_to_be_described_do_not_stop_the_others() {
    let (aws, settings) = idle();
    let mut memory = Memory::default();
    memory.remember("known".into(), endpoint("InService", 10));
    let mut round = round(&aws, &settings, &["known", "denied", "deleted", "orphan"]);
    let list =
        vec![listed("known", "InService", 11), listed("denied", "InService", 11), listed("deleted", "Deleting", 11)];
    round.match_endpoints(list, &mut memory);
    let classes = [Class::AccessDenied, Class::AccessDenied, Class::NotFound, Class::NotFound];
    for (pending, class) in std::mem::take(&mut round.pending).iter().zip(classes) {
        round.fail(pending, refusal(Api::DescribeEndpoint, class), &mut memory);
    }
    let inventory = round.inventory(&mut memory, DateTime::UNIX_EPOCH);
    // What was known of an endpoint is used until more is known.
    let known: Vec<(&str, bool)> = inventory
        .resources
        .iter()
        .map(|tracked| {
            let described = matches!(tracked.resource.kind, ResourceKind::Endpoint(Some(_)));
            (tracked.resource.name.as_str(), described)
        })
        .collect();
    assert_eq!(known, [("known", true), ("denied", false)]);
    assert_eq!(inventory.errors.len(), 1);
    let text: Vec<String> = inventory.findings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(text.join("\n"));

    // Made anew, an orphan is there, and only not described yet; one that is still not listed is none of the pipeline.
    let again = |list: Vec<ListedEndpoint>, memory: &mut Memory| {
        let mut round = self::round(&aws, &settings, &["deleted", "orphan"]);
        round.match_endpoints(list, memory);
        let resources = round.inventory(memory, DateTime::UNIX_EPOCH).resources;
        resources.iter().map(|tracked| tracked.resource.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(again(vec![listed("deleted", "Creating", 20)], &mut memory), ["deleted"]);
    assert_eq!(again(vec![listed("orphan", "Creating", 20)], &mut memory), ["deleted", "orphan"]);
}

#[test]
fn a_configuration_that_may_not_be_read_is_asked_for_again_the_next_time() {
    let (aws, settings) = idle();
    let list = || vec![listed("a", "InService", 10)];
    let description = || sagemaker::described_for_tests("a", "config", 10);
    for (class, again) in [(Class::AccessDenied, 1), (Class::NotFound, 0)] {
        let mut memory = Memory::default();
        let mut first = round(&aws, &settings, &["a"]);
        first.match_endpoints(list(), &mut memory);
        let pending = first.pending.pop_front().unwrap();
        let failed = [("config".to_owned(), refusal(Api::DescribeEndpointConfig, class))].into();
        first.describe(&pending, description(), &failed, &mut memory);
        let inventory = first.inventory(&mut memory, DateTime::UNIX_EPOCH);
        assert!(matches!(inventory.resources[0].resource.kind, ResourceKind::Endpoint(Some(_))));
        assert_eq!((inventory.errors.len(), inventory.findings.len()), (again, again));
        let mut second = round(&aws, &settings, &["a"]);
        second.match_endpoints(list(), &mut memory);
        assert_eq!(second.pending(), again);
    }
}
