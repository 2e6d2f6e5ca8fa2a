use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::server::Server;
use crate::provision::guard::Refusal;
use crate::provision::object::{Counts, Desired, Identity, Kind, Live, Mark, Subject, World, digest, reference};
use crate::provision::plan::{Action, Cause, Choice, Filter, Options, Plan, Step, adopt, destroy_plan, plan};

const NOW: i64 = 1_800_000_000;
const HOUR: i64 = 3600;

fn options() -> Options {
    Options { namespace: "main".into(), now: NOW, grace_seconds: 24 * HOUR, ..Options::default() }
}

fn about(pipeline: &str) -> Subject {
    Subject::Pipeline { pipeline: pipeline.into(), environment: "data_prod".into(), stage: None }
}

fn monitor(template: &str, pipeline: &str) -> Desired {
    let body = json!({"name": format!("{template} {pipeline}"), "type": "query alert", "query": "q > 1", "tags": ["team:docs"]});
    Desired { kind: Kind::Monitor, identity: Identity::new(template, about(pipeline)), body }
}

fn slo(pipeline: &str) -> Desired {
    let body = json!({"name": "success", "type": "metric", "thresholds": [{"timeframe": "7d", "target": 99}]});
    Desired { kind: Kind::Slo, identity: Identity::new("success", about(pipeline)), body }
}

fn burn(pipeline: &str) -> Desired {
    let success = reference(Kind::Slo, &Identity::new("success", about(pipeline)));
    let body =
        json!({"name": "burn", "type": "slo alert", "query": format!("burn_rate(\"{success}\").over(\"7d\") > 14")});
    Desired { kind: Kind::Monitor, identity: Identity::new("burn", about(pipeline)), body }
}

fn dashboard(pipeline: &str) -> Desired {
    let widget = json!({"definition": {"type": "note", "title": "n", "content": "c"}});
    let body = json!({"title": pipeline, "layout_type": "ordered", "widgets": [widget]});
    Desired { kind: Kind::Dashboard, identity: Identity::new("pipeline", about(pipeline)), body }
}

fn fleet() -> Desired {
    let body = json!({"title": "Fleet", "layout_type": "ordered", "widgets": []});
    Desired { kind: Kind::Dashboard, identity: Identity::new("fleet", Subject::Global), body }
}

fn all(pipelines: &[&str]) -> Vec<Desired> {
    let of = |name: &&str| [monitor("stuck", name), monitor("old", name), slo(name), burn(name), dashboard(name)];
    pipelines.iter().flat_map(of).chain([fleet()]).collect()
}

fn applied(desired: &[Desired]) -> Server {
    let mut server = Server::default();
    server.apply(&plan(desired, &server.world(), &options()).unwrap());
    server
}

/// What is done with which object, a word each.
fn words(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(|step| format!("{} {}", word(&step.action), step.identity)).collect()
}

fn word(action: &Action) -> String {
    match action {
        Action::Create { .. } => "create".into(),
        Action::Update { cause, .. } => format!("{cause:?}"),
        Action::Recreate { .. } => "recreate".into(),
        Action::Delete { .. } => "delete".into(),
        Action::Blocked { .. } => "blocked".into(),
    }
}

fn mark_of(step: &Step) -> Option<Mark> {
    match &step.action {
        Action::Create { body } | Action::Update { body, .. } | Action::Recreate { body, .. } => {
            Mark::read(step.kind, body)
        }
        Action::Delete { .. } | Action::Blocked { .. } => None,
    }
}

fn because(step: &Step) -> &str {
    match &step.action {
        Action::Recreate { because, .. } | Action::Delete { because, .. } | Action::Blocked { because, .. } => because,
        Action::Create { .. } | Action::Update { .. } => "",
    }
}

