//! The daemon when something is wrong: what fails is named, everything else goes on, nothing is lost.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use ddsync::{
    model::tag::tag,
    sim::{Fault, Rule, Sim, company},
};

use crate::{
    process::{Place, wait_for},
    scene::morning,
    truth::{self, Span},
};

mod deploys;

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_refused_is_named_and_stops_no_other() {
    let place = Place::open(31, morning(), 120.0, "").await;
    let clock = place.sim.clock();
    let refused = Rule::new("cloudwatch", Fault::AccessDenied).on("GetMetricData").in_account(company::DEVELOPMENT);
    place.sim.faults().add(refused);
    let mut process = place.start(&[], &[]);
    let of_production = |tier| place.committed(tier).into_iter().filter(|minute| *minute > 0).count();
    wait_for("nothing is committed", async || of_production("hot") + of_production("warm") >= 2).await;
    let from = clock.now().timestamp() - 14 * 60;
    wait_for("it stays ready", async || process.get("/readyz").await.0 == 503).await;
    place.pass(TimeDelta::minutes(24)).await;

    let (_, reasons) = process.get("/readyz").await;
    // On a busy machine the past of deployments may not be read yet.
    let about: Vec<&str> = reasons.lines().filter(|line| !line.starts_with("deploys has not run yet")).collect();
    assert_eq!(about.len(), 2, "{reasons}");
    assert!(
        about.iter().all(|line| line.contains("data_dev") && line.contains("cloudwatch:GetMetricData")),
        "{reasons}"
    );
    assert_eq!(process.get("/livez").await.0, 200);
    let status = process.status().await;
    let jobs = status["jobs"].as_array().expect("jobs");
    for job in jobs.iter().filter(|job| job["job"] == "hot" || job["job"] == "warm") {
        let denied = job["account"] == "data_dev";
        assert_eq!(job["last_error"]["tag"] == "access_denied", denied, "{job}");
        assert_eq!(job["consecutive_failures"].as_u64().expect("a count") > 2, denied, "{job}");
        assert!(denied || job["lag_seconds"].as_i64().expect("a lag") < 12 * 60, "{job}");
    }

    process.signal("TERM");
    assert_eq!(process.ends().await, Some(0), "{}", process.log());
    let span = Span { from, stopped: clock.now().timestamp() };
    truth::compare(&place.sim, span, |r| r.account == company::PRODUCTION).assert_none("");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_loses_nothing_until_the_right_one_comes() {
    let place = Place::open(32, morning(), 120.0, "").await;
    let clock = place.sim.clock();
    let mut process = place.start(&["--for", "25m", "--json"], &[("DD_API_KEY", "mistyped")]);
    wait_for("no place to begin is kept", async || place.checkpoints() == 4).await;
    let from = clock.now().timestamp() - 15 * 60;
    // Before that it may be unready for what has not run yet.
    wait_for("no job names the key", async || process.get("/readyz").await.1.contains("DD_API_KEY")).await;
    assert_eq!(process.get("/readyz").await.0, 503);
    process.ends().await;
    let told = process.printed();
    assert_eq!(told["points"]["accepted"], 0, "{told}");
    assert!(told["points"]["pending"].as_u64().expect("a count") > 1000, "{told}");
    assert!(place.sim.ledger().series.is_empty());
    assert!(!process.log().contains("mistyped"), "a key is in the log");

    let mut process = place.start(&[], &[]);
    place.pass(TimeDelta::minutes(24)).await;
    process.signal("TERM");
    assert_eq!(process.ends().await, Some(0), "{}", process.log());
    let span = Span { from, stopped: clock.now().timestamp() };
    truth::compare(&place.sim, span, |_| true).assert_none(&process.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_point_is_accounted_for_under_faults() {
    let place = Place::open(33, morning(), 120.0, "").await;
    let rule = |service, kind, probability| Rule::new(service, kind).with_probability(probability);
    place.sim.faults().set(vec![
        rule("cloudwatch", Fault::Throttle, 0.1),
        rule("cloudwatch", Fault::PartialData, 0.01),
        rule("datadog", Fault::ServerError(500), 0.2),
        rule("datadog", Fault::Reset, 0.1),
        rule("datadog", Fault::LostAnswer, 0.1),
        rule("datadog", Fault::Forbidden, 0.1),
    ]);
    let mut process = place.start(&["--for", "20m", "--json"], &[]);
    process.ends().await;
    let told = process.printed();
    let points = |fate: &str| told["points"][fate].as_u64().expect("a count");
    let fates = ["unchanged", "accepted", "refused", "too_old", "pending"];
    assert_eq!(points("collected"), fates.into_iter().map(points).sum::<u64>(), "{told}");
    let origin = |from: &str| told["origin"][from].as_u64().expect("a count");
    assert_eq!(points("collected"), ["read", "filled", "derived"].into_iter().map(origin).sum::<u64>(), "{told}");
    assert!(points("accepted") > 1000 && points("pending") > 0 && points("refused") == 0, "{told}");
    let ledger = place.sim.ledger();
    let received: u64 = ledger.points;
    let theirs: usize =
        ledger.series.iter().filter(|(s, _)| s.metric.starts_with("mlpipeline.")).map(|(_, p)| p.len()).sum();
    assert!(received >= points("accepted") && theirs > 1000, "{received} received");
}

/// First and last minute, by metric, of what carries a tag.
fn spans(sim: &Sim, wanted: &[String]) -> BTreeMap<String, (i64, i64)> {
    let ledger = sim.ledger();
    let carries = ledger.series.iter().filter(|(series, _)| wanted.iter().all(|tag| series.tags.contains(tag)));
    let mut spans: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for (series, points) in carries {
        let (Some(first), Some(last)) = (points.keys().next(), points.keys().last()) else { continue };
        let span = spans.entry(series.metric.clone()).or_insert((*first, *last));
        *span = (span.0.min(*first), span.1.max(*last));
    }
    spans
}

#[tokio::test(flavor = "multi_thread")]
async fn no_old_minute_comes_under_new_tags() {
    let place = Place::open(34, morning(), 120.0, "").await;
    let mut process = place.start(&[], &[]);
    wait_for("nothing is committed", async || place.checkpoints() == 4).await;
    place.pass(TimeDelta::minutes(8)).await;
    let world = place.sim.world();
    assert!(world.retag("lease-table-reader", "team", Some("Claims")));
    assert!(world.retag("lease-clause-tagger", "pipeline", Some("Clauses")));
    assert!(world.retag("lease-page-split", "model", Some("splitter")));
    place.pass(TimeDelta::minutes(3)).await;
    // The memory of what was sent is gone, and all is read again.
    process.kill();
    let mut process = place.start(&[], &[]);
    place.pass(TimeDelta::minutes(12)).await;
    process.signal("TERM");
    assert_eq!(process.ends().await, Some(0), "{}", process.log());

    truth::assert_one_set_of_tags(&place.sim);
    for (endpoint, key, before, after) in [
        ("lease-table-reader", "team", "Docs", "Claims"),
        ("lease-clause-tagger", "pipeline", "Lease", "Clauses"),
        ("lease-page-split", "stage", "page-split", "splitter"),
    ] {
        for account in [company::DEVELOPMENT, company::PRODUCTION] {
            let of =
                |value| spans(&place.sim, &[tag("aws_account", account), tag("endpoint", endpoint), tag(key, value)]);
            let (old, new) = (of(before), of(after));
            assert!(new.len() > 10, "{new:?}");
            for (metric, (first, _)) in &new {
                let (_, last) = old[metric];
                assert!(last < *first, "{metric} of {endpoint}: new tags at {first}, old ones at {last}");
            }
            let backlog = "mlpipeline.endpoint.backlog.max";
            assert_eq!(old[backlog].1 + 60, new[backlog].0, "a gap");
        }
    }
    // What the pipeline as a whole said of a minute stays said.
    for (series, points) in &place.sim.ledger().series {
        if series.metric.starts_with("mlpipeline.pipeline.") {
            for (minute, kept) in points {
                assert_eq!(kept.values.len(), 1, "{series:?} at {minute}: {:?}", kept.values);
            }
        }
    }
    let stages = |value: &str| spans(&place.sim, &[tag("pipeline", "Lease"), tag("stage", value)]);
    let bottleneck = "mlpipeline.pipeline.bottleneck";
    assert!(stages("page-split")[bottleneck].1 < stages("splitter")[bottleneck].0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_appears_is_measured_in_minutes_and_what_goes_leaves_no_errors() {
    let place = Place::open(35, morning(), 120.0, "").await;
    let clock = place.sim.clock();
    let process = place.start(&[], &[]);
    wait_for("nothing is committed", async || place.checkpoints() == 4).await;
    let endpoint = tag("endpoint", "Leases-reader");
    let backlog = || spans(&place.sim, std::slice::from_ref(&endpoint)).get("mlpipeline.endpoint.backlog.max").copied();
    let appeared = clock.now();
    place.sim.world().add_pipeline(company::PRODUCTION, "Leases", appeared);
    wait_for("it is not measured", async || backlog().is_some()).await;
    let took = clock.now() - appeared;
    assert!(took < TimeDelta::minutes(8), "{took}");
    place.pass(TimeDelta::minutes(10)).await;
    let gone = clock.now();
    assert!(place.sim.world().delete("Leases-reader", gone));
    place.pass(TimeDelta::minutes(12)).await;

    let (first, last) = backlog().expect("a backlog");
    assert!(first < appeared.timestamp() + 90, "its first minute is there");
    assert!(last < gone.timestamp() && last >= gone.timestamp() - 60, "and its last, and none after it");
    let held: BTreeSet<i64> = place
        .sim
        .ledger()
        .series
        .iter()
        .filter(|(s, _)| s.metric == "mlpipeline.endpoint.backlog.max" && s.tags.contains(&endpoint))
        .flat_map(|(_, points)| points.keys().copied().collect::<Vec<_>>())
        .collect();
    assert_eq!(held.len(), usize::try_from((last - first) / 60 + 1).expect("a count"), "and all between them");
    let status = process.status().await;
    for job in status["jobs"].as_array().expect("jobs") {
        assert_eq!(job["failures"], 0, "{job}");
    }
    // On a fast clock a job may be due again while it runs.
    let log = process.log();
    let mut lines = log.lines().filter(|line| !line.contains("still running when due again"));
    assert!(lines.all(|line| !line.contains("\"ERROR\"") && !line.contains("\"WARN\"")), "{log}");
    assert_eq!(process.get("/readyz").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn near_a_budget_the_warm_tier_is_slowed_then_metrics_are_given_up_visibly() {
    let place = Place::open(36, morning(), 120.0, "").await;
    let limited = |dollars: f64| format!("limits: {{cloudwatch_dollars_per_month: {dollars:.2}}}\n");
    let budget = async |configuration: &str| {
        place.configure(configuration);
        let process = place.start(&[], &[]);
        let described = async || process.status().await["extra"]["budget"]["dollars"].as_f64() > Some(10.0);
        wait_for("no budget is told", described).await;
        place.pass(TimeDelta::minutes(4)).await;
        (process.status().await["extra"]["budget"].clone(), process.log())
    };
    let degraded = || {
        let ledger = place.sim.ledger();
        let of = ledger.series.iter().filter(|(series, _)| {
            series.metric == "ddsync.budget.degraded" && series.tags.contains(&"budget:cloudwatch_dollars".to_owned())
        });
        of.flat_map(|(_, points)| points.clone()).max_by_key(|(at, _)| *at).map(|(_, kept)| kept.value)
    };

    let (told, _) = budget("").await;
    let everything = told["dollars"].as_f64().expect("dollars");
    assert_eq!((&told["warm_every"], &told["given_up"]), (&300.into(), &serde_json::json!([])), "{told}");
    assert_eq!(degraded(), None, "without a limit there is nothing to tell");

    let (told, log) = budget(&limited(everything * 0.95)).await;
    assert_eq!((&told["warm_every"], &told["given_up"]), (&600.into(), &serde_json::json!([])), "{told}");
    assert_eq!(degraded(), Some(1.0));
    assert!(log.contains("fitted to `limits`"), "{log}");

    let (told, log) = budget(&limited(everything * 0.6)).await;
    let given_up: Vec<&str> = told["given_up"].as_array().expect("names").iter().filter_map(|n| n.as_str()).collect();
    assert!(told["warm_every"] == 900 && !given_up.is_empty() && told["within"] == true, "{told}");
    assert_eq!(given_up[0], "mlpipeline.instance.disk_utilization", "the first of the documented order");
    assert!(
        !given_up.contains(&"mlpipeline.endpoint.backlog") && given_up.iter().all(|name| log.contains(name)),
        "{log}"
    );
    assert!(told["dollars"].as_f64() < Some(everything * 0.6), "{told}");

    let (told, _) = budget(&limited(1.0)).await;
    assert_eq!(told["within"], false, "the backlog is never given up: {told}");
}
