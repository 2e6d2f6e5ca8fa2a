//! What goes wrong on request: rules with a probability, drawn from a seed.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};

use super::dice;

/// One rule. Empty fields match everything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// `sagemaker`, `tagging`, `cloudwatch`, `logs`, `sts`, `datadog` or `github`.
    pub service: String,
    /// As in [`super::Sim::requests`], for example `GetMetricData` or `series`.
    #[serde(default)]
    pub operation: Option<String>,
    /// Twelve digits.
    #[serde(default)]
    pub account: Option<String>,
    /// What happens.
    pub kind: Fault,
    /// 0 to 1; of requests, and for `partial_data` and `internal_error` of results.
    #[serde(default = "always")]
    pub probability: f64,
    /// How often it may happen; without it, for ever.
    #[serde(default)]
    pub times: Option<u64>,
}

fn always() -> f64 {
    1.0
}

impl Rule {
    /// A rule for every request to `service`.
    #[must_use]
    pub fn new(service: &str, kind: Fault) -> Self {
        Self { service: service.to_owned(), operation: None, account: None, kind, probability: always(), times: None }
    }

    /// For this operation alone.
    #[must_use]
    pub fn on(mut self, operation: &str) -> Self {
        self.operation = Some(operation.to_owned());
        self
    }

    /// For this account alone.
    #[must_use]
    pub fn in_account(mut self, account: &str) -> Self {
        self.account = Some(account.to_owned());
        self
    }

    /// With this probability, 0 to 1.
    #[must_use]
    pub fn with_probability(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }

    /// So many times, then no more.
    #[must_use]
    pub fn at_most(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }
}

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// `ThrottlingException`.
    Throttle,
    /// This HTTP status, 500 or 503.
    ServerError(u16),
    /// The connection is closed with no answer.
    Reset,
    /// Datadog does what it is asked for and closes the connection with no answer; elsewhere as `Reset`.
    LostAnswer,
    /// The answer comes so many milliseconds late.
    Slow(u64),
    /// A result of `GetMetricData` has half of its points and the status `PartialData`, until it is asked again.
    PartialData,
    /// A result of `GetMetricData` has no points and the status `InternalError`, until it is asked again.
    InternalError,
    /// So many results a page.
    SmallPages(usize),
    /// A page with nothing on it but a token.
    EmptyPageWithToken,
    /// `AccessDeniedException`.
    AccessDenied,
    /// `ExpiredTokenException`.
    ExpiredToken,
    /// Datadog's 429 with its headers.
    RateLimited,
    /// Datadog's 403; GitHub's with the permission that it takes.
    Forbidden,
    /// GitHub's limit of an hour is used up, for so many seconds.
    HourUsedUp(u64),
    /// GitHub's limit on bursts, with or without `retry-after` in seconds.
    SecondaryLimit(Option<u64>),
    /// GitHub's 404, as for what has just been pushed; AWS's answer for a log group that somebody has deleted.
    NotFound,
    /// GitHub lists nothing, and says that this is all.
    Nothing,
}

/// The rules in force.
#[derive(Debug)]
pub struct Faults {
    seed: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<Rule>,
    draws: i64,
    fired: u64,
    /// Results that were already refused once.
    asked: HashSet<u64>,
}

/// Which request it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) service: &'a str,
    pub(super) operation: &'a str,
    pub(super) account: &'a str,
}

impl Faults {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts these rules in the place of all others.
    pub fn set(&self, rules: Vec<Rule>) {
        self.state().rules = rules;
    }

    /// Adds one rule.
    pub fn add(&self, rule: Rule) {
        self.state().rules.push(rule);
    }

    /// The rules in force, with what is left of their `times`.
    #[must_use]
    pub fn rules(&self) -> Vec<Rule> {
        self.state().rules.clone()
    }

    /// Nothing goes wrong from now on.
    pub fn clear(&self) {
        let mut state = self.state();
        state.rules.clear();
        state.asked.clear();
    }

    /// How often a rule has been applied.
    #[must_use]
    pub fn fired(&self) -> u64 {
        self.state().fired
    }

    /// What happens to a request, in the order of the rules.
    pub(super) fn of_request(&self, request: Request<'_>) -> Vec<Fault> {
        self.draw(request, |fault| !matches!(fault, Fault::PartialData | Fault::InternalError))
    }

    /// What happens to one result of `GetMetricData`; nothing when `result` was refused before.
    pub(super) fn of_result(&self, request: Request<'_>, result: u64) -> Option<Fault> {
        if self.state().rules.is_empty() {
            return None;
        }
        if self.state().asked.contains(&result) {
            return None;
        }
        let fault = self
            .draw(request, |fault| matches!(fault, Fault::PartialData | Fault::InternalError))
            .into_iter()
            .next()?;
        self.state().asked.insert(result);
        Some(fault)
    }

    fn draw(&self, request: Request<'_>, wanted: impl Fn(Fault) -> bool) -> Vec<Fault> {
        let mut state = self.state();
        let State { rules, draws, fired, .. } = &mut *state;
        let mut happening = Vec::new();
        for rule in rules {
            let matches = rule.service == request.service
                && (rule.operation.as_deref()).is_none_or(|o| o == request.operation)
                && (rule.account.as_deref()).is_none_or(|a| a == request.account)
                && wanted(rule.kind);
            if !matches || rule.times == Some(0) {
                continue;
            }
            *draws += 1;
            if dice::unit(dice::roll(self.seed, &["fault"], *draws)) >= rule.probability {
                continue;
            }
            if let Some(times) = &mut rule.times {
                *times -= 1;
            }
            *fired += 1;
            happening.push(rule.kind);
        }
        happening
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const LIST: Request<'_> = Request { service: "sagemaker", operation: "ListEndpoints", account: "111122223333" };

    #[test]
    fn a_rule_is_used_up() {
        let rules = r#"[{"service":"sagemaker","kind":"throttle","times":2},
                        {"service":"sagemaker","operation":"DescribeEndpoint","kind":{"server_error":503}}]"#;
        let faults = Faults::new(1);
        faults.set(serde_json::from_str(rules).unwrap());
        let seen: Vec<_> = (0..3).map(|_| faults.of_request(LIST)).collect();
        assert_eq!(seen, [vec![Fault::Throttle], vec![Fault::Throttle], vec![]]);
        assert_eq!(faults.fired(), 2);
    }

    #[test]
    fn a_result_is_refused_once() {
        let faults = Faults::new(1);
        faults.set(vec![Rule::new("sagemaker", Fault::PartialData)]);
        assert_eq!(faults.of_result(LIST, 9), Some(Fault::PartialData));
        assert_eq!(faults.of_result(LIST, 9), None);
        assert!(faults.of_request(LIST).is_empty());
    }
}