#[test]
fn what_is_referred_to_comes_first_and_goes_last() {
    let mut desired = all(&["a"]);
    desired.reverse();
    let composite = json!({"name": "c", "type": "composite", "query": reference(Kind::Monitor, &desired[1].identity)});
    desired.push(Desired { kind: Kind::Monitor, identity: Identity::new("both", about("a")), body: composite });
    let created = plan(&desired, &World::default(), &options()).unwrap();
    let order = ["old", "stuck", "success", "burn", "both", "pipeline", "fleet"];
    let key = |template: &str| {
        if template == "fleet" { "fleet/global".into() } else { format!("{template}/pipeline/a/data_prod") }
    };
    assert_eq!(words(&created), order.map(|template| format!("create {}", key(template))));
    let alert = created.steps.iter().find(|step| step.identity.template == "burn").unwrap();
    assert!(matches!(&alert.action, Action::Create { body } if body.to_string().contains("<ref:slo:success")));

    let server = applied(&all(&["a"]));
    let destroyed = destroy_plan(&server.world(), &options());
    let order = ["fleet", "pipeline", "burn", "success", "old", "stuck"];
    assert_eq!(words(&destroyed), order.map(|template| format!("delete {}", key(template))));
    assert_eq!(destroyed.summary().to_string(), "6 to delete, 0 unchanged");
    assert!(destroyed.steps.is_sorted_by_key(|step| step.wave));
    assert!(destroyed.steps.iter().all(|step| step.was.is_some()));
}

#[test]
fn a_reference_is_compared_by_the_id_it_stands_for() {
    let mut server = applied(&all(&["a"]));
    assert!(plan(&all(&["a"]), &server.world(), &options()).unwrap().is_empty());
    server.objects.retain(|(kind, _), _| *kind != Kind::Slo);
    let options = Options { accept_shrunk: true, ..options() };
    let again = plan(&all(&["a"]), &server.world(), &options).unwrap();
    let expected = ["create success/pipeline/a/data_prod", "Change burn/pipeline/a/data_prod"];
    assert_eq!(words(&again), expected, "that the SLO is gone is no drift of the alert");
    server.apply(&again);
    assert!(plan(&all(&["a"]), &server.world(), &options).unwrap().is_empty());
}

#[test]
fn what_was_made_twice_is_deleted_once() {
    let desired = [monitor("stuck", "a"), dashboard("a")];
    let mut server = applied(&desired);
    for (kind, id) in server.objects.keys().cloned().collect::<Vec<_>>() {
        let mut body = server.objects[&(kind, id.clone())].clone();
        body["created_at"] = json!("2026-01-02T00:00:00+00:00");
        server.objects.get_mut(&(kind, id)).unwrap()["created_at"] = json!("2026-01-01T00:00:00.123456+00:00");
        // More digits and an id that is first in the alphabet: neither makes it older.
        for id in if kind == Kind::Monitor { [json!(20_000), json!(10_000)] } else { [json!("0"), json!("00")] } {
            body["id"] = id.clone();
            let key = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
            server.objects.insert((kind, key), body.clone());
        }
    }
    let plan_of = |server: &Server| plan(&desired, &server.world(), &options()).unwrap();
    let plan = plan_of(&server);
    let (board, page) = ("delete pipeline/pipeline/a/data_prod", "delete stuck/pipeline/a/data_prod");
    assert_eq!(words(&plan), [board, board, page, page]);
    let ids: Vec<_> = plan.steps.iter().filter_map(|step| step.action.id()).collect();
    assert_eq!(ids, ["0", "00", "10000", "20000"]);
    assert!(because(&plan.steps[2]).contains("made twice, and 1001 is the older one"), "{:?}", plan.steps[2]);
    assert_eq!((plan.findings.len(), plan.unchanged), (4, 2));
    assert!(
        plan.findings[0].starts_with("monitor stuck/pipeline/a/data_prod 10000: it was made twice"),
        "{:?}",
        plan.findings
    );
    server.apply(&plan);
    assert!(plan_of(&server).is_empty());
}

#[test]
fn what_is_wanted_twice_is_made_once_and_told() {
    let plan = plan(&[monitor("stuck", "a"), monitor("stuck", "a")], &World::default(), &options()).unwrap();
    assert_eq!(
        (plan.steps.len(), plan.findings),
        (1, vec!["monitor stuck/pipeline/a/data_prod is wanted twice: the first is taken".to_owned()])
    );
}

