use super::pretend::Fault;
use super::*;
use crate::provision::object::Live;

#[test]
fn a_plan_whose_world_has_moved_says_where() {
    let live = |kind, id: &str, template, name: &str| {
        let mut body = marked(kind, template, &json!({ "name": name, "tags": [], "description": "" }));
        body["id"] = json!(id);
        Live::new(kind, body).unwrap()
    };
    let old = World::of(vec![
        live(Kind::Monitor, "1", "a", "x"),
        live(Kind::Slo, "2", "b", "x"),
        live(Kind::Dashboard, "3", "c", "x"),
    ]);
    let was = |at: usize| Some(plan::fingerprint(&old.objects[at]));
    let steps = vec![
        Step { was: was(0), ..update(Kind::Monitor, "a", "1", &json!({})) },
        Step { was: was(1), ..delete(Kind::Slo, "b", 10, "2") },
        Step { was: was(2), ..delete(Kind::Dashboard, "c", 7, "3") },
        create(Kind::Slo, "d", 1, &json!({})),
    ];
    let plan = Plan { version: 1, namespace: NAMESPACE.into(), steps, ..Plan::default() };
    assert_eq!(moved(&plan, &old), [""; 0]);
    let mut other = live(Kind::Slo, "9", "d", "x");
    let mark = other.mark.as_mut().unwrap();
    mark.namespace = "other".into();
    let unmoved = World::of([old.objects.clone(), vec![other, live(Kind::Monitor, "8", "d", "x")]].concat());
    assert_eq!(moved(&plan, &unmoved), [""; 0], "another namespace and another kind are others");
    let new = World::of(vec![
        live(Kind::Monitor, "1", "a", "y"),
        live(Kind::Slo, "2", "b", "x"),
        live(Kind::Slo, "4", "d", "x"),
    ]);
    assert_eq!(
        moved(&plan, &new),
        [
            "monitor a/global (A) has been changed: 1",
            "dashboard c/global (C) is gone: 3",
            "slo d/global (D) exists now: 4"
        ]
    );
}

/// A monitor, its SLO, an alert on that and a dashboard that shows it, by their ids.
async fn before() -> (Bench, Vec<Step>) {
    let bench = Bench::new().await;
    let slo = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";
    let alert = json!({ "name": "a", "type": "slo alert", "query": format!("error_budget(\"{slo}\").over(\"7d\") > 100"), "tags": [] });
    let both = json!({ "name": "b", "type": "composite", "query": "501 && !502", "tags": [] });
    let plain = json!({ "name": "p", "type": "query alert", "query": "avg(last_5m):avg:a{*} > 501", "tags": [] });
    for (kind, template, id, body) in [
        (Kind::Monitor, "plain", "501", plain),
        (Kind::Slo, "slo", slo, json!({ "name": "s", "monitor_ids": [501, 77], "tags": [], "created_at": 5 })),
        (Kind::Monitor, "alert", "502", alert),
        (Kind::Monitor, "both", "503", both),
        (
            Kind::Dashboard,
            "board",
            "abc-def",
            json!({ "title": "d", "description": "", "widgets": [{ "slo_id": slo }] }),
        ),
        (Kind::Dashboard, "other", "abc-xyz", json!({ "title": "o", "description": "", "widgets": [] })),
    ] {
        bench.there.put(kind, id, &marked(kind, template, &body));
    }
    let steps = vec![
        delete(Kind::Dashboard, "board", 7, "abc-def"),
        delete(Kind::Dashboard, "other", 7, "abc-xyz"),
        delete(Kind::Monitor, "both", 8, "503"),
        delete(Kind::Monitor, "alert", 9, "502"),
        delete(Kind::Slo, "slo", 10, slo),
        delete(Kind::Monitor, "plain", 11, "501"),
    ];
    (bench, steps)
}

fn find<'a>(world: &'a World, template: &str) -> &'a Live {
    world.objects.iter().find(|live| live.mark.as_ref().unwrap().identity == identity(template)).unwrap()
}

