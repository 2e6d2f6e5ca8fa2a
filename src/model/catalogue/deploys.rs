//! Series about deployments: worked out from the ledger, each with what Datadog shows of it.

use crate::model::series::Kind;

/// A series about deployments. Every one carries the tags of [`DeployMetric::tags`] and no others. All but [`Self::Runs`]
/// are of one pipeline in one environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeployMetric {
    /// Deployments by how they ended, at the second in which they did; tag `result`.
    Count,
    /// n of the change failure rate.
    Deployments,
    /// k of the change failure rate.
    Failures,
    /// Deployments a day.
    Frequency,
    /// Median of the lead times.
    LeadTimeP50,
    /// 90th percentile of the lead times.
    LeadTimeP90,
    /// k / n.
    ChangeFailureRate,
    /// Median of the recovery times.
    RecoveryTimeP50,
    /// Rollbacks, reverts and hotfixes among the deployments.
    ReworkRate,
    /// How long ago the newest `up` ended.
    LastAge,
    /// Whether that one failed.
    LastFailed,
    /// Runs of all workflows by whether it is known what they deployed; tag `attribution`.
    Runs,
}

/// Days of the windows that gauges are about.
pub const WINDOWS: [u32; 3] = [7, 28, 90];

/// Values of the tag `result`.
pub const RESULTS: [&str; 4] = ["succeeded", "failed", "cancelled", "destroyed"];

/// Values of the tag `attribution`.
pub const ATTRIBUTIONS: [&str; 3] = ["attributed", "unattributed", "pending"];

/// Tags of those about one pipeline in one environment.
const UNIT: [&str; 5] = ["pipeline", "environment", "env", "team", "window"];

impl DeployMetric {
    /// Every one, in the order of the reference.
    pub const ALL: [Self; 12] = [
        Self::Count,
        Self::Deployments,
        Self::Failures,
        Self::Frequency,
        Self::LeadTimeP50,
        Self::LeadTimeP90,
        Self::ChangeFailureRate,
        Self::RecoveryTimeP50,
        Self::ReworkRate,
        Self::LastAge,
        Self::LastFailed,
        Self::Runs,
    ];

    /// The name in Datadog.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Count => "mlpipeline.deploy.count",
            Self::Deployments => "mlpipeline.deploy.deployments",
            Self::Failures => "mlpipeline.deploy.failures",
            Self::Frequency => "mlpipeline.deploy.frequency",
            Self::LeadTimeP50 => "mlpipeline.deploy.lead_time.p50",
            Self::LeadTimeP90 => "mlpipeline.deploy.lead_time.p90",
            Self::ChangeFailureRate => "mlpipeline.deploy.change_failure_rate",
            Self::RecoveryTimeP50 => "mlpipeline.deploy.recovery_time.p50",
            Self::ReworkRate => "mlpipeline.deploy.rework_rate",
            Self::LastAge => "mlpipeline.deploy.last_age",
            Self::LastFailed => "mlpipeline.deploy.last_failed",
            Self::Runs => "mlpipeline.deploy.runs",
        }
    }

    /// How it adds up.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Count => Kind::Count,
            _ => Kind::Gauge,
        }
    }

    /// Datadog's word for its unit; empty for none.
    #[must_use]
    pub const fn datadog_unit(self) -> &'static str {
        match self {
            Self::LeadTimeP50 | Self::LeadTimeP90 | Self::RecoveryTimeP50 | Self::LastAge => "second",
            Self::ChangeFailureRate | Self::ReworkRate => "percent",
            Self::Count | Self::Deployments | Self::Failures | Self::Frequency | Self::LastFailed | Self::Runs => "",
        }
    }

    /// Keys of its tags: those of the unit, and `window` (`7d`, `28d`, `90d`) or `result`; or `attribution` and `window`.
    #[must_use]
    pub const fn tags(self) -> &'static [&'static str] {
        match self {
            Self::Count => &["pipeline", "environment", "env", "team", "result"],
            Self::LastAge | Self::LastFailed => UNIT.split_at(4).0,
            Self::Runs => &["attribution", "window"],
            _ => &UNIT,
        }
    }

    /// Series of so many pipelines, each in one environment, at most.
    #[must_use]
    pub const fn series(self, pipelines: usize) -> usize {
        match self {
            Self::Count => RESULTS.len() * pipelines,
            Self::LastAge | Self::LastFailed => pipelines,
            Self::Runs => ATTRIBUTIONS.len() * WINDOWS.len(),
            _ => WINDOWS.len() * pipelines,
        }
    }

    /// One sentence for the reference.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Count => {
                "Deployments by `result`: succeeded, failed, cancelled, destroyed; at the second in which they ended."
            }
            Self::Deployments => "Deployments of the window that count in the change failure rate: its n.",
            Self::Failures => "Failures among the deployments of the window: the change failure rate's k.",
            Self::Frequency => "Deployments a day over the window.",
            Self::LeadTimeP50 => "Median time from a commit to its deployment; absent when none is known.",
            Self::LeadTimeP90 => {
                "90th percentile of the time from a commit to its deployment; absent when none is known."
            }
            Self::ChangeFailureRate => "Share of the window's deployments that failed; absent when there are none.",
            Self::RecoveryTimeP50 => {
                "Median time from a failed deployment to what put it right; absent when nothing did."
            }
            Self::ReworkRate => {
                "Share of the window's deployments that put a failure right; absent when there are none."
            }
            Self::LastAge => "Age of the newest `up` that ended; absent after a destroy.",
            Self::LastFailed => "1 while that `up` failed or is held to be a failure, else 0.",
            Self::Runs => "Runs of the window by `attribution`: attributed, pending, unattributed.",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::catalogue::PREFIX;

    #[test]
    fn names_are_distinct_and_below_one_prefix() {
        let names: BTreeSet<&str> = DeployMetric::ALL.iter().map(|metric| metric.name()).collect();
        assert_eq!(names.len(), DeployMetric::ALL.len());
        assert!(names.iter().all(|name| name.starts_with(&format!("{PREFIX}deploy."))));
    }

    #[test]
    fn what_is_about_a_window_says_which() {
        for metric in DeployMetric::ALL {
            let windowed = metric.tags().contains(&"window");
            let alone = matches!(metric, DeployMetric::Count | DeployMetric::LastAge | DeployMetric::LastFailed);
            assert_eq!(windowed, !alone, "{metric:?}");
            let of_unit = metric.tags().starts_with(&["pipeline", "environment", "env", "team"]);
            assert_eq!(of_unit, metric != DeployMetric::Runs, "{metric:?}");
        }
    }
}
