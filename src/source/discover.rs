//! What is deployed: tagged resources, their tags over time, endpoints described, pipelines and stages.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::client::aws::{Aws, AwsError};
use crate::config::Settings;
use crate::model::declared::Deployed;
use crate::model::pipeline::{Finding, Pipeline};
use crate::model::resource::{Resource, ResourceKind, Scope};

pub mod declared;
pub mod epochs;
mod memory;
mod round;
mod series_tags;

pub use declared::DeclaredStage;
pub use epochs::Epoch;
pub use memory::Memory;
pub use round::Round;

/// What was found in one account and region.
#[derive(Debug, Clone)]
pub struct Inventory {
    /// Where.
    pub scope: Scope,
    /// Tagged resources of the wanted pipelines that exist, in the order of their ARNs. Endpoints that have not been
    /// described yet are among them as `Endpoint(None)`.
    pub resources: Vec<Arc<Tracked>>,
    /// What is not there any more, each with the first minute (Unix seconds) that does not belong to it: its last
    /// minutes are still read, and nothing is filled in or derived.
    pub gone: Vec<(Arc<Tracked>, i64)>,
    /// The resources, grouped.
    pub pipelines: Vec<Pipeline>,
    /// For each of them the first minute (Unix seconds) in which it has had this shape.
    pub shaped_since: Vec<i64>,
    /// Tags of the account's Textract series over time; empty when no pipeline here declares that it calls Textract.
    pub textract: Arc<[Epoch]>,
    /// Stages that pipeline files declare.
    pub declared: Vec<DeclaredStage>,
    /// What a person should look at, in order.
    pub findings: Vec<Finding>,
    /// Calls that failed; the rest is there all the same. One for each API and kind of failure.
    pub errors: Vec<AwsError>,
    /// Endpoints described in this round.
    pub described: usize,
    /// Endpoints that are still to be described in this round; 0 in its last inventory.
    pub pending: usize,
}

/// A resource and the tags of its series.
#[derive(Debug, Clone, PartialEq)]
pub struct Tracked {
    /// The resource.
    pub resource: Resource,
    /// Its series tags over time, never empty. The variant's tag is not among them.
    pub epochs: Arc<[Epoch]>,
    /// Its stage; empty when it belongs to the pipeline itself.
    pub stage: String,
}

impl Inventory {
    /// Endpoints that are there, of which nothing more is known, so that they cannot be measured.
    #[must_use]
    pub fn undescribed(&self) -> usize {
        self.resources.iter().filter(|tracked| tracked.resource.kind == ResourceKind::Endpoint(None)).count()
    }
}

impl Tracked {
    /// The tags of the minute that starts at `minute`, Unix seconds.
    #[must_use]
    pub fn tags_at(&self, minute: i64) -> &Arc<[String]> {
        epochs::at(&self.epochs, minute)
    }
}

/// One whole round: what is deployed now. Endpoints are described only when they are new or changed since `memory`.
/// `deployed` is what GitHub tells of pipelines' files. Store the memory before the inventory is used. A daemon goes
/// through a [`Round`] step by step instead.
///
/// # Errors
/// When the tagged resources could not be had. Whatever else fails is among the inventory's errors and findings.
pub async fn discover(
    aws: &Aws,
    settings: &Settings,
    deployed: &[Deployed],
    memory: &mut Memory,
    now: DateTime<Utc>,
) -> Result<Inventory, AwsError> {
    let mut round = Round::open(aws, settings, deployed, memory).await?;
    while round.pending() > 0 {
        round.step(memory).await;
    }
    Ok(round.inventory(memory, now))
}
