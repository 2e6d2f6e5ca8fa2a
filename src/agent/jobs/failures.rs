//! Failure context: where more requests fail than before, the log of that minute is read first, and an event on the
//! pipeline says which they were.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::logs::Followed;
use super::{Failure, Jobs, ScopeJobs, lock};
use crate::config::settings::app;
use crate::model::failure::{FailureContext, Failures};
use crate::sink::events;
use crate::source::logs::failures::read;
use crate::source::logs::group::{Group, name_of};
use crate::source::metrics::rise::Rise;
use crate::state::Key;
use crate::telemetry::Name;

/// Milliseconds in which a stage is told of once at most.
const EVERY: i64 = 3_600_000;
/// Milliseconds until a log that says nothing is asked again, and how often that is done.
const PAUSE: i64 = 60_000;
const TRIES: u32 = 3;
/// Milliseconds in which a stage is left alone whose log said nothing.
const REST: i64 = 600_000;
/// Milliseconds after which a minute is of no help any more.
const MAX_AGE: i64 = 3_600_000;
/// The share of a run's time that may go to failures: the rest is for all that is written.
const SHARE: i32 = 3;
/// Milliseconds before and after the minute in which what failed in it may have been written.
const AROUND: i64 = 30_000;
const MINUTE: i64 = 60_000;

/// What has risen, and has not been told.
#[derive(Debug, Default)]
pub(super) struct Failing {
    /// By the name of the log group.
    groups: BTreeMap<String, Risen>,
}

/// Failures of a minute, by series and by what they were counted of.
type Counted = BTreeMap<(Arc<str>, Arc<str>), f64>;

#[derive(Debug, Default)]
struct Risen {
    /// By the start of the minute, Unix seconds.
    minutes: BTreeMap<i64, Counted>,
    tries: u32,
    /// When the log is asked, Unix milliseconds.
    due: i64,
}

/// A log that is to be read.
#[derive(Debug, PartialEq)]
struct Due {
    group: String,
    /// Start of the minute, Unix seconds.
    at: i64,
    /// Failures in it, by series.
    risen: Vec<(Arc<str>, f64)>,
}

impl Failing {
    /// Takes what polls have seen. What is too old at `now` (Unix milliseconds) is of no help.
    fn note(&mut self, rises: Vec<Rise>, now: i64) {
        for Rise { target, name, subject, series, at, failures } in rises {
            let Some(group) = name_of(target, &name) else { continue };
            self.groups.entry(group).or_default().minutes.entry(at).or_default().insert((series, subject), failures);
        }
        self.groups.retain(|_, risen| {
            risen.minutes.retain(|at, _| now - at * 1_000 < MAX_AGE);
            !risen.minutes.is_empty()
        });
    }

    /// The log to read at `now`, of the minute in which the most failed.
    fn next(&self, now: i64) -> Option<Due> {
        let due = self.groups.iter().filter(|(_, risen)| risen.due <= now);
        let (group, risen) = due.min_by_key(|(_, risen)| risen.due)?;
        let by_series = |counted: &Counted| {
            let mut sums: BTreeMap<Arc<str>, f64> = BTreeMap::new();
            for ((series, _), failures) in counted {
                *sums.entry(Arc::clone(series)).or_default() += failures;
            }
            sums
        };
        let minutes = risen.minutes.iter().map(|(at, counted)| (*at, by_series(counted)));
        let most = |sums: &BTreeMap<Arc<str>, f64>| sums.values().copied().fold(0.0, f64::max);
        let (at, sums) = minutes.max_by(|(_, one), (_, other)| most(one).total_cmp(&most(other)))?;
        Some(Due { group: group.clone(), at, risen: sums.into_iter().collect() })
    }

    /// The log of a group said nothing at `now`. Whether that was the last time that it is asked.
    fn said_nothing(&mut self, group: &str, now: i64) -> bool {
        let Some(risen) = self.groups.get_mut(group) else { return true };
        (risen.tries, risen.due) = (risen.tries + 1, now + PAUSE);
        risen.tries >= TRIES
    }

    fn forget(&mut self, group: &str) {
        self.groups.remove(group);
    }
}