#[test]
fn a_vanished_pipeline_is_marked_then_kept_then_pruned() {
    let (both, one) = (all(&["a", "b"]), all(&["a"]));
    let mut server = applied(&both);
    let at = |now: i64, prune: bool| Options { now, prune, ..options() };

    let gone = plan(&one, &server.world(), &at(NOW, true)).unwrap();
    let marked: Vec<_> = gone.steps.iter().filter(|step| word(&step.action) == "Gone").collect();
    assert_eq!((marked.len(), gone.steps.len(), gone.unchanged), (5, 5, 6));
    for step in marked {
        assert_eq!(mark_of(step).unwrap().gone_since, Some(NOW));
        assert!(
            matches!(&step.action, Action::Update { fields, .. } if fields.len() == 1 && fields[0].path == "ddsync_gone")
        );
    }
    server.apply(&gone);

    let within = plan(&one, &server.world(), &at(NOW + 23 * HOUR, true)).unwrap();
    assert!(within.is_empty());
    assert_eq!(within.findings, ["pipeline b of data_prod has vanished, and 5 objects are left: pruned in 1h"]);
    let without = plan(&one, &server.world(), &at(NOW + 23 * HOUR, false)).unwrap();
    assert_eq!(
        without.findings,
        ["pipeline b of data_prod has vanished, and 5 objects are left: kept; --prune would delete in 1h"]
    );
    let without = plan(&one, &server.world(), &at(NOW + 24 * HOUR, false)).unwrap();
    assert!(without.is_empty());
    assert_eq!(
        without.findings,
        ["pipeline b of data_prod has vanished, and 5 objects are left: kept; would be pruned with --prune"]
    );

    let back = plan(&both, &server.world(), &at(NOW + 48 * HOUR, true)).unwrap();
    assert_eq!(back.summary().back, 5);
    assert!(back.steps.iter().all(|step| mark_of(step).unwrap().gone_since.is_none()));
    let mut returned = server.clone();
    returned.apply(&back);
    assert!(plan(&both, &returned.world(), &at(NOW + 48 * HOUR, true)).unwrap().is_empty());

    let pruned = plan(&one, &server.world(), &at(NOW + 24 * HOUR, true)).unwrap();
    assert_eq!((pruned.summary().delete, pruned.summary().change), (5, 1), "the fleet dashboard counts anew");
    assert!(because(pruned.steps.last().unwrap()).contains("for 1day"), "{:?}", pruned.steps.last());
    server.apply(&pruned);
    assert!(plan(&one, &server.world(), &at(NOW + 24 * HOUR, true)).unwrap().is_empty());
}

#[test]
fn a_vanished_object_keeps_what_it_says() {
    let server = applied(&[dashboard("a")]);
    let gone = plan(&[], &server.world(), &options()).unwrap();
    let Action::Update { body, .. } = &gone.steps[0].action else { panic!("{gone:?}") };
    let live = server.objects.values().next().unwrap();
    assert_eq!(body["widgets"], live["widgets"], "with the ids of its widgets");
    assert_eq!((body.get("id"), body.get("url")), (None, None));
    let digest_before = Mark::read(Kind::Dashboard, live).unwrap().digest;
    assert_eq!(mark_of(&gone.steps[0]).unwrap().digest, digest_before);
}

#[test]
fn what_datadog_cannot_change_is_blocked_or_made_anew() {
    let server = applied(&[slo("a"), burn("a"), dashboard("a")]);
    let mut desired = [slo("a"), burn("a"), dashboard("a")];
    desired[0].body["type"] = json!("monitor");
    desired[2].body["layout_type"] = json!("free");
    let blocked = plan(&desired, &server.world(), &options()).unwrap();
    assert_eq!(words(&blocked), ["blocked success/pipeline/a/data_prod", "blocked pipeline/pipeline/a/data_prod"]);
    assert!(because(&blocked.steps[0]).contains("--recreate"), "{:?}", blocked.steps[0]);
    assert!(blocked.is_empty());

    let anew = Options { recreate: true, ..options() };
    let recreated = plan(&desired, &server.world(), &anew).unwrap();
    let update = "Change burn/pipeline/a/data_prod";
    assert_eq!(
        words(&recreated),
        ["recreate success/pipeline/a/data_prod", update, "recreate pipeline/pipeline/a/data_prod"]
    );
    let mut after = server.clone();
    after.apply(&recreated);
    assert!(plan(&desired, &after.world(), &anew).unwrap().is_empty());

    let id = server.world().objects.into_iter().find(|live| live.kind == Kind::Slo).unwrap().id;
    let held = Options { undeletable: BTreeMap::from([((Kind::Slo, id), "an alert uses it".into())]), ..anew };
    let held = plan(&desired, &server.world(), &held).unwrap();
    assert_eq!(words(&held), ["blocked success/pipeline/a/data_prod", "recreate pipeline/pipeline/a/data_prod"]);
    assert!(because(&held.steps[0]).contains("an alert uses it"));
}