#[tokio::test]
async fn what_was_destroyed_comes_back_and_refers_to_itself_again() {
    let (bench, steps) = before().await;
    let saved = backup(NAMESPACE, &bench.look().await, &steps);
    let report = bench.execute(steps, OnError::Stop).await;
    assert_eq!((report.done.len(), bench.look().await.objects.len()), (6, 0), "{report:?}");

    let report = restore(&bench.session(), saved.clone(), &|_| {}).await.unwrap();
    assert_eq!((report.done.len(), report.failed.len(), report.skipped.len()), (6, 0, 0), "{report:?}");
    let world = bench.look().await;
    let id = |template: &str| find(&world, template).id.as_str();
    assert_eq!((id("board"), id("other")), ("abc-def", "abc-xyz"), "dashboards keep their addresses");
    assert_eq!(find(&world, "board").body["widgets"][0]["slo_id"], id("slo"));
    let budget = format!("error_budget(\"{}\").over(\"7d\") > 100", id("slo"));
    assert_eq!(find(&world, "alert").body["query"], budget);
    assert_eq!(find(&world, "both").body["query"], format!("{} && !{}", id("plain"), id("alert")));
    assert_eq!(find(&world, "plain").body["query"], "avg(last_5m):avg:a{*} > 501", "a threshold is no id");
    let plain: u64 = id("plain").parse().unwrap();
    assert_eq!(find(&world, "slo").body["monitor_ids"], json!([plain, 77]));
    assert_eq!(find(&world, "slo").body.get("created_at"), None);

    let again = restore(&bench.session(), saved.clone(), &|_| {}).await.unwrap();
    assert_eq!((again.failed.len(), again.skipped.len()), (0, 0), "{again:?}");
    assert_eq!(again.done.iter().filter(|done| done.what == What::Kept && done.link.is_some()).count(), 6, "{again:?}");
    assert_eq!(bench.look().await, world);
}

#[tokio::test]
async fn a_dashboard_that_datadog_has_dropped_is_made_anew() {
    let (bench, steps) = before().await;
    let saved = backup(NAMESPACE, &bench.look().await, &steps);
    bench.execute(steps, OnError::Stop).await;
    bench.there.with(|shared| shared.bin.clear());
    bench.there.fault("POST dashboard", 1, Fault::Lost);
    let report = restore(&bench.session(), saved.clone(), &|_| {}).await.unwrap();
    assert_eq!((report.done.len(), report.failed.len()), (6, 0), "{report:?}");
    assert_eq!(bench.there.count(Kind::Dashboard), 2);
    assert!(report.done.iter().all(|done| done.what == What::Created && done.link.is_some()));
}

#[test]
fn what_is_no_backup_is_refused() {
    for (backup, words) in [
        (json!({ "steps": [] }), "this is no backup that `ddsync destroy` wrote"),
        (json!({ "version": 9, "namespace": "main", "objects": [] }), "this backup has version 9"),
    ] {
        let error = Backup::from_json(&backup.to_string()).unwrap_err().to_string();
        assert!(error.starts_with(words), "{error}");
    }
}

/// Datadog refuses to restore what it has restored.
#[tokio::test]
async fn a_dashboard_is_not_made_a_second_time_when_the_answer_was_lost() {
    let (bench, steps) = before().await;
    let saved = backup(NAMESPACE, &bench.look().await, &steps);
    bench.execute(steps, OnError::Stop).await;
    bench.there.fault("PATCH dashboard", 1, Fault::Lost);
    let report = restore(&bench.session(), saved, &|_| {}).await.unwrap();
    assert_eq!((report.done.len(), bench.there.count(Kind::Dashboard)), (6, 2), "{report:?}");
    assert!(bench.there.asked("PATCH dashboard") > 2, "it was asked again");
}

/// Somebody has made it their own meanwhile, or the backup was changed by hand.
#[tokio::test]
async fn a_dashboard_of_others_is_not_restored() {
    let (bench, steps) = before().await;
    let saved = backup(NAMESPACE, &bench.look().await, &steps);
    bench.execute(steps, OnError::Stop).await;
    bench.there.with(|shared| shared.bin.clear());
    let theirs =
        json!({ "id": "abc-def", "title": "theirs", "description": "", "layout_type": "ordered", "widgets": [] });
    bench.there.put(Kind::Dashboard, "abc-def", &theirs);
    let report = restore(&bench.session(), saved, &|_| {}).await.unwrap();
    assert_eq!((report.done.len(), report.failed.len()), (6, 0), "{report:?}");
    assert_eq!(bench.there.body(Kind::Dashboard, "abc-def")["title"], "theirs");
}
