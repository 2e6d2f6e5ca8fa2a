//! Series about logs, as they are counted of pipelines whose functions and endpoints talk.

use std::collections::BTreeSet;

use ddsync::provision::object::Kind;
use serde_json::{Value, json};

use super::{queries, stored};
use crate::scene::Scene;

const MINUTE: i64 = 60;
/// Type and value of each.
const ALL: [(&str, u8, f64); 4] =
    [("lines", 1, 20.0), ("errors", 1, 0.0), ("memory_used", 3, 200.0), ("memory_size", 3, 512.0)];

/// Follows what is there when the daemon starts, and after that leaves a clock that runs fast to the others.
pub(super) const AT_THE_START: &str = "logs: {collect: true}\nschedules: {logs: \"0 0 0 1 1 *\"}\n";

/// The same, where schedules stand elsewhere.
pub(super) const FOLLOWED: &str = "logs: {collect: true}\n";

/// Sends a point a minute of the last half hour for every pipeline that has a dashboard.
pub(super) async fn send(scene: &Scene) {
    let boards = stored(scene).into_iter().filter(|(kind, ..)| *kind == Kind::Dashboard);
    let units: BTreeSet<[String; 2]> = boards
        .filter(|(_, mark, _)| mark.identity.template == "pipeline")
        .map(|(.., body)| ["pipeline", "environment"].map(|name| queries::variables(&body)[name].clone()))
        .collect();
    let now = scene.sim.clock().now().timestamp().div_euclid(MINUTE) * MINUTE;
    let series = units.iter().flat_map(|[pipeline, environment]| {
        ALL.map(|(name, kind, value)| {
            let own = ["team:docs", "stage:reader", "function:reader", "error_class:other"].map(str::to_owned);
            let env = environment.replace("environment:", "env:");
            let tags: Vec<String> = [pipeline.clone(), environment.clone(), env].into_iter().chain(own).collect();
            let points: Vec<Value> =
                (2..30).map(|back| json!({"timestamp": now - back * MINUTE, "value": value})).collect();
            let metric = format!("mlpipeline.logs.{name}");
            json!({"metric": metric, "type": kind, "interval": MINUTE, "tags": tags, "points": points})
        })
    });
    for part in series.collect::<Vec<_>>().chunks(100) {
        super::send(scene, &json!({ "series": part })).await;
    }
}