#[test]
fn what_datadog_does_not_let_go_is_blocked() {
    let server = applied(&all(&["a"]));
    let id = server.world().objects.into_iter().find(|live| live.kind == Kind::Slo).unwrap().id;
    let held = Options { undeletable: BTreeMap::from([((Kind::Slo, id), "an alert uses it".into())]), ..options() };
    let destroyed = destroy_plan(&server.world(), &held);
    assert_eq!((destroyed.summary().delete, destroyed.summary().blocked), (5, 1));
    let blocked = destroyed.steps.iter().find(|step| word(&step.action) == "blocked").unwrap();
    assert_eq!(because(blocked), "it cannot be deleted: an alert uses it");
}

#[test]
fn what_a_person_added_stays_until_the_template_changes() {
    let mut desired = [monitor("stuck", "a")];
    desired[0].body["options"] = json!({"thresholds": {"critical": 1}});
    let mut server = applied(&desired);
    let key = server.objects.keys().next().unwrap().clone();
    let live = server.objects.get_mut(&key).unwrap();
    live["tags"].as_array_mut().unwrap().push(json!("by:hand"));
    (live["priority"], live["options"]["renotify_interval"]) = (json!(2), json!(60));
    let plan_of = |desired: &[Desired], server: &Server| plan(desired, &server.world(), &options()).unwrap();
    let paths = |plan: &Plan| plan.extras.iter().map(|extra| extra.path.clone()).collect::<Vec<_>>();
    let unchanged = plan_of(&desired, &server);
    assert!(unchanged.is_empty());
    assert_eq!(paths(&unchanged), ["options.renotify_interval", "priority", "tags"]);

    let mut drifted = server.clone();
    drifted.objects.get_mut(&key).unwrap()["name"] = json!("by hand");
    let plan = plan_of(&desired, &drifted);
    let Action::Update { body, fields, cause: Cause::Drift, .. } = &plan.steps[0].action else { panic!("{plan:?}") };
    assert_eq!((&body["priority"], &body["options"]["renotify_interval"], fields.len()), (&json!(2), &json!(60), 1));
    assert_eq!(paths(&plan).len(), 3);

    desired[0].body["options"]["thresholds"]["critical"] = json!(3);
    let plan = plan_of(&desired, &server);
    let Action::Update { body, fields, cause: Cause::Change, .. } = &plan.steps[0].action else { panic!("{plan:?}") };
    let changed: Vec<&str> = fields.iter().map(|change| change.path.as_str()).collect();
    let expected = ["options.thresholds.critical", "options.renotify_interval", "priority", "ddsync_digest"];
    assert_eq!(changed, expected);
    assert_eq!((body.get("priority"), body["options"].get("renotify_interval")), (Some(&Value::Null), None));
    assert!(body["tags"].as_array().unwrap().contains(&json!("by:hand")));
    assert_eq!(paths(&plan), ["tags"]);
}

