//! The logs job: pages of log groups as lines to Datadog, counts of them as series, and a checkpoint behind both.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::failures::Failing;
use super::{DATADOG, Failure, Jobs, ScopeJobs, Summary, count, lock, of_aws, of_datadog};
use crate::model::log::Line;
use crate::sink::logs::{self, Delivery, Outcome};
use crate::source::logs::choose::Verdict;
use crate::source::logs::following::{Checkpoint, Collected, Following, Remark};
use crate::source::logs::group::groups;
use crate::state::Key;
use crate::telemetry::Name;

/// A run of the daemon begins no page after so long: it is over before the next is due, and holds up no stop.
pub(super) const RUN: TimeDelta = TimeDelta::seconds(7);
/// Where nothing is new, how far each group has been read is saved so often, so that a restart does not read hours again.
const SAVE_EVERY: TimeDelta = TimeDelta::minutes(10);
/// A run that reads all there is waits so long for who is due.
const PAUSE: TimeDelta = TimeDelta::seconds(1);
/// Lines after which a run sends their counts before it is over: a minute stays open until its counts have arrived.
const COUNT_AFTER: usize = 20_000;
/// Remarks of one run that are told one by one.
const TOLD: usize = 5;
/// What goes on is told again after so long: a group that may not be read is met again every few minutes.
const TELL_AGAIN: TimeDelta = TimeDelta::hours(1);

/// What following the logs of an account and region knows between runs.
pub(super) struct Followed {
    pub(super) following: Following,
    pub(super) failing: Failing,
    saved_at: DateTime<Utc>,
    /// Whether what was last to be saved was not: then nothing more is sent.
    unsaved: bool,
    /// What was told, and when.
    told: BTreeMap<String, DateTime<Utc>>,
}

/// What one run has done.
#[derive(Debug, Default)]
struct Done {
    pages: usize,
    accepted: u64,
    /// Lines that were read since counts were sent.
    uncounted: usize,
    complaints: BTreeSet<String>,
}

impl Jobs {
    /// Reads and delivers until no group is due.
    pub(super) async fn logs(&self, scope: &ScopeJobs) -> Result<Summary, Failure> {
        let inventory = scope.inventory().await?;
        let key = scope.key("logs");
        let mut held = scope.logs.lock().await;
        if held.is_none() {
            let checkpoint = self.load::<Checkpoint>(&key).await?;
            let following = Following::new(&self.settings.logs, checkpoint).map_err(|error| Failure {
                message: format!("`logs.redact.patterns`: {error}"),
                tag: "configuration",
                retriable: false,
                fatal: true,
            })?;
            let (failing, told) = (Failing::default(), BTreeMap::new());
            *held = Some(Followed { following, failing, saved_at: self.clock.now(), unsaved: false, told });
        }
        let Some(followed) = held.as_mut() else { return Ok(Summary::default()) };
        followed.following.follow(groups(&inventory), self.clock.now().timestamp_millis());
        if followed.unsaved {
            self.save_position(&key, followed).await?;
        }
        let end = self.clock.now() + self.log_run;
        self.tell_failures(scope, &key, followed).await?;
        let mut done = Done::default();
        let mut result = self.read_until(end, scope, &key, followed, &mut done).await;
        // Where Datadog takes no lines, nobody waits for it once more.
        if result.as_ref().err().is_none_or(|failure| failure.tag != DATADOG) {
            result = result.and(self.bring_counts(followed, &mut done).await);
        }
        tell(&news(&mut followed.told, done.complaints, self.clock.now()));
        *lock(&scope.log_groups) = followed.following.len() as u64;
        lock(&self.totals).read_logs(done.pages);
        result?;
        let watermark = followed.following.until().and_then(DateTime::from_timestamp_millis);
        let note = format!("{} groups, {} pages, {} lines", followed.following.len(), done.pages, done.accepted);
        Ok(Summary { watermark, note })
    }

    async fn read_until(
        &self,
        end: DateTime<Utc>,
        scope: &ScopeJobs,
        key: &Key,
        followed: &mut Followed,
        done: &mut Done,
    ) -> Result<(), Failure> {
        let begun = self.clock.now().timestamp_millis();
        loop {
            let now = || self.clock.now().timestamp_millis();
            let mut collected = followed.following.collect(&scope.aws, now).await;
            done.pages += collected.pages;
            done.complaints.extend(collected.remarks.iter().map(remark));
            let failed = collected.failed.take();
            if collected.pages > 0 {
                self.bring_lines(scope, key, followed, &collected, done).await?;
            }
            if let Some(error) = failed {
                lock(&self.totals).error(&error.to_string());
                return Err(of_aws(&error));
            }
            match (self.logs_whole, collected.looks) {
                (true, _) if followed.following.has_read(begun) => return Ok(()),
                (true, 0) => self.clock.sleep_until(self.clock.now() + PAUSE).await,
                (false, 0) => return Ok(()),
                _ => {}
            }
            if self.clock.now() >= end {
                return Ok(());
            }
        }
    }

