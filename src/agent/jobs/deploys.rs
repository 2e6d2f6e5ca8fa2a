//! The deploys job: what GitHub, Datadog's monitors, endpoints and people say of deployments, to Datadog.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::{Failure, Jobs, Summary, count, endpoint_signals, lock, of_datadog, of_state};
use crate::agent::deploys::{Asked, Collected, Following, To};
use crate::client::datadog::SendError;
use crate::client::github::Client;
use crate::clock::Clock;
use crate::config::settings::GitHub;
use crate::model::dora::Signal;
use crate::provision::apply::link as page;
use crate::provision::object::{Kind, Mark};
use crate::sink::dora::{Delivery, series};
use crate::source::alerts::{Alerts, alerts};
use crate::source::deploys::{self, Stopped, Unfit, What};
use crate::telemetry::Name;

/// How long GitHub is asked in one run. The next one goes on where it ended.
const WITHIN: TimeDelta = TimeDelta::seconds(90);

/// In real time at least so long: on a fast clock a round would end before it has listed the runs, again and again.
const WITHIN_REAL: Duration = Duration::from_secs(20);

/// How far back alerts are read: at first as far as deployments are, then again and again what may have come late.
const FIRST_ALERTS: TimeDelta = TimeDelta::days(30);
const ALERTS_AGAIN: TimeDelta = TimeDelta::hours(2);

/// Deployments sent in one run.
const MOST: usize = 500;

/// What the deploys job knows between runs.
pub(super) struct Followed {
    following: Following,
    /// `None` while no client can be made.
    client: Option<Client>,
    /// Requests that have been counted.
    requests: u64,
    /// Until when alerts have been read.
    alerts_until: Option<DateTime<Utc>>,
    /// What the last run complained of, so that it is not said again and again.
    told: BTreeSet<String>,
}

impl Jobs {
    /// Collects, judges, delivers. What fails stops only itself, except the state: what cannot be kept is not sent.
    pub(super) async fn deploys(&self) -> Result<Summary, Failure> {
        let Some(github) = &self.settings.github else { return Ok(Summary::default()) };
        let mut held = self.followed.lock().await;
        if held.is_none() {
            *held = Some(self.follow().await?);
        }
        let Some(followed) = held.as_mut() else { return Ok(Summary::default()) };
        let mut problems = Problems::default();
        let heard = followed.following.hear(&self.store).await.map_err(|error| of_state(&error))?;
        let mut complaints: BTreeSet<String> = heard.troubles.iter().map(ToString::to_string).collect();
        let collected = self.look(github, followed, &mut problems, &mut complaints).await?;
        followed.tell(complaints);
        let mut signals = self.endpoints();
        let alerts = self.alerts(followed, &mut problems).await;
        let silent = alerts.unplaced + alerts.without_priority;
        signals.extend(alerts.signals);
        let facts = signals.into_iter().map(crate::model::dora::Fact::Signal).collect();
        followed.following.observe(&self.store, facts).await.map_err(|error| of_state(&error))?;
        let delivery = self.bring(followed, &mut problems).await?;
        self.send_deploy_series(&followed.following, &mut problems).await;
        lock(&self.totals).deployed(&collected, &delivery);
        problems.into_failure().map_or_else(
            || Ok(Summary { watermark: followed.following.looked_at(), note: note(&collected, &delivery, silent) }),
            Err,
        )
    }

    /// What the state has. What was corrupt in it is told.
    async fn follow(&self) -> Result<Followed, Failure> {
        let following = Following::load(&self.store, self.clock.now()).await.map_err(|error| of_state(&error))?;
        for part in following.set_aside() {
            tracing::error!(key = %part.object, place = %part.words, "state was corrupt, it was set aside and is begun anew");
        }
        Ok(Followed { following, client: None, requests: 0, alerts_until: None, told: BTreeSet::new() })
    }