#[test]
fn the_fleet_dashboard_knows_what_is_owned() {
    let mut server = applied(&all(&["a"]));
    let owned = |plan: &Plan| plan.steps.iter().find_map(|step| mark_of(step)?.owned);
    let counts = |monitors, slos, dashboards| Some(Counts { monitors, slos, dashboards });
    let grown = plan(&all(&["a", "b"]), &server.world(), &options()).unwrap();
    assert_eq!(owned(&grown), counts(6, 2, 3));
    server.apply(&grown);
    let narrow = Options { filter: Filter { only: vec!["fleet".into()], ..Filter::default() }, ..options() };
    assert!(plan(&all(&["a", "b"]), &server.world(), &narrow).unwrap().is_empty());
}

#[test]
fn a_filtered_destroy_does_not_make_the_next_list_look_short() {
    let names = ["a", "b", "c", "d", "e"];
    let mut server = applied(&all(&names));
    let filter = Filter { pipelines: vec!["A".into(), "b".into(), "c".into()], ..Filter::default() };
    let destroyed = destroy_plan(&server.world(), &Options { filter, ..options() });
    assert_eq!((destroyed.summary().delete, destroyed.summary().change), (15, 1));
    assert_eq!(words(&destroyed)[0], "Change fleet/global");
    server.apply(&destroyed);
    assert!(plan(&all(&names[3..]), &server.world(), &options()).unwrap().is_empty());

    let filter = Filter { pipelines: vec!["d".into()], ..Filter::default() };
    let few = destroy_plan(&server.world(), &Options { filter, ..options() });
    assert_eq!((few.summary().delete, few.summary().change), (5, 0), "which nobody would wonder about");
}

#[test]
fn a_list_that_cannot_be_true_is_refused() {
    let desired = all(&["a", "b", "c", "d"]);
    let server = applied(&desired);
    let without = |gone: &dyn Fn(&Live) -> bool| {
        let objects = server.world().objects.into_iter().filter(|live| !gone(live)).collect();
        World::of(objects)
    };
    let is_dashboard = |live: &Live| live.kind == Kind::Dashboard;
    let refused = |world: &World| plan(&desired, world, &options()).unwrap_err();

    let no_slos = refused(&without(&|live| live.kind == Kind::Slo));
    assert_eq!(no_slos, Refusal::Shrunk { namespace: "main".into(), kind: Kind::Slo, listed: 0, owned: 4 });
    assert!(no_slos.to_string().contains("lists 0 slos of namespace main, but 4"), "{no_slos}");
    assert!(no_slos.to_string().contains("--accept-shrunk-list"));
    let few = without(&|live| live.kind == Kind::Monitor && live.id.parse::<u64>().unwrap() > 1005);
    assert!(matches!(refused(&few), Refusal::Shrunk { kind: Kind::Monitor, listed: 5, owned: 12, .. }));

    let none = without(&is_dashboard);
    let no_dashboards = refused(&none);
    assert_eq!(no_dashboards, Refusal::NoDashboards { namespace: "main".into(), monitors: 12, slos: 4 });
    assert!(no_dashboards.to_string().contains("--accept-shrunk-list"));
    let believed = plan(&desired, &none, &Options { accept_shrunk: true, ..options() }).unwrap();
    assert_eq!(believed.summary().create, 5);

    // Half of them, and a few, are believed; and so is who wants no dashboards.
    let half = without(&|live| live.kind == Kind::Monitor && live.id.parse::<u64>().unwrap() > 1006);
    assert!(plan(&desired, &half, &options()).is_ok());
    let monitors = Options { filter: Filter { kinds: vec![Kind::Monitor], ..Filter::default() }, ..options() };
    assert!(plan(&desired, &none, &monitors).is_ok());
}

#[test]
fn a_first_apply_that_was_killed_may_go_on() {
    let desired = all(&["a", "b", "c"]);
    let mut server = applied(&desired);
    server.objects.retain(|(kind, _), _| *kind != Kind::Dashboard);
    let created = |seconds: i64| chrono::DateTime::from_timestamp(seconds, 0).unwrap().to_rfc3339();
    for ((kind, _), body) in &mut server.objects {
        body["created_at"] = if *kind == Kind::Slo { json!(NOW - 600) } else { json!(null) };
        body["created"] = json!(created(NOW - 600));
    }
    assert_eq!(plan(&desired, &server.world(), &options()).unwrap().summary().create, 4);
    let first = server.objects.keys().next().unwrap().clone();
    let mut old = |key: &str, at: Value| {
        let body = server.objects.get_mut(&first).unwrap();
        body["created"] = json!(null);
        body["created_at"] = json!(null);
        body[key] = at;
        plan(&desired, &server.world(), &options()).is_err()
    };
    assert!(old("created", json!(created(NOW - 7200))));
    assert!(old("created_at", json!((NOW - 7200) * 1000)), "milliseconds, as monitors have it");
    assert!(!old("created_at", json!((NOW - 600) * 1000)));
}

