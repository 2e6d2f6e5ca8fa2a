//! Looks what Datadog has, sends what it lacks, marks what failed, and posts the markers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use tracing::warn;

use crate::client::datadog::{Client, SendError};
use crate::clock::Clock;
use crate::model::dora::{DeploymentId, Fact, Judged, Ledger, Rules, Seconds, Sent};
use crate::sink::dora::body::{self, times};
use crate::sink::dora::decide::{Lives, Mark, marks, unposted, unsent};
use crate::sink::dora::listed::{Listed, listed};
use crate::sink::dora::marker;
use crate::sink::dora::run::{Again, Blame, Run, blame};

/// Seconds around a window that is looked at: ends may be shifted, and which of its times Datadog compares is not told.
pub(super) const MARGIN: i64 = 3_600;

/// Seconds after which what Datadog took is to be found there.
const SETTLED: i64 = 3_600;

/// What is to be delivered, and how much of it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// All that is known, with what was delivered before.
    pub ledger: &'a Ledger,
    /// The same ledger, judged under `rules`.
    pub judged: &'a [Judged<'a>],
    /// The rules in force.
    pub rules: &'a Rules,
    /// Tags put on everything, normalised: `datadog.tags`.
    pub tags: &'a [String],
    /// Deployments sent by this delivery at most, so that the caller can save in between.
    pub most: usize,
    /// What Datadog has refused before. To be sent it is tried after all others, so that it is in nobody's way; what was
    /// sent is not marked again.
    pub refused: &'a BTreeSet<DeploymentId>,
    /// When to leave the rest to the next delivery.
    pub deadline: Duration,
}

/// What became of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    /// What Datadog said yes to, or has already: to be taken into the ledger and saved, also after an error.
    pub facts: Vec<Fact>,
    /// Deployments that were sent.
    pub sent: usize,
    /// Deployments that Datadog had already.
    pub found: usize,
    /// Failures that were marked, or whose remediation was told.
    pub marked: usize,
    /// Marks that were taken back.
    pub unmarked: usize,
    /// Markers that were posted.
    pub posted: usize,
    /// What Datadog refuses for good, by id, with its words: for [`Request::refused`] of the next delivery.
    pub refused: Vec<(DeploymentId, String)>,
    /// What is left for the next delivery: deployments, marks and markers.
    pub pending: usize,
    /// The error met first, even when something else succeeded after it: what came later may have followed from it.
    pub error: Option<SendError>,
    /// Requests made, retries included.
    pub requests: u64,
}

impl Delivery {
    /// Takes the answer to one item in. Whether it was a yes.
    fn take<R>(&mut self, id: &DeploymentId, what: &str, answer: Option<Result<R, SendError>>) -> bool {
        match answer {
            Some(Ok(_)) => return true,
            Some(Err(error)) => {
                // What Datadog took a moment ago may not be found yet.
                if blame(&error) == Blame::One && !matches!(error, SendError::NotFound { .. }) {
                    warn!(deployment = %id, %error, "datadog refuses {what}");
                    self.refused.push((id.clone(), error.to_string()));
                } else {
                    self.pending += 1;
                }
                self.error.get_or_insert(error);
            }
            None => self.pending += 1,
        }
        false
    }

    /// Takes in that nobody knows what Datadog has.
    fn blind(&mut self, items: usize, error: SendError) {
        self.pending += items;
        self.error.get_or_insert(error);
    }
}

/// Brings Datadog up to date with the ledger. Never fails: see [`Delivery::error`].
///
/// Needs the application key, without which nobody can look, nor mark; then nothing is sent.
pub async fn deliver(client: &Client, clock: &Clock, request: Request<'_>) -> Delivery {
    let judged = request.judged;
    let run = Run::new(client, clock, request.deadline);
    let mut work =
        Work { run: &run, request, judged, lives: Lives::new(request.ledger), delivery: Delivery::default() };
    if client.has_app_key() {
        let unsure = work.send().await;
        work.mark(&unsure).await;
        work.post().await;
    } else {
        let open = unsent(judged, &work.lives).len()
            + marks(judged, &work.lives, &BTreeSet::new()).len()
            + unposted(judged, &work.lives, run.now()).len();
        if open > 0 {
            work.delivery.blind(open, SendError::NoAppKey);
        }
    }
    let Work { lives, mut delivery, .. } = work;
    delivery.facts = lives.into_changed().into_iter().map(|(id, life)| Fact::Life { id, life }).collect();
    delivery.requests = run.requests.load(Ordering::Relaxed);
    delivery
}

/// One delivery.
struct Work<'a> {
    run: &'a Run<'a>,
    request: Request<'a>,
    judged: &'a [Judged<'a>],
    lives: Lives<'a>,
    delivery: Delivery,
}

/// A deployment with the times that it is sent with.
struct Timed<'a> {
    judged: &'a Judged<'a>,
    started_at: i64,
    finished_at: i64,
}