    async fn look(
        &self,
        github: &GitHub,
        followed: &mut Followed,
        problems: &mut Problems,
        complaints: &mut BTreeSet<String>,
    ) -> Result<Collected, Failure> {
        if followed.client.is_none() {
            match Client::new(github) {
                Ok(client) => {
                    let client = client.with_clock(self.clock).with_cache(followed.following.answers());
                    followed.client = Some(client);
                }
                Err(error) => {
                    problems.add(Failure {
                        message: error.to_string(),
                        tag: "bad_credential",
                        retriable: false,
                        fatal: false,
                    });
                }
            }
        }
        let Some(client) = followed.client.clone() else { return Ok(Collected::default()) };
        let deadline = self.clock.now() + within(&self.clock);
        let asked = Asked { client: &client, github, since: None, deadline, tell: &|_| () };
        let collected = followed.following.collect(&self.store, asked).await.map_err(|error| of_state(&error))?;
        *self.declared.lock().await = Some(followed.following.declared());
        let requests = client.requests();
        self.count_requests("github", "rest", requests - followed.requests);
        followed.requests = requests;
        if let (Some(health), Some(quota)) = (&self.health, client.quota()) {
            health.publish("github", json!({"remaining": quota.remaining, "reset": quota.reset}));
        }
        for trouble in &collected.summary.troubles {
            match &trouble.what {
                What::GitHub(error) if trouble.run.is_none() => problems.add(Failure {
                    message: trouble.to_string(),
                    tag: error.tag(),
                    retriable: error.is_retriable(),
                    fatal: false,
                }),
                _ => _ = complaints.insert(trouble.to_string()),
            }
        }
        if let Some(Stopped::Failing(error)) = &collected.summary.stopped {
            let failure =
                Failure { message: error.to_string(), tag: error.tag(), retriable: error.is_retriable(), fatal: false };
            problems.add(failure);
        }
        complaints.extend(collected.summary.unfit.iter().map(unfit));
        Ok(collected)
    }

    /// Endpoints that discovery knows to have failed or to go back.
    fn endpoints(&self) -> Vec<Signal> {
        let inventories = self.scopes.values().filter_map(|scope| scope.inventory.borrow().clone());
        inventories.flat_map(|inventory| endpoint_signals::signals(&inventory)).collect()
    }

    async fn alerts(&self, followed: &mut Followed, problems: &mut Problems) -> Alerts {
        // Whoever may not read them is told when there is something to deliver.
        if !self.datadog.has_app_key() {
            return Alerts::default();
        }
        let now = self.clock.now();
        let from = followed.alerts_until.map_or(now - FIRST_ALERTS, |until| until - ALERTS_AGAIN);
        let mark = Mark::namespace_tag(&self.settings.provision.namespace);
        let site = &self.settings.datadog.site;
        let link = |id: u64| page(site, Kind::Monitor, &id.to_string());
        self.count_requests("datadog", "events", 1);
        match alerts(&self.datadog, &mark, &link, from.timestamp(), now.timestamp()).await {
            Ok(alerts) => {
                followed.alerts_until = Some(now);
                alerts
            }
            Err(error) => {
                problems.datadog(&error);
                Alerts::default()
            }
        }
    }

    async fn bring(&self, followed: &mut Followed, problems: &mut Problems) -> Result<Delivery, Failure> {
        let to = To {
            datadog: &self.datadog,
            clock: &self.clock,
            rules: &self.settings.dora.rules,
            tags: &self.settings.datadog.tags,
            most: MOST,
            deadline: self.settings.datadog.deadline,
        };
        let delivery = followed.following.deliver(&self.store, to).await.map_err(|error| of_state(&error))?;
        self.count_requests("datadog", "dora", delivery.requests);
        if let Some(error) = &delivery.error {
            problems.datadog(error);
        }
        Ok(delivery)
    }

    /// The gauges and counts of this moment. What Datadog does not take is worked out anew by the next run.
    async fn send_deploy_series(&self, following: &Following, problems: &mut Problems) {
        let dora = &self.settings.dora;
        let series = series(following.ledger(), &dora.rules, dora.zone, self.clock.now().timestamp());
        let delivery = self.deliver(&series).await;
        let mut fate = delivery.fate.clone();
        fate.collected = super::points(&series);
        for (word, points) in fate.words() {
            self.telemetry.record(Name::Points, &[("fate", word)], count(points));
        }
        lock(&self.totals).derived(&fate);
        if fate.pending > 0 {
            problems.add(of_datadog(delivery.last_error));
        }
    }

    fn count_requests(&self, api: &'static str, operation: &'static str, requests: u64) {
        if requests > 0 {
            let tags = [("api", api), ("operation", operation)];
            self.telemetry.record(Name::ApiRequests, &tags, count(requests));
            lock(&self.totals).requested(&format!("{api}:{operation}"), requests);
        }
    }
}

impl Followed {
    /// Warns of what the last run did not complain of.
    fn tell(&mut self, complaints: BTreeSet<String>) {
        for complaint in complaints.difference(&self.told) {
            tracing::warn!("{complaint}");
        }
        self.told = complaints;
    }
}

/// What went wrong in one run.
#[derive(Debug, Default)]
struct Problems(Vec<Failure>);

