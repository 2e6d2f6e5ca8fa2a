use super::pretend::Fault;
use super::*;

fn whats(report: &Report) -> Vec<(&str, What)> {
    let mut whats: Vec<_> = report.done.iter().map(|done| (done.item.identity.template.as_str(), done.what)).collect();
    whats.sort_by_key(|(template, _)| *template);
    whats
}

fn id(report: &Report, template: &str) -> String {
    report.done.iter().find(|done| done.item.identity.template == template).unwrap().id.clone()
}

#[tokio::test]
async fn what_is_referred_to_comes_first_and_its_id_is_filled_in() {
    let bench = Bench::new().await;
    let slo = json!({ "name": "s", "type": "monitor", "monitor_ids": [reference(Kind::Monitor, "plain")], "tags": [] });
    let alert = json!({ "name": "a", "type": "slo alert", "tags": [],
        "query": format!("error_budget(\"{}\").over(\"30d\") > 1", reference(Kind::Slo, "slo")) });
    let board = json!({ "title": "b", "layout_type": "ordered", "description": "", "widgets": [{ "slo_id": reference(Kind::Slo, "slo") }] });
    let fleet = json!({ "title": "f", "layout_type": "ordered", "description": "", "widgets": [] });
    let steps = vec![
        create(Kind::Dashboard, "fleet", 5, &fleet),
        create(Kind::Dashboard, "board", 4, &board),
        create(Kind::Monitor, "alert", 2, &alert),
        create(Kind::Slo, "slo", 1, &slo),
        create(Kind::Monitor, "plain", 0, &monitor("plain")),
    ];
    let report = bench.execute(steps, OnError::Stop).await;
    assert_eq!((report.failed.len(), report.skipped.len(), report.done.len()), (0, 0, 5), "{report:?}");
    assert_eq!(bench.there.log(), ["POST monitor", "POST slo", "POST monitor", "POST dashboard", "POST dashboard"]);
    let slo = id(&report, "slo");
    assert_eq!(bench.there.body(Kind::Slo, &slo)["monitor_ids"][0].to_string(), id(&report, "plain"));
    let query = format!("error_budget(\"{slo}\").over(\"30d\") > 1");
    assert_eq!(bench.there.body(Kind::Monitor, &id(&report, "alert"))["query"], query);
    assert_eq!(bench.there.body(Kind::Dashboard, &id(&report, "board"))["widgets"][0]["slo_id"], slo);
    assert_eq!(report.done.last().unwrap().item.identity.template, "fleet");
    assert_eq!(report.done[1].link.as_deref(), Some(&*format!("https://app.datadoghq.eu/slo?slo_id={slo}")));
}

#[tokio::test]
async fn objects_that_refer_to_each_other_are_made_all_the_same() {
    let bench = Bench::new().await;
    let mut one = monitor("one");
    one["message"] = json!(format!("see /dashboard/{}", reference(Kind::Dashboard, "board")));
    let board = json!({ "title": "b", "layout_type": "ordered", "description": "", "widgets": [{ "alert_id": reference(Kind::Monitor, "one") }] });
    let steps = vec![create(Kind::Monitor, "one", 0, &one), create(Kind::Dashboard, "board", 4, &board)];
    let report = bench.execute(steps, OnError::Stop).await;
    assert_eq!(whats(&report), [("board", What::Created), ("one", What::Created)], "{report:?}");
    let (board, one) = (id(&report, "board"), id(&report, "one"));
    assert_eq!(bench.there.log(), ["POST dashboard", "POST monitor", &format!("PUT dashboard/{board}")]);
    assert_eq!(bench.there.body(Kind::Dashboard, &board)["widgets"][0]["alert_id"], one);
    assert_eq!(bench.there.body(Kind::Monitor, &one)["message"], format!("see /dashboard/{board}"));
}