impl<'a> Work<'a> {
    /// Sends the deployments that Datadog does not have, and returns those that it had.
    async fn send(&mut self) -> BTreeSet<DeploymentId> {
        let mut open = unsent(self.judged, &self.lives);
        open.sort_by_key(|judged| self.request.refused.contains(&judged.id));
        self.delivery.pending += open.len().saturating_sub(self.request.most);
        open.truncate(self.request.most);
        let Some((from, to)) = span(&open) else { return BTreeSet::new() };
        let (run, request) = (self.run, self.request);
        let look = || run.client.list_deployments(from - MARGIN, to + MARGIN);
        let there = match run.ask(Again::Always, look).await {
            Ok(items) => items.iter().filter_map(listed).collect::<Vec<_>>(),
            Err(error) => {
                // Who cannot look does not send: it might be there.
                self.delivery.blind(open.len(), error);
                return BTreeSet::new();
            }
        };
        let (missing, found) = self.sort_out(&open, &there);
        let sent = run.each(missing, |timed: &Timed<'a>| {
            let Timed { judged, started_at, finished_at } = timed;
            let body = body::deployment(judged, *started_at, *finished_at, request.rules, request.tags);
            async move { run.ask(Again::WhenRefused, || run.client.send_deployment(&body)).await }
        });
        let answers: Vec<_> = sent.collect().await;
        for (timed, answer) in answers {
            if self.delivery.take(&timed.judged.id, "a deployment", answer) {
                let Timed { judged, started_at, finished_at } = timed;
                self.lives.sent(&judged.id, Sent { at: self.run.now(), started_at, finished_at });
                self.delivery.sent += 1;
            }
        }
        found
    }

    /// Notes what Datadog has, and gives a second of its own to each that it lacks.
    fn sort_out(&mut self, open: &[&'a Judged<'a>], there: &[Listed]) -> (Vec<Timed<'a>>, BTreeSet<DeploymentId>) {
        let mut seconds: Seconds = self.request.ledger.seconds();
        let mut known: BTreeMap<&DeploymentId, &Listed> = BTreeMap::new();
        for listed in there {
            if let Some(finished_at) = listed.finished_at() {
                seconds.note(&listed.service, finished_at);
            }
            known.insert(&listed.id, listed);
        }
        let (mut missing, mut found) = (Vec::new(), BTreeSet::new());
        for judged in open {
            let listed = known.get(&judged.id);
            let Some((started_at, finished_at)) = listed.and_then(|listed| listed.times).or_else(|| times(judged))
            else {
                continue;
            };
            if listed.is_some() {
                self.lives.sent(&judged.id, Sent { at: self.run.now(), started_at, finished_at });
                found.insert(judged.id.clone());
            } else {
                let finished_at = seconds.take(&judged.deployment.unit.pipeline, finished_at);
                missing.push(Timed { judged, started_at, finished_at });
            }
        }
        self.delivery.found = found.len();
        (missing, found)
    }

    /// Says which ones failed, what put them right, and which ones did not fail after all.
    async fn mark(&mut self, unsure: &BTreeSet<DeploymentId>) {
        let run = self.run;
        let mut open = marks(self.judged, &self.lives, unsure);
        open.retain(|(id, _)| !self.request.refused.contains(*id));
        let patched = run.each(open, |(id, mark)| {
            let (id, body) = ((*id).clone(), body::patch(id, mark));
            async move { run.ask(Again::Always, || run.client.patch_deployment(id.as_str(), &body)).await }
        });
        let answers: Vec<_> = patched.collect().await;
        for ((id, mark), answer) in answers {
            if let Some(Err(SendError::NotFound { .. })) = answer
                && self.lives.of(id).sent.is_some_and(|sent| sent.at < run.now() - SETTLED)
            {
                let words = "it is not there any more: somebody deleted it, and it is not sent again".to_owned();
                warn!(deployment = %id, "datadog cannot mark a deployment: {words}");
                self.delivery.refused.push((id.clone(), words));
                continue;
            }
            if self.delivery.take(id, "the mark of a deployment", answer) {
                self.lives.marked(id, &mark, self.run.now());
                match mark {
                    Mark::Failed(_) => self.delivery.marked += 1,
                    Mark::Sound => self.delivery.unmarked += 1,
                }
            } else if unsure.contains(id) {
                // The next delivery has to find it again, or what was said of it before would stay.
                self.lives.forget(id);
            }
        }
    }

    /// Posts the markers that are not there.
    async fn post(&mut self) {
        let now = self.run.now();
        let open = unposted(self.judged, &self.lives, now);
        let Some((from, to)) = span(&open) else { return };
        if self.run.is_over() {
            self.delivery.pending += open.len();
            return;
        }
        let (run, request) = (self.run, self.request);
        let look = || run.client.search_events(marker::QUERY, from - MARGIN, to + MARGIN);
        let there = match run.ask(Again::Always, look).await {
            Ok(events) => events,
            Err(error) => return self.delivery.blind(open.len(), error),
        };
        let there = marker::own_tags(&there);
        let (found, missing): (Vec<&Judged<'_>>, Vec<_>) =
            open.into_iter().partition(|judged| there.contains(&*marker::own_tag(judged)));
        for judged in found {
            self.lives.posted(&judged.id, now);
        }
        let posted = run.each(missing, |judged: &&Judged<'_>| {
            let body = marker::event(judged, request.tags);
            async move { run.ask(Again::WhenRefused, || run.client.post_event(&body)).await }
        });
        let answers: Vec<_> = posted.collect().await;
        for (judged, answer) in answers {
            if self.delivery.take(&judged.id, "the marker of a deployment", answer) {
                self.lives.posted(&judged.id, now);
                self.delivery.posted += 1;
            }
        }
    }
}

/// From the first begin to the last end; `None` without any.
fn span(judged: &[&Judged<'_>]) -> Option<(i64, i64)> {
    let times = || judged.iter().filter_map(|judged| times(judged));
    Some((times().map(|(from, _)| from).min()?, times().map(|(_, to)| to).max()?))
}
