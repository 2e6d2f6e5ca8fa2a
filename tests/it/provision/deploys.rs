//! Series about deployments, as they are sent of pipelines that are deployed often and well.

use std::collections::BTreeSet;

use ddsync::provision::object::Kind;
use serde_json::{Value, json};

use super::{queries, stored};
use crate::scene::Scene;

const MINUTE: i64 = 60;
/// For each window: of these the value.
const OF_WINDOWS: [(&str, f64); 8] = [
    ("deployments", 20.0),
    ("failures", 2.0),
    ("frequency", 0.7),
    ("lead_time.p50", 7_200.0),
    ("lead_time.p90", 90_000.0),
    ("change_failure_rate", 10.0),
    ("recovery_time.p50", 1_800.0),
    ("rework_rate", 10.0),
];
const NEWEST: [(&str, f64); 2] = [("last_age", 3_000.0), ("last_failed", 0.0)];
const RESULTS: [&str; 4] = ["succeeded", "failed", "cancelled", "destroyed"];

/// Sends a point a minute of the last half hour for every pipeline that has a dashboard, and a deployment of each kind.
pub(super) async fn send(scene: &Scene) {
    let boards = stored(scene).into_iter().filter(|(kind, ..)| *kind == Kind::Dashboard);
    let units: BTreeSet<[String; 2]> = boards
        .filter(|(_, mark, _)| mark.identity.template == "pipeline")
        .map(|(.., body)| ["pipeline", "environment"].map(|name| queries::variables(&body)[name].clone()))
        .collect();
    assert!(units.len() > 5, "{units:?}");
    let now = scene.sim.clock().now().timestamp().div_euclid(MINUTE) * MINUTE;
    let minutes: Vec<i64> = (0..30).map(|back| now - back * MINUTE).collect();
    let mut all: Vec<Value> = Vec::new();
    for [pipeline, environment] in &units {
        let env = environment.replace("environment:", "env:");
        let mut series = |name: &str, kind: u8, value: f64, more: Option<String>, minutes: &[i64]| {
            let own = [pipeline, environment, &env].map(String::clone).into_iter().chain(["team:docs".to_owned()]);
            let tags: Vec<String> = own.chain(more).collect();
            let points: Vec<Value> = minutes.iter().map(|at| json!({"timestamp": at, "value": value})).collect();
            let metric = format!("mlpipeline.deploy.{name}");
            all.push(json!({"metric": metric, "type": kind, "interval": MINUTE, "tags": tags, "points": points}));
        };
        for window in ["7d", "28d", "90d"] {
            for (name, value) in OF_WINDOWS {
                series(name, 3, value, Some(format!("window:{window}")), &minutes);
            }
        }
        for (name, value) in NEWEST {
            series(name, 3, value, None, &minutes);
        }
        for result in RESULTS {
            series("count", 1, 1.0, Some(format!("result:{result}")), &minutes[5..6]);
        }
    }
    for attribution in ["attributed", "unattributed", "pending"] {
        let points: Vec<Value> = minutes.iter().map(|at| json!({"timestamp": at, "value": 3.0})).collect();
        let tags = [format!("attribution:{attribution}"), "window:28d".to_owned()];
        all.push(
            json!({"metric": "mlpipeline.deploy.runs", "type": 3, "interval": MINUTE, "tags": tags, "points": points}),
        );
    }
    for part in all.chunks(100) {
        super::send(scene, &json!({ "series": part })).await;
    }
}