#[test]
fn a_filter_leaves_the_rest_alone() {
    let desired = all(&["a", "b"]);
    let server = applied(&all(&["b", "c"]));
    let summary = |filter: Filter| {
        let summary = plan(&desired, &server.world(), &Options { filter, ..options() }).unwrap().summary();
        (summary.create, summary.gone, summary.unchanged)
    };
    let list = |name: &str| vec![name.to_owned()];
    assert_eq!(summary(Filter::default()), (5, 5, 5));
    assert_eq!(summary(Filter { pipelines: list("A"), ..Filter::default() }), (5, 0, 0));
    assert_eq!(summary(Filter { pipelines: list("c"), ..Filter::default() }), (0, 5, 0));
    assert_eq!(summary(Filter { environments: list("data_dev"), ..Filter::default() }), (0, 0, 0));
    assert_eq!(summary(Filter { environments: list("data_prod"), ..Filter::default() }), (5, 5, 5));
    assert_eq!(summary(Filter { teams: list("Docs"), ..Filter::default() }), (5, 5, 5), "dashboards of the team too");
    assert_eq!(summary(Filter { teams: list("pay"), ..Filter::default() }), (0, 0, 0));
    assert_eq!(summary(Filter { kinds: vec![Kind::Slo], ..Filter::default() }), (1, 1, 1));
    assert_eq!(summary(Filter { only: list("stuck"), ..Filter::default() }), (1, 1, 1));
    let both = Filter { only: list("stuck"), pipelines: list("a"), ..Filter::default() };
    assert_eq!(summary(both), (1, 0, 0));
    let matches = |filter: Filter, subject, body: Value| {
        Choice::new(&filter, &[], &World::default()).has(Kind::Monitor, &Identity::new("t", subject), &body)
    };
    let long = Subject::Digest("0".into());
    assert!(matches(Filter { pipelines: list("a"), ..Filter::default() }, long, json!({"tags": ["pipeline:a"]})));
    assert!(matches(Filter { teams: list("docs"), ..Filter::default() }, Subject::Team("docs".into()), json!({})));
}

#[test]
fn a_copy_that_a_person_made_stays() {
    let desired = [monitor("stuck", "a"), dashboard("a")];
    let mut server = applied(&desired);
    let created = |seconds: i64| json!(chrono::DateTime::from_timestamp(seconds, 0).unwrap().to_rfc3339());
    let copy = |server: &mut Server, id: i64, later: i64, title: Option<&str>| {
        for kind in [Kind::Monitor, Kind::Dashboard] {
            let key = server.objects.keys().find(|(of, _)| *of == kind).unwrap().clone();
            server.objects.get_mut(&key).unwrap()["created"] = created(NOW);
            let mut body = server.objects[&key].clone();
            body["id"] = json!(id);
            body["created"] = created(NOW + later);
            body["query"] = json!("q > 7");
            body["layout_type"] = json!("free");
            if let Some(title) = title {
                body[kind.title_key()] = json!(title);
            }
            server.objects.insert((kind, id.to_string()), body);
        }
    };
    copy(&mut server, 5000, 60, Some("[Copy] of it"));
    copy(&mut server, 6000, 2 * HOUR, None);
    let kept = plan(&desired, &server.world(), &Options { prune: true, ..options() }).unwrap();
    assert_eq!((kept.steps.len(), kept.unchanged), (0, 2), "{:?}", words(&kept));
    assert_eq!(
        kept.findings.iter().filter(|line| line.contains("looks like a copy")).count(),
        4,
        "{:?}",
        kept.findings
    );
    copy(&mut server, 7000, 60, None);
    let raced = plan(&desired, &server.world(), &options()).unwrap();
    assert_eq!(raced.steps.iter().filter_map(|step| step.action.id()).collect::<Vec<_>>(), ["7000", "7000"]);
}