#[tokio::test]
async fn at_most_eight_writes_are_under_way_and_progress_is_told() {
    let bench = Bench::new().await;
    let steps: Vec<Step> =
        (0..40).map(|n| create(Kind::Monitor, &format!("m{n}"), 0, &monitor(&format!("m{n}")))).collect();
    let plan = Plan { version: 1, namespace: NAMESPACE.into(), steps, ..Plan::default() };
    let told = std::sync::Mutex::new(Vec::new());
    let note = |progress: Progress| told.lock().unwrap().push((progress.finished, progress.total));
    let report = super::super::execute(&bench.session(), &plan, &World::default(), Options::default(), &note).await;
    assert_eq!((report.done.len(), bench.there.count(Kind::Monitor)), (40, 40));
    assert_eq!(bench.there.most(), 8);
    let mut told = told.into_inner().unwrap();
    told.sort_unstable();
    assert_eq!(told, (1..=40).map(|n| (n, 40)).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_object_whose_answer_is_lost_is_made_once() {
    let bodies = [
        (Kind::Monitor, monitor("m")),
        (Kind::Slo, json!({ "name": "s", "tags": [] })),
        (Kind::Dashboard, json!({ "title": "d", "description": "", "widgets": [] })),
    ];
    for (kind, body) in &bodies {
        let faults = [
            Fault::Lost,
            Fault::Landed(504),
            Fault::Landed(408),
            Fault::Landed(200),
            Fault::Refused(503),
            Fault::Refused(429),
        ];
        for fault in faults {
            let bench = Bench::new().await;
            bench.there.fault(&format!("POST {kind}"), 2, fault);
            let report = bench.execute(vec![create(*kind, "one", 0, body)], OnError::Stop).await;
            assert_eq!(whats(&report), [("one", What::Created)], "{kind} {fault:?}: {report:?}");
            assert_eq!(bench.there.count(*kind), 1, "{kind} {fault:?}");
            let (posts, looks) = (bench.there.asked("POST"), bench.there.asked("GET"));
            let expected = match fault {
                Fault::Lost | Fault::Landed(_) => (1, 1),
                Fault::Refused(429) => (3, 0),
                Fault::Refused(_) => (3, 2),
            };
            assert_eq!((posts, looks), expected, "{kind} {fault:?}");
            assert!(id(&report, "one").contains("10"), "the id is Datadog's");
        }
    }
}

#[tokio::test]
async fn what_an_earlier_run_made_is_found_and_brought_up_to_date() {
    let bench = Bench::new().await;
    bench.there.fault("POST slo", 1, Fault::Refused(500));
    let steps = vec![create(Kind::Slo, "one", 1, &json!({ "name": "new", "tags": [] }))];
    let plan = Plan { version: 1, namespace: NAMESPACE.into(), steps, ..Plan::default() };
    bench.there.put(Kind::Slo, "slo7", &marked(Kind::Slo, "one", &json!({ "name": "old", "tags": [] })));
    let report = super::super::execute(&bench.session(), &plan, &World::default(), Options::default(), &|_| {}).await;
    assert_eq!(id(&report, "one"), "slo7");
    assert_eq!((bench.there.count(Kind::Slo), bench.there.body(Kind::Slo, "slo7")["name"].clone()), (1, json!("new")));
}

#[tokio::test]
async fn an_identical_monitor_is_adopted_unless_it_is_somebody_elses() {
    let same = monitor("same");
    let step = || create(Kind::Monitor, "one", 0, &same);
    let bench = Bench::new().await;
    bench.there.put(Kind::Monitor, "5", &same);
    let report = bench.execute(vec![step()], OnError::Stop).await;
    assert_eq!((whats(&report), id(&report, "one")), (vec![("one", What::Adopted)], "5".into()));
    assert_eq!(Mark::read(Kind::Monitor, &bench.there.body(Kind::Monitor, "5")).unwrap().identity, identity("one"));

    let bench = Bench::new().await;
    let mut theirs = same.clone();
    let mark =
        Mark { namespace: "other".into(), identity: identity("x"), digest: "1".into(), gone_since: None, owned: None };
    mark.write(Kind::Monitor, &mut theirs);
    bench.there.put(Kind::Monitor, "5", &theirs);
    let report = bench.execute(vec![step()], OnError::Stop).await;
    assert_eq!(report.failed[0].reason, "monitor 5 is identical, and it is x/global of namespace other");
    assert!(report.failed[0].advice.starts_with("delete monitor 5, or change"), "{report:?}");
    assert_eq!(bench.there.body(Kind::Monitor, "5")["tags"], theirs["tags"]);

    // A template that got another name: the old object becomes the new one, and is not deleted after that.
    let bench = Bench::new().await;
    bench.there.put(Kind::Monitor, "5", &marked(Kind::Monitor, "old", &same));
    let report = bench.execute(vec![step(), delete(Kind::Monitor, "old", 10, "5")], OnError::Stop).await;
    assert_eq!(whats(&report), [("old", What::Deleted), ("one", What::Adopted)]);
    assert_eq!((bench.there.count(Kind::Monitor), bench.there.asked("DELETE")), (1, 0));

    let bench = Bench::new().await;
    bench.there.put(Kind::Monitor, "5", &marked(Kind::Monitor, "old", &same));
    let report = bench.execute(vec![step()], OnError::Stop).await;
    assert_eq!(report.failed.len(), 1, "another object of ours stays what it is");
}

#[tokio::test]
async fn deletes_go_backwards_and_what_is_gone_is_done() {
    let bench = Bench::new().await;
    bench.there.put(Kind::Slo, "s", &json!({ "name": "s" }));
    bench.there.put(Kind::Dashboard, "d", &json!({ "title": "d" }));
    bench.there.fault("DELETE slo/s", 1, Fault::Lost);
    let steps = vec![
        delete(Kind::Slo, "s", 10, "s"),
        delete(Kind::Monitor, "m", 11, "7"),
        delete(Kind::Dashboard, "d", 7, "d"),
        create(Kind::Monitor, "new", 0, &monitor("new")),
    ];
    let report = bench.execute(steps, OnError::Stop).await;
    assert_eq!(report.done.len(), 4, "{report:?}");
    let log = ["POST monitor", "DELETE dashboard/d", "DELETE slo/s", "DELETE slo/s", "DELETE monitor/7"];
    assert_eq!(bench.there.log(), log);
    assert!(report.done.iter().all(|done| (done.what == What::Deleted) == done.link.is_none()));
}

#[tokio::test]
async fn an_object_is_recreated_and_its_dependents_get_the_new_id() {
    let bench = Bench::new().await;
    bench.there.put(Kind::Slo, "old", &marked(Kind::Slo, "slo", &json!({ "name": "s", "tags": [] })));
    bench.there.put(
        Kind::Dashboard,
        "d",
        &marked(Kind::Dashboard, "board", &json!({ "title": "d", "description": "" })),
    );
    let body = marked(Kind::Slo, "slo", &json!({ "name": "t", "tags": [] }));
    let again = Action::Recreate { id: "old".into(), body, because: "its type".into() };
    let board = json!({ "title": "d", "description": "", "slo_id": reference(Kind::Slo, "slo") });
    let steps = vec![update(Kind::Dashboard, "board", "d", &board), step(Kind::Slo, "slo", 1, again)];
    let report = bench.execute(steps, OnError::Stop).await;
    assert_eq!(whats(&report), [("board", What::Updated), ("slo", What::Recreated)], "{report:?}");
    let new = id(&report, "slo");
    assert_ne!(new, "old");
    assert_eq!(
        (bench.there.count(Kind::Slo), bench.there.body(Kind::Dashboard, "d")["slo_id"].clone()),
        (1, json!(new))
    );
}

#[tokio::test]
async fn a_failure_is_told_with_what_to_do_and_takes_along_what_needs_it() {
    let fleet = json!({ "title": "f", "description": "", "widgets": [] });
    let alert = json!({ "name": "a", "type": "slo alert", "query": reference(Kind::Slo, "slo"), "tags": [] });
    let both = format!("{} && 1", reference(Kind::Monitor, "alert"));
    let steps = || {
        vec![
            create(Kind::Slo, "slo", 1, &json!({ "name": "s", "tags": [] })),
            create(Kind::Monitor, "alert", 2, &alert),
            create(Kind::Monitor, "both", 3, &json!({ "name": "b", "type": "composite", "query": both, "tags": [] })),
            update(Kind::Monitor, "vanished", "99", &monitor("v")),
            delete(Kind::Monitor, "used", 11, "7"),
            create(Kind::Dashboard, "fleet", 5, &fleet),
        ]
    };
    let prepare = async || {
        let bench = Bench::new().await;
        bench.there.put(Kind::Monitor, "7", &monitor("used"));
        bench.there.fault("POST slo", 1, Fault::Refused(400));
        bench.there.fault("DELETE monitor/7", 1, Fault::Refused(409));
        bench
    };
    let bench = prepare().await;
    let report = bench.execute(steps(), OnError::Continue).await;
    assert_eq!(whats(&report), [("fleet", What::Created)]);
    let failed: Vec<_> =
        report.failed.iter().map(|failed| (&*failed.item.identity.template, &*failed.advice)).collect();
    assert_eq!(
        failed,
        [
            ("vanished", "somebody has deleted it meanwhile: run this again"),
            (
                "slo",
                "mend the template `slo`; `ddsync render slo` shows what is sent, `ddsync validate --remote` asks again"
            ),
            ("used", "take it out of what uses it, then run this again"),
        ]
    );
    assert_eq!(report.failed[1].reason, "datadog refused the request (HTTP 400): refused");
    let skipped: Vec<_> = report.skipped.iter().map(|skipped| skipped.because.as_str()).collect();
    assert_eq!(
        skipped,
        [
            "it needs slo slo/global, which is not there and not made either",
            "it needs monitor alert/global, which is not there and not made either"
        ]
    );
    let owned = Mark::read(Kind::Dashboard, &bench.there.body(Kind::Dashboard, &id(&report, "fleet"))).unwrap().owned;
    assert_eq!(owned, Some(Counts { monitors: 7, slos: 8, dashboards: 9 }), "what was not made is not counted");

    let bench = prepare().await;
    let report = bench.execute(steps(), OnError::Stop).await;
    assert_eq!((report.done.len(), report.failed.len(), report.skipped.len()), (0, 1, 5), "{report:?}");
    assert_eq!(bench.there.log(), ["PUT monitor/99"]);
    assert!(report.skipped.iter().any(|skipped| skipped.because == "monitor vanished/global failed before it"));
}

#[tokio::test]
async fn a_key_that_may_not_is_not_tried_again_and_again() {
    let steps = || {
        let monitors = (0..30).map(|n| create(Kind::Monitor, &format!("m{n}"), 0, &monitor(&format!("m{n}"))));
        let slo = create(Kind::Slo, "slo", 1, &json!({ "name": "s", "tags": [] }));
        monitors.chain([slo]).collect::<Vec<_>>()
    };
    let bench = Bench::new().await;
    bench.there.fault("POST monitor", 99, Fault::Refused(403));
    let report = bench.execute(steps(), OnError::Continue).await;
    assert_eq!(whats(&report), [("slo", What::Created)]);
    assert!(report.failed.len() <= 8, "{}", report.failed.len());
    assert!(report.skipped.iter().all(|skipped| skipped.because == "the application key lacks `monitors_write`"));
    assert!(report.failed[0].reason.contains("`monitors_write`"), "{}", report.failed[0].reason);

    let bench = Bench::new().await;
    bench.there.fault("POST monitor", 99, Fault::Refused(401));
    let report = bench.execute(steps(), OnError::Continue).await;
    assert_eq!((report.done.len(), bench.there.asked("POST slo")), (0, 0));
    let text = format!("{report:?}");
    assert!(!text.contains("key-0123456789"), "{text}");
}

#[tokio::test]
async fn time_being_up_ends_it() {
    let bench = Bench::new().await;
    bench.there.fault("P", usize::MAX, Fault::Refused(429));
    let steps = vec![
        create(Kind::Monitor, "one", 0, &monitor("one")),
        create(Kind::Slo, "two", 1, &json!({ "name": "s", "tags": [] })),
    ];
    let plan = Plan { version: 1, namespace: NAMESPACE.into(), steps, ..Plan::default() };
    // Waits are as long as Datadog asks for, so the second one would be too late.
    let session = Session::new(&bench.client, &bench.settings, Clock::Real, Duration::from_millis(1500));
    let start = tokio::time::Instant::now();
    let options = Options { on_error: OnError::Continue, force: false };
    let report = super::super::execute(&session, &plan, &World::default(), options, &|_| {}).await;
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert_eq!(report.failed.len() + report.skipped.len(), 2, "{report:?}");
    assert!(report.failed[0].advice.contains("nothing is made twice"), "{report:?}");
}

/// Eight objects of every kind that refer to each other.
fn wanted() -> Vec<Desired> {
    let wanted = |kind, template: &str, body| Desired { kind, identity: identity(template), body };
    let mut all = Vec::new();
    for n in 0..8 {
        let (one, slo, board) = (format!("m{n}"), format!("s{n}"), format!("d{n}"));
        let mut plain = monitor(&one);
        plain["message"] = json!(format!("/dashboard/{}", reference(Kind::Dashboard, &board)));
        let alert = json!({ "name": "a", "type": "slo alert", "query": format!("error_budget(\"{}\").over(\"7d\") > {n}", reference(Kind::Slo, &slo)), "tags": [] });
        all.push(wanted(Kind::Monitor, &one, plain));
        all.push(wanted(
            Kind::Slo,
            &slo,
            json!({ "name": slo, "type": "monitor", "monitor_ids": [reference(Kind::Monitor, &one)], "tags": [] }),
        ));
        all.push(wanted(Kind::Monitor, &format!("a{n}"), alert));
        let widgets = json!([{ "definition": { "type": "slo", "slo_id": reference(Kind::Slo, &slo) } }]);
        let description = "What it is.";
        all.push(wanted(
            Kind::Dashboard,
            &board,
            json!({ "title": board, "layout_type": "ordered", "description": description, "widgets": widgets }),
        ));
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_and_run_again_it_converges_and_doubles_nothing() {
    let mut halves = 0;
    for moment in 0..12 {
        let bench = Bench::new().await;
        for kind in Kind::ALL {
            bench.there.fault(&format!("POST {kind}"), 1, Fault::Lost);
        }
        let mut options = plan::Options { namespace: NAMESPACE.into(), ..plan::Options::default() };
        options.accept_shrunk = true;
        for kill in 0..4 {
            let world = bench.look().await;
            let planned = plan::plan(&wanted(), &world, &options).unwrap();
            let session = bench.session();
            let run = super::super::execute(&session, &planned, &world, Options::default(), &|_| {});
            tokio::time::timeout(Duration::from_millis(moment * 3 + kill * 2), run).await.ok();
            let there: usize = Kind::ALL.iter().map(|kind| bench.there.count(*kind)).sum();
            halves += usize::from((1..32).contains(&there));
        }
        for _ in 0..3 {
            let world = bench.look().await;
            let planned = plan::plan(&wanted(), &world, &options).unwrap();
            let report = super::super::execute(&bench.session(), &planned, &world, Options::default(), &|_| {}).await;
            assert!(report.failed.is_empty() && report.skipped.is_empty(), "moment {moment}: {report:?}");
        }
        let planned = plan::plan(&wanted(), &bench.look().await, &options).unwrap();
        assert!(planned.steps.is_empty(), "moment {moment}: {:?}", planned.steps);
        let counts = Kind::ALL.map(|kind| bench.there.count(kind));
        assert_eq!(counts, [16, 8, 8], "moment {moment}");
    }
    assert!(halves > 5, "it was killed in the middle of its work {halves} times");
}

#[test]
fn a_run_can_be_spawned() {
    fn is_send<T: Send>(_: &T) {}
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let bench = Bench::new().await;
        let (session, plan, world) = (bench.session(), Plan::default(), World::default());
        is_send(&super::super::execute(&session, &plan, &world, Options::default(), &|_| {}));
        is_send(&super::super::look(&session, NAMESPACE, None));
        is_send(&restore(&session, backup(NAMESPACE, &world, &[]), &|_| {}));
    });
}