impl Problems {
    fn add(&mut self, failure: Failure) {
        if !self.0.iter().any(|known| known.message == failure.message) {
            self.0.push(failure);
        }
    }

    /// As every job says it, so that what all of them meet is told once.
    fn datadog(&mut self, error: &SendError) {
        let message = error.to_string();
        self.add(Failure { message, tag: error.tag(), retriable: error.is_retriable(), fatal: false });
    }

    /// All of it as one: the class is that of the first.
    fn into_failure(self) -> Option<Failure> {
        let tag = self.0.first()?.tag;
        let retriable = self.0.iter().any(|failure| failure.retriable);
        let messages: Vec<String> = self.0.into_iter().map(|failure| failure.message).collect();
        Some(Failure { message: messages.join("; and "), tag, retriable, fatal: false })
    }
}

fn within(clock: &Clock) -> TimeDelta {
    let second = clock.real_duration(TimeDelta::seconds(1)).as_secs_f64();
    let least = Duration::try_from_secs_f64(WITHIN_REAL.as_secs_f64() / second).ok();
    let least = least.and_then(|least| TimeDelta::from_std(least).ok()).unwrap_or(WITHIN);
    least.clamp(WITHIN, TimeDelta::days(1))
}

/// A look in a line. `silent` alerts speak against no deployment.
fn note(collected: &Collected, delivery: &Delivery, silent: usize) -> String {
    let deploys::Summary { listed, unattributed, pending, stopped, .. } = &collected.summary;
    let counts = [
        (delivery.unmarked, "no failure after all"),
        (delivery.sent, "sent"),
        (delivery.pending, "to be sent"),
        (delivery.refused.len(), "refused by Datadog"),
    ];
    let mut parts = vec![format!("deployments: {} new, {} failed", collected.new, delivery.marked)];
    parts.extend(counts.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}")));
    parts.push(format!("listed {listed}, unattributed {unattributed}"));
    parts.extend((silent > 0).then(|| format!("{silent} alerts of no one pipeline or without a priority")));
    parts.extend((*pending > 0).then(|| format!("{pending} not read yet")));
    let note = parts.join(", ");
    match stopped {
        Some(stopped) => format!("{note}; {stopped}"),
        None => note,
    }
}

/// A pattern that fits no title is wrong, or the workflow lacks the line.
fn unfit(Unfit { repository, workflow, title, .. }: &Unfit) -> String {
    format!(
        "no title of {repository} fits `run_name`, the newest of {workflow} is {}; see `run_name` in `github`, and `run-name` \
         in the workflow",
        crate::model::pipeline::quoted(title)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(message: &str, tag: &'static str, retriable: bool) -> Failure {
        Failure { message: message.to_owned(), tag, retriable, fatal: false }
    }

    #[test]
    fn all_that_went_wrong_is_one_failure_of_the_first_class() {
        assert_eq!(Problems::default().into_failure(), None);
        let mut problems = Problems::default();
        problems.add(failure("a", "bad_credential", false));
        problems.add(failure("b", "server", true));
        problems.add(failure("b", "server", true));
        assert_eq!(problems.into_failure(), Some(failure("a; and b", "bad_credential", true)));
    }

    #[test]
    fn a_fast_clock_leaves_real_time_for_a_look() {
        assert_eq!(within(&Clock::Real), WITHIN);
        let scaled = |rate| Clock::Scaled { real_origin_ms: 0, sim_origin_ms: 0, rate };
        assert_eq!(within(&scaled(100.0)), TimeDelta::seconds(2_000));
        assert_eq!((within(&scaled(1e-6)), within(&scaled(1e6))), (WITHIN, TimeDelta::days(1)));
    }

    #[test]
    fn a_look_is_told_in_a_line() {
        let summary = deploys::Summary { listed: 40, unattributed: 2, ..deploys::Summary::default() };
        let mut collected = Collected { summary, new: 3, changed: true };
        let mut delivery = Delivery { marked: 1, ..Delivery::default() };
        assert_eq!(note(&collected, &delivery, 0), "deployments: 3 new, 1 failed, listed 40, unattributed 2");
        collected.summary.pending = 5;
        collected.summary.stopped = Some(Stopped::Deadline);
        delivery.sent = 3;
        assert_eq!(
            note(&collected, &delivery, 4),
            "deployments: 3 new, 1 failed, 3 sent, listed 40, unattributed 2, 4 alerts of no one pipeline or without a \
             priority, 5 not read yet; the time for this round is over; the next one goes on from there"
        );
    }
}
