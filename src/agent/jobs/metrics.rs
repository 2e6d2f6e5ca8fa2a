//! The hot and the warm job: collect, deliver, commit.

use chrono::{DateTime, SecondsFormat};

use super::{Failure, Jobs, ScopeJobs, Summary, count, lock, of_aws, of_datadog, warm_every};
use crate::model::catalogue::Tier;
use crate::sink::series::Outcome;
use crate::source::metrics::units::Units;
use crate::source::metrics::window::Rules;
use crate::source::metrics::{Checkpoint, Collected, Poll, collect, settle};
use crate::telemetry::Name;

/// Rises that may wait for a logs job that does not come to them.
const MOST_RISES: usize = 10_000;
/// A poll counts as due this many seconds early: schedules and clocks are not exact.
const EARLY: i64 = 30;

impl Jobs {
    pub(super) async fn poll(&self, scope: &ScopeJobs, tier: Tier) -> Result<Summary, Failure> {
        let (word, state) = match tier {
            Tier::Hot => ("hot", &scope.hot),
            Tier::Warm => ("warm", &scope.warm),
        };
        let mut state = state.lock().await;
        let now = self.clock.now();
        if tier == Tier::Warm && state.delivered && self.slowed(state.polled, now) {
            return Ok(Summary { watermark: None, note: "skipped, slowed down by `limits`".to_owned() });
        }
        let inventory = match scope.inventory().await {
            Ok(inventory) => inventory,
            Err(failure) => {
                // Nothing is known, so nothing is covered.
                self.cover(scope, tier, 0.0);
                return Err(failure);
            }
        };
        let key = scope.key(word);
        if state.checkpoint.is_none() {
            self.load_units(scope).await?;
            let loaded = self.load::<Checkpoint>(&key).await?.plausible().under(&self.settings.datadog.tags);
            // Lag is told from here on, also when nothing can be delivered.
            lock(&scope.committed).extend(loaded.committed.map(|until| (tier, until)));
            state.checkpoint = Some(loaded);
        }
        let before = state.checkpoint.clone().unwrap_or_default();
        let usual = Rules::of(&self.settings.metrics, tier);
        let deep = self.is_deep(state.read_deep, now);
        let blind = inventory.undescribed();
        let rules = if deep { usual.deep(&self.settings.metrics) } else { usual };
        let poll = Poll {
            aws: &scope.aws,
            tier,
            catalogue: &self.catalogue,
            inventory: &inventory,
            given_up: &self.given_up(),
            rules,
            concurrency: self.settings.metrics.concurrency,
            billed_as_one: self.settings.limits.statistics_billed_as_one,
            restarted: !state.delivered,
            // While a cold start describes one after the other, not every poll has to go all the way back.
            catches_up: inventory.pending == 0 && state.blind.is_none_or(|before| blind < before),
            now: self.clock.now(),
        };
        let Some(collected) = collect(&poll, &scope.recent, &scope.units, &before).await else {
            return Ok(Summary { watermark: watermark(&before), note: "no new minute yet".to_owned() });
        };
        self.tell_window(scope, tier, &before, state.missing, &collected);
        tell_refused(scope, tier, state.refused, &collected);
        if collected.learned {
            self.save_units(scope).await?;
        }

        let delivery = self.deliver(&collected.series).await;
        // The answers tell Datadog's time: a clock that was set meanwhile shows here at the latest.
        let clock = self.clock_is_right();
        let is_settled = |outcome: &Outcome| clock.is_ok() && *outcome != Outcome::Pending;
        let settled: Vec<bool> = delivery.outcomes.iter().map(is_settled).collect();
        settle(&scope.recent, tier, &collected, &settled, usual.deep(&self.settings.metrics).reread);
        self.account(scope, tier, &collected, &delivery.fate);

        clock?;
        if delivery.fate.pending > 0 {
            if before.committed.is_none() {
                // Without a checkpoint the next poll would begin at its own time, and a long failure would be a gap.
                let begun = Checkpoint { committed: Some(collected.next.fresh.start), ..before };
                self.save(&key, &begun).await?;
                state.checkpoint = Some(begun);
            }
            return Err(of_datadog(delivery.last_error));
        }
        if self.settings.logs.collect {
            let mut rises = lock(&scope.rises);
            rises.extend_from_slice(&collected.rises);
            let surplus = rises.len().saturating_sub(MOST_RISES);
            rises.drain(..surplus);
        }
        let after = collected.checkpoint();
        if after != before {
            self.save(&key, &after).await?;
        }
        let watermark = watermark(&after);
        if let Some(until) = after.committed {
            lock(&scope.committed).insert(tier, until);
            lock(&self.totals).committed(scope.aws.scope(), tier, until);
        }
        state.checkpoint = Some(after);
        if inventory.pending == 0 {
            state.blind = Some(blind);
        }
        let refused = collected.refused.len();
        state.missing = collected.coverage.asked - collected.coverage.complete - refused as u64;
        state.refused = refused;
        // Until every answer about everything has been had once, all that a restart may have missed is read again.
        if collected.is_whole() && inventory.pending == 0 {
            state.delivered = true;
            state.read_deep = if deep { Some(now) } else { state.read_deep };
        }
        if let Some(error) = collected.errors.first() {
            return Err(of_aws(error));
        }
        state.polled = Some(now);
        Ok(Summary { watermark, note: note(&collected) })
    }