/// A plan of a file is believed no more than one that is made now.
#[test]
fn a_plan_that_is_carried_out_later_has_the_same_guard() {
    let server = applied(&all(&["a", "b", "c"]));
    let whole = plan(&all(&["a", "b", "c", "d"]), &server.world(), &options()).unwrap();
    assert_eq!(whole.check(&server.world(), NOW), Ok(()));
    let without = |kind: Kind| World::of(server.world().objects.into_iter().filter(|live| live.kind != kind).collect());
    assert!(matches!(whole.check(&without(Kind::Slo), NOW), Err(Refusal::Shrunk { kind: Kind::Slo, .. })));
    assert!(matches!(whole.check(&without(Kind::Dashboard), NOW), Err(Refusal::NoDashboards { .. })));
}

#[test]
fn a_plan_that_was_changed_by_hand_is_refused() {
    let whole = plan(&all(&["a"]), &World::default(), &options()).unwrap();
    let twice = Plan { steps: [whole.steps.clone(), whole.steps[..1].to_vec()].concat(), ..whole.clone() };
    let read = |plan: &Plan| Plan::from_json(&plan.to_json().unwrap()).map_err(|error| error.to_string());
    assert_eq!(read(&whole).as_ref(), Ok(&whole));
    assert!(read(&twice).unwrap_err().starts_with("monitor old/pipeline/a/data_prod is not as a plan has it"));
    let mut other = whole.clone();
    other.steps[0].identity = Identity::new("other", about("a"));
    assert!(read(&other).unwrap_err().starts_with("monitor other/pipeline/a/data_prod is not"));
    let theirs = Plan { namespace: "theirs".into(), ..whole };
    assert!(read(&theirs).is_err(), "marks of another namespace");
}

#[test]
fn what_a_template_made_is_not_what_a_pipeline_leaves() {
    let mut server = applied(&all(&["a", "b"]));
    let now: Vec<Desired> = all(&["a"]).into_iter().filter(|one| one.identity.template != "old").collect();
    server.apply(&plan(&now, &server.world(), &options()).unwrap());
    let kept = plan(&now, &server.world(), &options()).unwrap();
    assert_eq!((kept.steps.len(), kept.kept), (0, 6));
    assert_eq!(kept.summary().to_string(), "nothing to do, 5 unchanged, 6 gone and kept");
    let fate = "left: kept; --prune would delete in 1day";
    assert_eq!(
        kept.findings,
        [
            format!("pipeline b of data_prod has vanished, and 5 objects are {fate}"),
            format!("template old does not make all that it made, and 1 object is {fate}"),
        ]
    );
}

#[test]
fn a_team_is_that_of_the_pipeline() {
    let desired = all(&["a", "b"]);
    let server = applied(&desired);
    let mut moved = desired.clone();
    for one in moved.iter_mut().filter(|one| one.identity.subject == about("a")) {
        if one.body.get("tags").is_some() {
            one.body["tags"] = json!(["team:pay"]);
        }
    }
    let changed = |team: &str| {
        let filter = Filter { teams: vec![team.to_owned()], ..Filter::default() };
        let plan = plan(&moved, &server.world(), &Options { filter, ..options() }).unwrap();
        (plan.steps.len(), plan.unchanged)
    };
    assert_eq!(changed("pay"), (2, 3), "all that is of the pipeline that moved");
    assert_eq!(changed("docs"), (2, 8), "of which it still is, until that is applied");
    let filter = Filter { teams: vec!["docs".into()], ..Filter::default() };
    let destroyed = destroy_plan(&server.world(), &Options { filter, ..options() });
    assert_eq!(
        (destroyed.summary().delete, destroyed.summary().change),
        (10, 1),
        "and the fleet dashboard remembers it"
    );
}

