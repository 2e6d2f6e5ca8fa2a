use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::pretend::Fault;
use super::*;

fn board(title: &str) -> Value {
    json!({ "title": title, "description": "What it is.", "widgets": [title] })
}

/// As many as a peer was measured with, one tenth of them.
async fn fleet() -> Bench {
    let bench = Bench::new().await;
    for n in 0..60 {
        bench.there.put(Kind::Monitor, &n.to_string(), &marked(Kind::Monitor, &format!("m{n}"), &monitor("m")));
    }
    for n in 0..20 {
        let (slo, dashboard) = (format!("s{n}"), format!("d{n}"));
        bench.there.put(Kind::Slo, &slo, &marked(Kind::Slo, &slo, &json!({ "name": slo, "tags": [] })));
        bench.there.put(Kind::Dashboard, &dashboard, &marked(Kind::Dashboard, &dashboard, &board(&dashboard)));
    }
    // What is not ours: nobody's, and another installation's.
    bench.there.put(Kind::Dashboard, "theirs", &board("theirs"));
    bench.there.put(Kind::Monitor, "900", &json!({ "name": "half a mark", "tags": [Mark::namespace_tag(NAMESPACE)] }));
    let mut other = board("other");
    let mark =
        Mark { namespace: "other".into(), identity: identity("d0"), digest: "1".into(), gone_since: None, owned: None };
    mark.write(Kind::Dashboard, &mut other);
    bench.there.put(Kind::Dashboard, "other", &other);
    bench
}

#[tokio::test]
async fn a_second_look_takes_three_requests_and_sees_the_same() {
    let bench = fleet().await;
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("dashboards.json");
    let session = bench.session();
    let look = async || {
        bench.there.forget();
        super::super::look(&session, NAMESPACE, Some(&cache)).await.unwrap()
    };
    let cold = look().await;
    assert_eq!((cold.objects.len(), bench.there.log().len()), (100, 23));
    assert!(bench.there.most() <= 8 + 2, "{}", bench.there.most());
    assert!(cold.objects.iter().all(|live| live.mark.as_ref().is_some_and(|mark| mark.namespace == NAMESPACE)));
    assert!(cold.objects.iter().any(|live| live.id == "d7" && live.body["widgets"] == json!(["d7"])));
    let mut text = std::fs::read_to_string(&cache).unwrap() + " ";
    std::fs::write(&cache, &text).unwrap();
    let warm = look().await;
    assert_eq!(warm, cold);
    assert_eq!(std::fs::read_to_string(&cache).unwrap(), text, "nothing is written when nothing has changed");
    let mut log = bench.there.log();
    log.sort();
    assert_eq!(log, ["GET dashboard", "GET monitor", "GET slo"]);

    bench.there.put(
        Kind::Dashboard,
        "d7",
        &marked(Kind::Dashboard, "d7", &json!({ "description": "", "widgets": ["new"] })),
    );
    let changed = look().await;
    assert_eq!(bench.there.asked("GET dashboard/"), 1);
    assert!(changed.objects.iter().any(|live| live.id == "d7" && live.body["widgets"] == json!(["new"])));

    text = std::fs::read_to_string(&cache).unwrap();
    bench.there.with(|there| there.objects.remove(&(Kind::Dashboard, "d7".to_owned())));
    assert_eq!(look().await.objects.len(), 99);
    assert!(std::fs::read_to_string(&cache).unwrap().len() < text.len(), "what is gone is not kept");
}

