//! What discovery itself measures: the state of endpoints. Pure.

use crate::model::resource::ResourceKind;
use crate::model::series::Series;
use crate::model::tag::tag;
use crate::source::discover::{DeclaredStage, Inventory};
use crate::source::metrics::window::floor;

/// One value for each endpoint and variant, at the current minute.
pub(super) fn series(inventory: &Inventory, now: i64) -> Vec<Series> {
    let minute = floor(now);
    let mut series = Vec::new();
    for tracked in &inventory.resources {
        let ResourceKind::Endpoint(Some(endpoint)) = &tracked.resource.kind else { continue };
        let tags = |more: Option<String>| tracked.tags_at(minute).iter().cloned().chain(more).collect::<Vec<_>>();
        let mut say = |name, unit, more, value| series.push(Series::gauge(name, unit, tags(more), minute, value));
        say("mlpipeline.endpoint.status", "", Some(tag("status", &endpoint.status)), 1.0);
        say("mlpipeline.endpoint.in_service", "", None, f64::from(u8::from(endpoint.in_service())));
        for variant in &endpoint.variants {
            if let Some(desired) = variant.desired {
                let name = "mlpipeline.endpoint.instances_desired";
                say(name, "instance", Some(tag("variant", &variant.name)), f64::from(desired));
            }
        }
    }
    series.extend(inventory.declared.iter().filter_map(|declared| of_declared(inventory, declared, minute)));
    series
}

/// Whether a stage that a pipeline file declares is missing.
fn of_declared(inventory: &Inventory, declared: &DeclaredStage, minute: i64) -> Option<Series> {
    let pipeline = inventory.pipelines.get(declared.pipeline)?;
    let mut ids = inventory.resources.iter().map(|tracked| tracked.resource.account_id());
    let tags = vec![
        tag("pipeline", &pipeline.name),
        tag("environment", &pipeline.environment),
        tag("env", &pipeline.environment),
        tag("team", pipeline.team.as_deref().unwrap_or_default()),
        tag("stage", &declared.stage),
        tag("aws_account", ids.find(|id| !id.is_empty()).unwrap_or_default()),
        tag("region", &inventory.scope.region),
    ];
    Some(Series::gauge("mlpipeline.stage.missing", "", tags, minute, f64::from(u8::from(declared.missing))))
}