#[test]
fn what_the_chosen_refer_to_and_is_not_there_is_chosen_too() {
    let desired = all(&["a", "b"]);
    let burns = Filter { only: vec!["burn".into()], pipelines: vec!["a".into()], ..Filter::default() };
    let options = Options { filter: burns, ..options() };
    let first = plan(&desired, &World::default(), &options).unwrap();
    let about_a = |template: &str| format!("create {template}/pipeline/a/data_prod");
    assert_eq!(words(&first), [about_a("success"), about_a("burn")]);
    let mut server = Server::default();
    server.apply(&first);
    server.objects.retain(|(kind, _), _| *kind == Kind::Slo);
    assert_eq!(words(&plan(&desired, &server.world(), &options).unwrap()), [about_a("burn")], "it is there");
}

#[test]
fn an_unmarked_twin_is_adopted_and_no_other() {
    let desired = monitor("stuck", "a");
    let create = plan(std::slice::from_ref(&desired), &World::default(), &options()).unwrap().steps.remove(0);
    let mut twin = json!({"id": 7, "name": "by hand", "type": "metric alert", "query": "q > 1", "tags": ["by:hand"]});
    let adopted = adopt(&create, &Live::new(Kind::Monitor, twin.clone()).unwrap()).unwrap();
    let Action::Update { id, body, fields, cause: Cause::Adopt } = &adopted.action else { panic!("{adopted:?}") };
    assert_eq!((id.as_str(), fields.len()), ("7", 2));
    assert!(body["tags"].as_array().unwrap().contains(&json!("by:hand")));
    let mark = Mark::read(Kind::Monitor, body).unwrap();
    assert_eq!((mark.digest, mark.identity), (digest(&desired.body), desired.identity.clone()));

    assert_eq!(adopt(&adopted, &Live::new(Kind::Monitor, twin.clone()).unwrap()), None);
    assert_eq!(adopt(&create, &Live::new(Kind::Slo, twin.clone()).unwrap()), None);
    twin["type"] = json!("log alert");
    assert_eq!(adopt(&create, &Live::new(Kind::Monitor, twin.clone()).unwrap()), None);
    twin["type"] = json!("query alert");
    mark_of(&create).unwrap().write(Kind::Monitor, &mut twin);
    assert_eq!(adopt(&create, &Live::new(Kind::Monitor, twin).unwrap()), None);
}

#[test]
fn a_monitor_that_goes_off_is_the_same_monitor() {
    let mut server = applied(&[monitor("stuck", "a")]);
    let gone = plan(&[], &server.world(), &options()).unwrap();
    server.objects.values_mut().for_each(|body| body["overall_state"] = json!("Alert"));
    assert_eq!(plan(&[], &server.world(), &options()).unwrap(), gone);
    server.objects.values_mut().for_each(|body| body["query"] = json!("q > 2"));
    assert_ne!(plan(&[], &server.world(), &options()).unwrap().steps[0].was, gone.steps[0].was);
}

#[test]
fn a_plan_of_another_version_is_refused() {
    let read = |text: &str| Plan::from_json(text).unwrap_err().to_string();
    let mut plan = serde_json::to_value(plan(&all(&["a"]), &World::default(), &options()).unwrap()).unwrap();
    plan["version"] = json!(2);
    plan["steps"] = json!("of tomorrow");
    let message = "this plan has version 2, and this ddsync reads version 1: make it anew with `ddsync plan --out`";
    assert_eq!(read(&plan.to_string()), message);
    for text in ["", "[]", "7", "{}", r#"{"version": 1}"#] {
        assert!(read(text).starts_with("this is no plan of ddsync"), "{text}");
    }
}

#[test]
fn a_summary_is_one_line() {
    let mut server = applied(&all(&["a", "b"]));
    let key = server.objects.keys().next().unwrap().clone();
    server.objects.get_mut(&key).unwrap()["name"] = json!("by hand");
    let summary = plan(&all(&["a", "c"]), &server.world(), &options()).unwrap().summary();
    assert_eq!(summary.to_string(), "5 to create, 2 to change (1 drift), 5 to mark as gone, 4 unchanged");
    assert_eq!(Plan::default().summary().to_string(), "nothing to do, 0 unchanged");
}
