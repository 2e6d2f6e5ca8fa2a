//! The rules in force, each of which can be switched off. The report prints them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::dora::evidence::Rule;
use crate::model::dora::id::Unit;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

/// What counts and what is a failure. Durations in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rules {
    /// Rules that are off; by default none. [`Rule::FailedUp`] has its own switch, and a person cannot be switched off.
    pub off: BTreeSet<Rule>,
    /// Failed deployment finished -> revert or hotfix finished, at most. Default 48 hours.
    pub repair_window: i64,
    /// Words that make a hotfix, in the branch, in the titles of the commits, or in a title that no pattern wrote. Whole
    /// words, in any case: `hot fix` is also `hot-fix`.
    pub hotfix_words: Vec<String>,
    /// How long after a deployment a failing endpoint speaks against it. Default 60 minutes.
    pub endpoint_window: i64,
    /// How long after a deployment an alert speaks against it. Default 60 minutes.
    pub monitor_window: i64,
    /// Monitors of this priority or a more urgent one. Default 2: P1 and P2.
    pub monitor_priority: u8,
    /// Whether a failed `up` counts, and is a failure. It is recorded in any case.
    pub failed_up_counts: bool,
    /// The deploy job's timeout: a cancelled job that ran as long has timed out. Default 360 minutes, GitHub's own.
    pub job_timeout: i64,
    /// Environments where changing from branch to branch is daily work and no evidence. Default `data_dev`.
    pub development: BTreeSet<String>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            off: BTreeSet::new(),
            repair_window: 48 * HOUR,
            hotfix_words: vec!["hotfix".to_owned(), "hot fix".to_owned()],
            endpoint_window: 60 * MINUTE,
            monitor_window: 60 * MINUTE,
            monitor_priority: 2,
            failed_up_counts: false,
            job_timeout: 360 * MINUTE,
            development: BTreeSet::from(["data_dev".to_owned()]),
        }
    }
}

impl Rules {
    /// Whether an environment is one for development, however it is spelt.
    #[must_use]
    pub fn is_development(&self, environment: &str) -> bool {
        let key = |name: &str| Unit::new("", name).key().environment;
        let environment = key(environment);
        self.development.iter().any(|name| key(name) == environment)
    }

    /// Whether a rule is in force.
    #[must_use]
    pub fn is_on(&self, rule: Rule) -> bool {
        match rule {
            Rule::FailedUp => self.failed_up_counts,
            Rule::Person => true,
            rule => !self.off.contains(&rule),
        }
    }
}
