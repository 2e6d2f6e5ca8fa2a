//! What happens to objects that nothing is left for: a flake in discovery must not delete a page.

use std::cell::LazyCell;
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use super::decide::{Options, Planner};
use super::ours::{Key, Ours};
use super::{Cause, Choice, Plan, fingerprint};
use crate::provision::guard::created;
use crate::provision::object::{Identity, Kind, Live, Mark, Subject, World};

/// No run takes longer.
const RACE_SECONDS: i64 = 3600;

/// Deletes every object of `options.namespace` that `options.filter` matches, with no regard to what should be there.
#[must_use]
pub fn destroy_plan(world: &World, options: &Options) -> Plan {
    let ours = Ours::of(world, &options.namespace);
    let choice = Choice::new(&options.filter, &[], world);
    let mut planner = Planner::new(&ours, options, &choice);
    for live in &ours.all {
        if let Some(mark) = &live.mark
            && choice.has(live.kind, &mark.identity, &live.body)
        {
            planner.delete(live, &mark.identity, String::new());
        }
    }
    planner.finish()
}

impl Planner<'_> {
    /// Marks what is no longer wanted; deletes it when it has been marked for long enough and that is allowed.
    pub(super) fn vanish(&mut self) {
        let Options { now, grace_seconds, prune, .. } = *self.options;
        let mut kept: BTreeMap<(String, String), usize> = BTreeMap::new();
        let wanted = std::mem::take(&mut self.wanted);
        let is_wanted = |&(kind, identity): &Key<'_>| wanted.get(&kind).is_some_and(|those| those.contains(identity));
        let subjects = || wanted.values().flatten().map(|one| whole(&one.subject)).collect::<HashSet<_>>();
        let subjects = LazyCell::new(subjects);
        for (key, &(live, mark)) in &self.ours.kept {
            if is_wanted(key) || !self.choice.has(live.kind, &mark.identity, &live.body) {
                continue;
            }
            let Some(since) = mark.gone_since else {
                self.remark(live, mark, &Mark { gone_since: Some(now), ..mark.clone() }, Cause::Gone);
                continue;
            };
            let left = grace_seconds.saturating_sub(now.saturating_sub(since));
            if left <= 0 && prune {
                let for_long = span(now.saturating_sub(since));
                self.delete(live, &mark.identity, format!("nothing has made it for {for_long}"));
            } else {
                let fate = match (left > 0, prune) {
                    (true, true) => format!("pruned in {}", span(left)),
                    (true, false) => format!("kept; --prune would delete in {}", span(left)),
                    (false, _) => "kept; would be pruned with --prune".to_owned(),
                };
                let lost = if subjects.contains(&whole(&mark.identity.subject)) {
                    format!("template {} does not make all that it made, and", mark.identity.template)
                } else {
                    format!("{} has vanished, and", about(&mark.identity))
                };
                self.plan.kept += 1;
                *kept.entry((lost, fate)).or_default() += 1;
            }
        }
        let finding = |((lost, fate), n): ((String, String), usize)| {
            let objects = if n == 1 { "object is" } else { "objects are" };
            format!("{lost} {n} {objects} left: {fate}")
        };
        self.plan.findings.extend(kept.into_iter().map(finding));
    }

    /// Deletes what a race has made a second time. What a person has copied carries our mark too, and stays.
    pub(super) fn drop_doubled(&mut self) {
        for (live, mark) in &self.ours.doubled {
            if let Some((kept, _)) = self.ours.kept.get(&(live.kind, &mark.identity))
                && self.choice.has(live.kind, &mark.identity, &live.body)
            {
                if !made_by_a_race(kept, live) {
                    let (kind, id) = (live.kind, &live.id);
                    self.plan.findings.push(format!(
                        "{kind} {id} looks like a copy that somebody made of {} {}, and stays as it is: {}",
                        mark.identity,
                        kept.id,
                        match kind {
                            Kind::Dashboard => "take the last line of its description away, so that it is theirs",
                            _ => "take its tags `ddsync_..` away, so that it is theirs",
                        }
                    ));
                    continue;
                }
                let because = format!("it was made twice, and {} is the older one", kept.id);
                self.plan.findings.push(format!("{} {} {}: {because}", live.kind, mark.identity, live.id));
                self.delete(live, &mark.identity, because);
            }
        }
    }
}

/// Two runs at once make the same thing at the same time.
fn made_by_a_race(kept: &Live, twin: &Live) -> bool {
    let together = created(kept).zip(created(twin)).is_some_and(|(one, other)| (one - other).abs() <= RACE_SECONDS);
    let same_title = twin.kind.title(&kept.body) == twin.kind.title(&twin.body);
    (together && same_title) || fingerprint(kept) == fingerprint(twin)
}

/// What a subject is a part of: templates make objects for stages or not, as their tags say.
fn whole(subject: &Subject) -> Subject {
    match subject {
        Subject::Pipeline { pipeline, environment, .. } => {
            Subject::Pipeline { pipeline: pipeline.clone(), environment: environment.clone(), stage: None }
        }
        other => other.clone(),
    }
}

fn about(identity: &Identity) -> String {
    match &identity.subject {
        Subject::Pipeline { pipeline, environment, stage: None } => format!("pipeline {pipeline} of {environment}"),
        Subject::Pipeline { pipeline, environment, stage: Some(stage) } => {
            format!("stage {stage} of pipeline {pipeline} of {environment}")
        }
        Subject::Environment(environment) => format!("environment {environment}"),
        Subject::Team(team) => format!("team {team}"),
        Subject::Global | Subject::Digest(_) => format!("template {}", identity.template),
    }
}

/// A span of time in words, to the minute that has begun.
fn span(seconds: i64) -> String {
    let minutes = u64::try_from(seconds).unwrap_or_default().div_ceil(60).max(1);
    humantime::format_duration(Duration::from_secs(minutes * 60)).to_string()
}