#[tokio::test]
async fn a_cache_that_lies_makes_nothing_ours() {
    let bench = Bench::new().await;
    bench.there.put(Kind::Dashboard, "theirs", &board("theirs"));
    bench.there.put(Kind::Dashboard, "ours", &marked(Kind::Dashboard, "ours", &board("ours")));
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("dashboards.json");
    let lie = |id: &str, at: &str, as_: &str| {
        let mut body = marked(Kind::Dashboard, as_, &board("lie"));
        body["id"] = json!(id);
        json!({ "modified_at": at, "body": body })
    };
    let entries = json!({ "theirs": lie("theirs", "t1", "theirs"), "ours": lie("ours", "t2", "another") });
    std::fs::write(&cache, json!({ "version": 1, "dashboards": entries }).to_string()).unwrap();
    let world = super::super::look(&bench.session(), NAMESPACE, Some(&cache)).await.unwrap();
    let ids: Vec<&str> = world.objects.iter().map(|live| live.id.as_str()).collect();
    assert_eq!(ids, ["ours"]);
    assert_eq!(world.objects[0].body["widgets"], json!(["ours"]));
    assert_eq!(world.objects[0].mark.as_ref().unwrap().identity, identity("ours"));
}

#[tokio::test]
async fn half_a_world_is_none() {
    for request in ["GET monitor", "GET slo", "GET dashboard", "GET dashboard/d3"] {
        let bench = fleet().await;
        bench.there.fault(request, 1, Fault::Refused(400));
        let looked = super::super::look(&bench.session(), NAMESPACE, None).await;
        assert_eq!(looked.unwrap_err().tag(), "bad_request", "{request}");
        let bench = fleet().await;
        bench.there.fault(request, 2, Fault::Lost);
        assert_eq!(bench.look().await.objects.len(), 100, "{request}: asked again");
    }
}

#[tokio::test]
async fn a_dashboard_that_goes_meanwhile_is_gone() {
    let bench = fleet().await;
    bench.there.fault("GET dashboard/d3", 1, Fault::Refused(404));
    assert_eq!(bench.look().await.objects.len(), 99);
}

/// A server that answers the first so many connections and closes all others; how many there were.
async fn silent_after(answered: usize) -> (String, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let counted = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&counted);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 4096]).await.unwrap();
            if counting.fetch_add(1, Ordering::Relaxed) < answered {
                let answer = b"HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
                tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await.unwrap();
            }
        }
    });
    (url, counted)
}

#[tokio::test]
async fn an_address_where_nobody_answers_is_soon_told_to_a_person() {
    let words = "4 times of 4; check `datadog.site`";
    for (answered, for_a_person, attempts, told) in [(0, true, 4, true), (1, true, 21, false), (0, false, 21, false)] {
        let mut bench = Bench::new().await;
        let (url, count) = silent_after(answered).await;
        bench.settings.base_url = url;
        bench.client = Client::new(&bench.settings).unwrap().with_clock(CLOCK);
        let session = if for_a_person { bench.session().for_a_person() } else { bench.session() };
        for _ in 0..answered {
            assert!(fetch(&session, Kind::Monitor, "1").await.unwrap().is_none());
        }
        let error = fetch(&session, Kind::Monitor, "1").await.unwrap_err();
        assert_eq!(count.load(Ordering::Relaxed), answered + attempts, "{error}");
        assert_eq!(error.to_string().contains(words), told, "{error}");
    }
}

/// What is listed and not told would look as if it had to be made again.
#[tokio::test]
async fn dashboards_that_are_listed_and_not_told_are_no_world() {
    let look = async |bench: &Bench| super::super::look(&bench.session(), NAMESPACE, None).await;
    let bench = fleet().await;
    bench.there.fault("GET dashboard/d3", 1, Fault::Refused(404));
    bench.there.fault("GET dashboard/d4", 1, Fault::Refused(404));
    let error = look(&bench).await.unwrap_err();
    assert!(error.tag() == "misdirected" && error.to_string().contains("2 dashboards that are not there"), "{error}");

    let bench = Bench::new().await;
    let ours = marked(Kind::Dashboard, "ours", &board("ours"));
    bench.there.put(Kind::Dashboard, "ours", &ours);
    bench.there.with(|there| there.bare = true);
    let error = look(&bench).await.unwrap_err();
    assert!(error.to_string().contains("dashboard ours is listed as ours and told without our mark"), "{error}");
}