    /// Delivers what was collected, and saves what Datadog said yes to.
    async fn bring_lines(
        &self,
        scope: &ScopeJobs,
        key: &Key,
        followed: &mut Followed,
        collected: &Collected,
        done: &mut Done,
    ) -> Result<(), Failure> {
        let parts = collected.parts();
        let mut failure: Option<String> = None;
        for (number, part) in parts.iter().enumerate() {
            if failure.is_some() {
                self.leave_out(&followed.following.settle(collected, part, |_| false));
                continue;
            }
            let delivery = self.deliver_lines(&collected.lines[part.lines.clone()]).await;
            done.accepted += delivery.accepted;
            let first = part.lines.start;
            let is_settled = |line: usize| delivery.outcomes.get(line - first) != Some(&Outcome::Pending);
            self.leave_out(&followed.following.settle(collected, part, is_settled));
            failure = delivery.error.filter(|_| delivery.pending > 0).map(|error| error.to_string());
            // After a crash at most the body under way comes again.
            if number + 1 < parts.len() {
                self.save_position(key, followed).await?;
            }
        }
        done.uncounted += collected.items();
        let mut counted = Ok(());
        if failure.is_none() && done.uncounted >= COUNT_AFTER {
            counted = self.bring_counts(followed, done).await;
        }
        let news = followed.following.commit(collected);
        let now = self.clock.now();
        if news || now - followed.saved_at >= SAVE_EVERY {
            self.save_position(key, followed).await?;
        }
        if let Some(until) = followed.following.until() {
            let place = scope.aws.scope();
            let tags = [("aws_account", place.account.as_str()), ("region", place.region.as_str())];
            self.telemetry.record(Name::LogLag, &tags, seconds(now.timestamp_millis() - until));
        }
        match failure {
            Some(message) => Err(of_datadog(Some(message))),
            None => counted,
        }
    }

    /// Delivers the counts of the minutes that have changed. Until that is done they stay open, whatever is saved.
    async fn bring_counts(&self, followed: &mut Followed, done: &mut Done) -> Result<(), Failure> {
        done.uncounted = 0;
        let series = followed.following.series();
        if series.is_empty() {
            return Ok(());
        }
        let sent = self.deliver(&series).await;
        let mut fate = sent.fate.clone();
        fate.collected = super::points(&series);
        lock(&self.totals).derived(&fate);
        if fate.pending > 0 {
            return Err(of_datadog(sent.last_error));
        }
        followed.following.counted();
        Ok(())
    }

    /// Sends lines, and counts what became of them.
    async fn deliver_lines(&self, lines: &[Line]) -> Delivery {
        let delivery = logs::deliver(&self.datadog, &self.settings.datadog, &self.clock, lines).await;
        self.telemetry.record(
            Name::ApiRequests,
            &[("api", "datadog"), ("operation", "logs")],
            count(delivery.requests),
        );
        let fates = [("accepted", delivery.accepted), ("too_old", delivery.too_old), ("refused", delivery.refused)];
        for (fate, lines) in fates.into_iter().filter(|(_, lines)| *lines > 0) {
            self.telemetry.record(Name::LogLines, &[("fate", fate)], count(lines));
        }
        if delivery.refused > 0 {
            tracing::warn!(
                lines = delivery.refused, reasons = ?delivery.reasons,
                "datadog refuses lines for good, which are left out"
            );
        }
        lock(&self.totals).sent_logs(&delivery);
        delivery
    }

    fn leave_out(&self, lines: &BTreeMap<Verdict, u64>) {
        for (verdict, lines) in lines {
            self.telemetry.record(Name::LogLines, &[("fate", verdict.word())], count(*lines));
        }
        lock(&self.totals).left_out_logs(lines.values().sum());
    }

    async fn save_position(&self, key: &Key, followed: &mut Followed) -> Result<(), Failure> {
        followed.unsaved = true;
        self.save(key, &followed.following.checkpoint()).await?;
        (followed.unsaved, followed.saved_at) = (false, self.clock.now());
        Ok(())
    }
}

/// What has not been told lately.
fn news(told: &mut BTreeMap<String, DateTime<Utc>>, complaints: BTreeSet<String>, now: DateTime<Utc>) -> Vec<String> {
    told.retain(|_, at| now - *at < TELL_AGAIN);
    let new: Vec<String> = complaints.into_iter().filter(|complaint| !told.contains_key(complaint)).collect();
    told.extend(new.iter().map(|complaint| (complaint.clone(), now)));
    new
}

fn tell(news: &[String]) {
    for complaint in news.iter().take(TOLD) {
        tracing::warn!("{complaint}");
    }
    if news.len() > TOLD {
        tracing::warn!("the same is true of {} groups more", news.len() - TOLD);
    }
}

fn remark(remark: &Remark) -> String {
    match remark {
        Remark::Lost { group, from, to } => {
            let at = |at: &i64| DateTime::from_timestamp_millis(*at).unwrap_or_default().format("%Y-%m-%d %H:%M UTC");
            format!(
                "{group}: what was written from {} to {} is lost: Datadog takes no line that is older than 18 hours",
                at(from),
                at(to)
            )
        }
        Remark::Unreadable(error) => error.to_string(),
        Remark::OverCap { pipeline, cap } => format!(
            "pipeline {pipeline} has sent its {} MB of today (`logs.daily_megabytes`): errors only until midnight UTC",
            cap / 1_000_000
        ),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a span of milliseconds is far below 2^52")]
fn seconds(milliseconds: i64) -> f64 {
    milliseconds.max(0) as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_is_told_once_an_hour_whatever_is_met_in_between() {
        let mut told = BTreeMap::new();
        let start = DateTime::UNIX_EPOCH;
        let mut told_at = |minutes: i64, words: &[&str]| {
            let complaints = words.iter().map(|&word| word.to_owned()).collect();
            news(&mut told, complaints, start + TimeDelta::minutes(minutes))
        };
        assert_eq!(told_at(0, &["a", "b"]), ["a", "b"]);
        assert_eq!(told_at(1, &[]), [""; 0]);
        assert_eq!(told_at(5, &["a", "c"]), ["c"]);
        assert_eq!(told_at(60, &["a", "c"]), ["a"]);
    }
}
