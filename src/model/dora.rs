//! The mathematics of DORA: what a deployment is, when it failed, and the five metrics.
//!
//! Pure, in four steps. [`Pattern`] reads a run's title into a [`Call`]. Facts about runs, deployments, commits, alerts
//! and people's words come in any order, any number of times, and [`Ledger`] joins them. [`Ledger::judge`] follows each
//! [`Unit`] through time under the [`Rules`] and says of each deployment whether it counts and whether it failed.
//! [`report()`] counts.
//!
//! What is stored are facts; what is concluded (previous deployment, lead time, failure, remediation) is worked out anew
//! each time, so that a late fact undoes an earlier conclusion by itself. All times are Unix seconds, all durations
//! seconds.

mod commits;
mod deployment;
mod evidence;
mod explain;
mod id;
mod judge;
mod ledger;
mod metrics;
mod pattern;
mod percentile;
mod report;
mod rules;
mod timeline;
mod trial;

pub use commits::{Change, Changes, Comparison, Lead, LeadTime, NoLead, Question, Relation, Reverted, reverts};
pub use deployment::{
    Attempt, AttemptState, Attribution, Commit, CommitSource, Deployment, Entry, Life, NoCommit, Origin, Remedied, Run,
    RunState, Sent, Verdict, Word,
};
pub use evidence::{Evidence, Rule, Signal, SignalKind};
pub use explain::{About, Reason, span};
pub use id::{Action, DeploymentId, MAX_ID, Unit, UnitKey};
pub use judge::{Judged, Recovery, Standing};
pub use ledger::{Fact, Ledger, Seconds};
pub use metrics::{Durations, Ended, Frequency, LeadTimes, Metrics, Observation, Rate, Recoveries, Week, metrics};
pub use pattern::{Call, JOB_NAME, Pattern, TITLE};
pub use percentile::percentile;
pub use report::{Honesty, Report, UnitMetrics, Window, honesty, report};
pub use rules::Rules;
pub use timeline::{Outcome, state};

#[cfg(test)]
pub(crate) mod tests;