impl Jobs {
    /// Tells of the requests that failed where polls have seen failures rise. What cannot be read or told now is no
    /// failure of the job: its lines are delivered all the same.
    pub(super) async fn tell_failures(
        &self,
        scope: &ScopeJobs,
        key: &Key,
        followed: &mut Followed,
    ) -> Result<(), Failure> {
        let now = || self.clock.now().timestamp_millis();
        let end = self.clock.now() + self.log_run / SHARE;
        followed.failing.note(std::mem::take(&mut *lock(&scope.rises)), now());
        while let Some(due) = followed.failing.next(now()).filter(|_| self.clock.now() < end) {
            let Followed { following, failing, .. } = &mut *followed;
            let Some(group) = following.group(&due.group).filter(|group| following.may_tell(group, now())).cloned()
            else {
                failing.forget(&due.group);
                continue;
            };
            following.hurry(&due.group);
            let (from, to) = (due.at * 1_000 - AROUND, due.at * 1_000 + MINUTE + AROUND);
            let found = match read(&scope.aws, &group, following.policy(), from, to).await {
                Ok((found, pages)) => {
                    lock(&self.totals).read_logs(pages);
                    found
                }
                // The job meets the same when it reads the group, and tells of it.
                Err(_) => Failures::default(),
            };
            if found.requests.is_empty() {
                if failing.said_nothing(&due.group, now()) {
                    following.be_quiet(&group, now() + REST);
                    failing.forget(&due.group);
                }
                continue;
            }
            failing.forget(&due.group);
            following.be_quiet(&group, now() + EVERY);
            // Before it is told: a second event would be worse than none, its lines are at Datadog anyway.
            self.save(key, &following.checkpoint()).await?;
            let context = context(&group, due, from, to, found);
            if !self.tell(&context).await {
                following.be_quiet(&group, now());
            }
        }
        Ok(())
    }

    /// Whether it was told, or may have been.
    async fn tell(&self, context: &FailureContext) -> bool {
        let datadog = &self.settings.datadog;
        let body = events::failures(context, &datadog.tags, &app(&datadog.site));
        let answer = self.datadog.post_event(&body).await;
        self.telemetry.record(Name::ApiRequests, &[("api", "datadog"), ("operation", "events")], 1.0);
        match answer {
            Ok(()) => {
                lock(&self.totals).told_failures();
                true
            }
            Err(error) => {
                tracing::warn!(
                    pipeline = context.pipeline, stage = context.stage, %error,
                    "datadog did not take an event about requests that failed"
                );
                error.may_have_landed()
            }
        }
    }
}

fn context(group: &Group, due: Due, from: i64, to: i64, failures: Failures) -> FailureContext {
    FailureContext {
        pipeline: group.pipeline.clone(),
        stage: group.stage.clone(),
        tags: Arc::clone(&group.origin.tags),
        at: due.at,
        risen: due.risen,
        from,
        to,
        failures,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::catalogue::Target;

    fn rise(name: &str, variant: &str, at: i64, failures: f64) -> Rise {
        Rise {
            target: Target::Variant,
            name: name.to_owned(),
            subject: format!("variant:{name}/{variant}").into(),
            series: "mlpipeline.endpoint.invocation_failures.sum".into(),
            at,
            failures,
        }
    }

    fn due(group: &str, at: i64, failures: f64) -> Due {
        let risen = vec![("mlpipeline.endpoint.invocation_failures.sum".into(), failures)];
        Due { group: format!("/aws/sagemaker/Endpoints/{group}"), at, risen }
    }

    #[test]
    fn the_minute_in_which_the_most_failed_is_read_and_variants_add_up() {
        let mut failing = Failing::default();
        let rises = vec![
            rise("a", "x", 600, 2.0),
            rise("a", "y", 600, 3.0),
            rise("a", "x", 660, 4.0),
            rise("a", "x", 600, 2.0),
        ];
        failing.note(rises, 700_000);
        assert_eq!(failing.next(700_000), Some(due("a", 600, 5.0)));
    }

    #[test]
    fn a_log_that_says_nothing_is_asked_three_times_a_minute_apart() {
        let mut failing = Failing::default();
        failing.note(vec![rise("a", "x", 600, 1.0)], 700_000);
        let name = "/aws/sagemaker/Endpoints/a";
        assert!(!failing.said_nothing(name, 700_000));
        assert_eq!(failing.next(759_999), None);
        assert_eq!(failing.next(760_000), Some(due("a", 600, 1.0)));
        assert!(!failing.said_nothing(name, 760_000));
        assert!(failing.said_nothing(name, 820_000));
    }

    #[test]
    fn what_is_older_than_an_hour_is_of_no_help() {
        let mut failing = Failing::default();
        failing.note(vec![rise("a", "x", 600, 1.0), rise("b", "x", 660, 1.0)], 600_000 + MAX_AGE);
        assert_eq!(failing.next(i64::MAX), Some(due("b", 660, 1.0)));
        failing.note(Vec::new(), 660_000 + MAX_AGE);
        assert_eq!(failing.next(i64::MAX), None);
    }

    proptest! {
        #[test]
        fn for_all_rises_every_group_has_its_turn(names in proptest::collection::vec("[a-f]", 1..40)) {
            let mut failing = Failing::default();
            failing.note(names.iter().map(|name| rise(name, "x", 600, 1.0)).collect(), 700_000);
            let mut asked = std::collections::BTreeSet::new();
            while let Some(Due { group, .. }) = failing.next(700_000) {
                failing.forget(&group);
                prop_assert!(asked.insert(group));
            }
            let expected = names.iter().map(|name| format!("/aws/sagemaker/Endpoints/{name}")).collect();
            prop_assert_eq!(asked, expected);
        }
    }
}
