//! Deployments to Datadog: its DORA product, a marker on dashboards for each, and the series about them.
//!
//! What goes where:
//!
//! | of a deployment | DORA product | marker | series |
//! |---|---|---|---|
//! | an `up` that reached the environment | yes | yes | yes |
//! | an `up` that failed | when it counts, see [`crate::model::dora::Standing`] | yes: it may be half applied | `result:failed` |
//! | an `up` that was cancelled | when a person says that it failed | likewise | `result:cancelled` |
//! | a `destroy` that succeeded | no: its product knows deployments only | yes | `result:destroyed` |
//! | a `preview`, a `destroy` that did not succeed, and what has not ended | no | no | no |
//!
//! [`deliver()`] asks what Datadog has before it sends, since nothing is told of an id that is sent twice, and returns what
//! Datadog said yes to as [`crate::model::dora::Fact::Life`]: save those. When they are lost, or an answer was, the next
//! delivery finds what is there. So a service and a second are never used twice, and nothing is sent twice.
//!
//! In development neither commit nor version goes along: from `main` to a branch and back would be a rollback to Datadog,
//! which compares commits and, without them, versions.
//! <https://docs.datadoghq.com/dora_metrics/change_failure_detection/>
//!
//! What Datadog was told to be a remediation cannot be taken back by documented means: it goes with the mark.

mod body;
mod compare;
mod decide;
mod deliver;
mod listed;
mod marker;
mod run;
mod series;

pub use compare::{Differences, compare};
pub use decide::undelivered;
pub use deliver::{Delivery, Request, deliver};
pub use series::series;

#[cfg(test)]
mod tests;