    /// Says what is odd about the window of a poll: minutes that are lost, a clock that was set back. `missing` is how
    /// many queries the poll before had no full answer for.
    fn tell_window(&self, scope: &ScopeJobs, tier: Tier, before: &Checkpoint, missing: u64, collected: &Collected) {
        if before.committed.is_some_and(|until| until > collected.next.fresh.end) {
            tracing::warn!(
                scope = %scope.aws.scope(), tier = %tier,
                "the checkpoint is ahead of the clock, which was set back; minutes are committed anew from now on"
            );
        }
        if let (Some(lost), true) = (collected.next.lost, missing > 0) {
            tracing::error!(
                scope = %scope.aws.scope(), tier = %tier, queries = missing, of = collected.coverage.asked,
                lost_from = instant(lost.start), lost_until = instant(lost.end),
                "these queries had no full answer for longer than `metrics.backfill`; what is missing of their points cannot \
                 be had any more"
            );
        } else if let Some(lost) = collected.next.lost {
            let word = tier.to_string();
            let place = scope.aws.scope();
            let tags = [("aws_account", &*place.account), ("job", &*word), ("region", &*place.region)];
            self.telemetry.record(Name::MinutesLost, &tags, count(lost.minutes() as u64));
            tracing::error!(
                scope = %scope.aws.scope(), tier = %tier, minutes = lost.minutes(),
                lost_from = instant(lost.start), lost_until = instant(lost.end),
                "an outage was longer than `metrics.backfill`; these minutes cannot be had any more"
            );
        }
    }

    /// Whether the budget has slowed the warm tier down so far that it is not due yet.
    fn slowed(&self, polled: Option<DateTime<chrono::Utc>>, now: DateTime<chrono::Utc>) -> bool {
        let every = i64::try_from(lock(&self.fit).warm_every).unwrap_or(i64::MAX);
        polled.is_some_and(|polled| (now - polled).num_seconds() < every - EARLY)
    }

    /// Whether a poll reads as far back as the warm tier does: each that comes with the warm tier's time.
    fn is_deep(&self, last: Option<DateTime<chrono::Utc>>, now: DateTime<chrono::Utc>) -> bool {
        let every = i64::try_from(warm_every(&self.settings).as_secs()).unwrap_or(i64::MAX);
        last.is_none_or(|last| (now - last).num_seconds() >= every - EARLY)
    }

    async fn load_units(&self, scope: &ScopeJobs) -> Result<(), Failure> {
        let mut loaded = scope.units_loaded.lock().await;
        if !*loaded {
            let units = self.load::<Units>(&scope.key("units")).await?;
            *lock(&scope.units) = units;
            *loaded = true;
        }
        Ok(())
    }

    /// One save at a time: both tiers learn units, and the state takes the other's for a second writer's.
    async fn save_units(&self, scope: &ScopeJobs) -> Result<(), Failure> {
        let _loaded = scope.units_loaded.lock().await;
        let units = lock(&scope.units).clone();
        self.save(&scope.key("units"), &units).await
    }

    /// Counts a poll: its points, its price, its coverage.
    fn account(&self, scope: &ScopeJobs, tier: Tier, collected: &Collected, delivered: &crate::model::series::Fate) {
        let place = scope.aws.scope();
        let tags = [("aws_account", place.account.as_str()), ("region", place.region.as_str())];
        let dollars = count(collected.coverage.billed) * self.settings.limits.dollars_per_thousand_metrics / 1000.0;
        self.telemetry.record(Name::ApiDollars, &[("api", "cloudwatch"), tags[0], tags[1]], dollars);
        self.cover(scope, tier, collected.coverage.ratio());
        let mut fate = collected.fate.clone();
        fate += delivered;
        for (word, points) in fate.words() {
            self.telemetry.record(Name::Points, &[("fate", word)], count(points));
        }
        lock(&self.totals).polled(tier, collected, &fate, dollars);
    }

    /// Tells the share of queries that were answered, 0 to 1, in the totals, in `/status` and as a metric.
    fn cover(&self, scope: &ScopeJobs, tier: Tier, ratio: f64) {
        let place = scope.aws.scope();
        let word = tier.to_string();
        let tags = [("aws_account", &*place.account), ("region", &*place.region), ("tier", &*word)];
        self.telemetry.record(Name::Coverage, &tags, ratio * 100.0);
        let mut totals = lock(&self.totals);
        totals.covered(place, tier, ratio);
        if let Some(health) = &self.health {
            health.publish("coverage", serde_json::to_value(&totals.coverage).unwrap_or_default());
        }
    }
}

/// Says how many queries CloudWatch refuses, when that changes: they hold nothing up, so nothing else would say it.
fn tell_refused(scope: &ScopeJobs, tier: Tier, before: usize, collected: &Collected) {
    if let (Some(error), true) = (collected.refused.first(), collected.refused.len() != before) {
        tracing::error!(
            scope = %scope.aws.scope(), tier = %tier, queries = collected.refused.len(), %error,
            "CloudWatch refuses queries, which are left out; see `metrics.custom` and `metrics.disable`"
        );
    }
}

/// A poll in a line.
fn note(collected: &Collected) -> String {
    let Collected { coverage, fate, refused, .. } = collected;
    let new = fate.collected - fate.unchanged;
    let note = format!("{} queries, {} points collected, {new} new or changed", coverage.asked, fate.collected);
    match refused.first() {
        Some(error) => format!("{note}, {} queries refused: {error}", refused.len()),
        None => note,
    }
}

/// As a log shows it.
fn instant(at: i64) -> String {
    DateTime::from_timestamp(at, 0).map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true)).unwrap_or_default()
}

fn watermark(checkpoint: &Checkpoint) -> Option<DateTime<chrono::Utc>> {
    DateTime::from_timestamp(checkpoint.committed?, 0)
}
