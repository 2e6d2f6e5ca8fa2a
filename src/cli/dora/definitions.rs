//! The definitions in force, in words.

use serde::Serialize;

use crate::model::dora::{Rule, Rules, span};

/// What a word in the report means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Definition {
    pub(super) term: String,
    pub(super) means: String,
}

pub(super) fn definitions(rules: &Rules) -> Vec<Definition> {
    let define = |term: &str, means: &str| Definition { term: term.to_owned(), means: means.to_owned() };
    let mut all = vec![
        define(
            "deployment",
            "an `up` that reached the environment, at the end of its deploy job; a `preview` never counts, a `destroy` is \
             a kind of its own, and a re-run that succeeds again is no other deployment",
        ),
        define("failed up", failed_up(rules)),
        define(
            "cancelled",
            &format!(
                "recorded, and does not count, unless a person says that it failed; after {} it has timed out, and failed",
                span(rules.job_timeout)
            ),
        ),
        define("deployment frequency", "deployments; a week: 7 x deployments / days of the window"),
        define(
            "change lead time",
            "of each commit that a deployment brought to this pipeline since the previous one: from its author date to \
             the end of the deployment; merges are left out",
        ),
        define("change failure rate", failure_rate(rules)),
    ];
    all.extend(failures(rules).map(|(rule, means)| {
        let means = if rules.is_on(rule) { means } else { "off".to_owned() };
        define(&format!("failed by {}", rule.name()), &means)
    }));
    if !rules.development.is_empty() {
        let names: Vec<&str> = rules.development.iter().map(String::as_str).collect();
        let means = "only deployments of the same branch are compared, and a hotfix says nothing";
        all.push(define("development", &format!("in {} {means}", names.join(", "))));
    }
    all.extend([
        define(
            "recovery time",
            "from the end of a failed deployment to the end of the first later one that did not fail, from its remediation \
             on where one is known; what is open is in no median",
        ),
        define("rework rate", "deployments that were the rollback, revert or hotfix of a failure / deployments"),
        define("median, p90", "linear between the two nearest (type 7, as numpy does), in whole seconds"),
    ]);
    all
}

fn failed_up(rules: &Rules) -> &'static str {
    if rules.failed_up_counts {
        "a failure; in the change failure rate and the recovery time, not in the other metrics"
    } else {
        "recorded, and does not count, unless a person says that it failed"
    }
}

fn failure_rate(rules: &Rules) -> &'static str {
    if rules.failed_up_counts {
        "failed deployments and failed ups / deployments and failed ups"
    } else {
        "failed deployments / deployments; an up that a person says failed is in both"
    }
}

fn failures(rules: &Rules) -> impl Iterator<Item = (Rule, String)> {
    let repair = span(rules.repair_window);
    let words: Vec<String> = rules.hotfix_words.iter().map(|word| format!("{word:?}")).collect();
    let priority = match rules.monitor_priority {
        1 => "P1".to_owned(),
        2 => "P1 or P2".to_owned(),
        most => format!("P1 to P{most}"),
    };
    let all = [
        (Rule::Rollback, "the next deployment went back to an earlier commit or version".to_owned()),
        (Rule::Revert, format!("a later one reverted one of its commits within {repair}")),
        (Rule::Hotfix, format!("the next one was a hotfix within {repair}: called {}", words.join(" or "))),
        (Rule::Endpoint, format!("an endpoint failed or rolled back within {}", span(rules.endpoint_window))),
        (Rule::Monitor, format!("a {priority} monitor alerted within {}", span(rules.monitor_window))),
        (Rule::Person, "a person says so; the last word of one beats all rules".to_owned()),
    ];
    all.into_iter()
}
