//! The pretend Datadog and the control surface, over plain HTTP.

use super::*;

#[tokio::test]
async fn datadog_stores_and_shows_what_it_accepted() {
    let sim = company().await;
    let http = reqwest::Client::new();
    let url = |path: &str| format!("{}{path}", sim.datadog_url());
    let post = |body: String, key: &str| {
        let request = http.post(url("/api/v2/series")).header("DD-API-KEY", key);
        request.body(body).send()
    };
    let now = MINUTE + 3_600;
    let body = format!(
        r#"{{"series":[{{"metric":"a.b","type":3,"tags":["x:1"],"points":[{{"timestamp":{now},"value":0.5}}]}}]}}"#
    );
    let status = |r: reqwest::Result<reqwest::Response>| r.unwrap().status().as_u16();
    assert_eq!(status(post(body.clone(), "wrong").await), 403);
    assert_eq!(status(post(body.clone(), "pretend-api-key").await), 202);
    assert_eq!(status(post(" ".repeat(512_001), "pretend-api-key").await), 413);
    sim.faults().add(Rule::new("datadog", Fault::RateLimited).at_most(1));
    assert_eq!(status(post(body, "pretend-api-key").await), 429);
    let keyed = |request: reqwest::RequestBuilder| {
        let request = request.header("DD-API-KEY", "pretend-api-key");
        request.header("DD-APPLICATION-KEY", "pretend-app-key").send()
    };
    let unit = |name: &str| http.put(url(&format!("/api/v1/metrics/{name}"))).body(r#"{"unit":"second"}"#);
    assert_eq!(status(keyed(unit("a.c")).await), 404);
    assert_eq!(status(keyed(unit("a.b")).await), 200);
    let query = format!("/api/v1/query?from={now}&to={now}&query=avg:a.b%7Bx:1%7D");
    let found = keyed(http.get(url(&query))).await.unwrap().text().await.unwrap();
    assert!(found.contains(&format!("[[{now}000,0.5]]")), "{found}");
    let ledger = sim.ledger();
    assert_eq!((ledger.requests, ledger.points), (1, 1));
    assert_eq!(ledger.refused, BTreeMap::from([(403, 1), (413, 1), (429, 1)]));
    sim.stop().await;
}

#[tokio::test]
async fn a_lost_answer_is_work_done() {
    let sim = company().await;
    sim.faults().add(Rule::new("datadog", Fault::LostAnswer).on("series").at_most(1));
    let body = format!(r#"{{"series":[{{"metric":"a","points":[{{"timestamp":{},"value":1}}]}}]}}"#, MINUTE + 3_600);
    let http = reqwest::Client::builder().retry(reqwest::retry::never()).build().unwrap();
    let answer = http
        .post(format!("{}/api/v2/series", sim.datadog_url()))
        .header("DD-API-KEY", "pretend-api-key")
        .body(body)
        .send()
        .await;
    assert!(answer.is_err());
    assert!(sim.ledger().knows("a"));
    sim.stop().await;
}

#[tokio::test]
async fn bodies_over_the_limit_when_decompressed_are_refused() {
    let sim = company().await;
    let zeros = zstd::encode_all(&vec![b' '; 6_000_000][..], 1).unwrap();
    let answer = reqwest::Client::new()
        .post(format!("{}/api/v2/series", sim.datadog_url()))
        .header("DD-API-KEY", "pretend-api-key")
        .header("content-encoding", "zstd")
        .body(zeros)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status().as_u16(), 413);
    sim.stop().await;
}

#[tokio::test]
async fn other_processes_steer_it() {
    let sim = company().await;
    let http = reqwest::Client::new();
    let url = |path: &str| format!("{}/_sim/{path}", sim.datadog_url());
    let send = |path: &str, body: &'static str| http.post(url(path)).body(body).send();
    let retag = r#"{"retag":{"name":"lease-page-split","key":"team","value":"Other"}}"#;
    assert_eq!(send("world", retag).await.unwrap().status().as_u16(), 204);
    let all = sim.world().resources();
    let changed = all.iter().find(|r| r.name == "lease-page-split").unwrap();
    assert_eq!(changed.tag("team"), Some("Other"));
    let rules = r#"[{"service":"sts","kind":{"slow":5},"probability":0.5}]"#;
    assert_eq!(send("faults", rules).await.unwrap().status().as_u16(), 204);
    assert_eq!(send("faults", "[{}]").await.unwrap().status().as_u16(), 400);
    assert_eq!(sim.faults().rules().len(), 1);
    assert_eq!(send("reset", "").await.unwrap().status().as_u16(), 204);
    assert!(sim.faults().rules().is_empty());
    let span = format!("truth?from={MINUTE}&to={}", MINUTE + 60);
    let truth = http.get(url(&span)).send().await.unwrap().text().await.unwrap();
    let rows = sim.world().truth(at(MINUTE), at(MINUTE + 60)).count();
    assert_eq!(truth.lines().count(), rows);
    sim.stop().await;
}
