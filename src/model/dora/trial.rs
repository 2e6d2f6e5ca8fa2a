//! The rules of failure: which deployment a successor or a signal speaks against.

use std::collections::BTreeMap;

use crate::model::dora::commits::{Change, Changes, Relation};
use crate::model::dora::deployment::Attribution;
use crate::model::dora::evidence::{Evidence, Rule, Signal, SignalKind};
use crate::model::dora::id::{Action, DeploymentId};
use crate::model::dora::rules::Rules;
use crate::model::dora::timeline::{Arrival, Touch};

/// What the deployments of a unit say about the ones before them.
pub(super) fn of_successors<'a>(timeline: &[Arrival<'a>], rules: &Rules) -> Vec<(&'a DeploymentId, Evidence)> {
    let mut found = Vec::new();
    let mut live: Option<&Arrival<'a>> = None;
    let mut last: Option<&Arrival<'a>> = None;
    // What `live` took back, when it is a rollback.
    let mut undone: Option<&Arrival<'a>> = None;
    let mut commits = FirstSeen::default();
    let mut versions = FirstSeen::default();
    for (index, next) in timeline.iter().enumerate() {
        if next.is_destroy() {
            // What is taken away cannot be rolled back.
            (live, undone) = (None, None);
            continue;
        }
        commits.note(next.sha());
        versions.note(next.deployment.version.as_deref());
        if let Some(live) = live.filter(|live| live.id != next.id) {
            let back = rules.is_on(Rule::Rollback) && comparable(live, next, rules);
            let rollback = back.then(|| rolled_back(live, next, &commits, &versions)).flatten();
            // A hotfix after a rollback mends what was rolled back.
            let broken = undone.unwrap_or(live);
            if let Some(words) = hotfix(broken, last, next, rules) {
                found.push((broken.id, evidence(Rule::Hotfix, words, next)));
            }
            undone = rollback.is_some().then_some(live);
            if let Some(words) = rollback {
                found.push((live.id, evidence(Rule::Rollback, words, next)));
            }
        }
        if rules.is_on(Rule::Revert) && next.first {
            let earlier = timeline.get(..index).unwrap_or_default();
            for (reverted, words) in reverted(earlier, last, next, rules) {
                found.push((reverted, evidence(Rule::Revert, words, next)));
            }
        }
        (live, last) = (Some(next), Some(next));
    }
    found
}

/// What a signal says about the deployment that changed the environment last when it came, be it that it failed: then
/// the one before must not bear the blame.
pub(super) fn of_signal<'a>(
    touches: &[Touch<'a>],
    signal: &Signal,
    rules: &Rules,
) -> Option<(&'a DeploymentId, Evidence)> {
    let (rule, window) = match signal.kind {
        SignalKind::EndpointFailed | SignalKind::EndpointRolledBack => (Rule::Endpoint, rules.endpoint_window),
        SignalKind::Monitor { priority } if (1..=rules.monitor_priority).contains(&priority) => {
            (Rule::Monitor, rules.monitor_window)
        }
        SignalKind::Monitor { .. } => return None,
    };
    if !rules.is_on(rule) {
        return None;
    }
    let last = touches.iter().rfind(|touch| touch.started_at <= signal.at)?;
    let after = last.finished_at.map_or(-1, |finished| signal.at.saturating_sub(finished));
    if last.action == Action::Destroy || after > window {
        return None;
    }
    let when = if after < 0 { "while it was applied".to_owned() } else { format!("{} min after it", after / 60) };
    let words = format!("{}, {when}", signal.words);
    let link = signal.link.clone();
    Some((last.id, Evidence { at: signal.at, rule, words, link, remediation: None }))
}

fn evidence(rule: Rule, words: String, by: &Arrival<'_>) -> Evidence {
    let link = Some(by.deployment.origin.url.clone());
    Evidence { at: by.finished_at, rule, words, link, remediation: Some(by.id.clone()) }
}

/// The order in which names were first deployed.
#[derive(Default)]
struct FirstSeen<'a>(BTreeMap<&'a str, usize>);

impl<'a> FirstSeen<'a> {
    fn note(&mut self, name: Option<&'a str>) {
        if let Some(name) = name {
            let order = self.0.len();
            self.0.entry(name).or_insert(order);
        }
    }

    fn earlier(&self, name: Option<&str>, than: Option<&str>) -> bool {
        let order = |name: Option<&str>| name.and_then(|name| self.0.get(name));
        order(name).zip(order(than)).is_some_and(|(a, b)| a < b)
    }
}

fn is_development(arrival: &Arrival<'_>, rules: &Rules) -> bool {
    rules.is_development(&arrival.deployment.unit.environment)
}

/// In development, going from `main` to a branch and back is daily work: only the same branch says something.
fn comparable(a: &Arrival<'_>, b: &Arrival<'_>, rules: &Rules) -> bool {
    let branch = |arrival: &Arrival<'_>| arrival.deployment.origin.branch.clone();
    !is_development(a, rules) || (branch(a).is_some() && branch(a) == branch(b))
}

fn rolled_back(
    live: &Arrival<'_>,
    next: &Arrival<'_>,
    commits: &FirstSeen<'_>,
    versions: &FirstSeen<'_>,
) -> Option<String> {
    let by = next.id;
    if versions.earlier(next.deployment.version.as_deref(), live.deployment.version.as_deref()) {
        let version = next.deployment.version.as_deref().unwrap_or_default();
        return Some(format!("{by} went back to version {version}"));
    }
    let (from, to) = (live.sha()?, next.sha()?);
    let earlier = match relation(live, next)? {
        Some(Relation::Behind) => true,
        Some(Relation::Ahead | Relation::Identical) => false,
        // Without GitHub's word, what was deployed first is the earlier one.
        Some(Relation::Diverged) | None => commits.earlier(Some(to), Some(from)),
    };
    earlier.then(|| format!("{by} went back to commit {}", short(to)))
}

/// How `next` relates to `live`: outer `None` when a commit is not known, inner when nobody compared them.
#[expect(clippy::option_option, reason = "an unknown commit and an unknown relation mean different things")]
fn relation(live: &Arrival<'_>, next: &Arrival<'_>) -> Option<Option<Relation>> {
    let (from, to) = (live.sha()?, next.sha()?);
    if from == to {
        return Some(Some(Relation::Identical));
    }
    let forth = next.entry.comparisons.get(from).and_then(|comparison| comparison.relation);
    let back = live.entry.comparisons.get(to).and_then(|comparison| comparison.relation);
    Some(forth.or(back.map(|relation| match relation {
        Relation::Ahead => Relation::Behind,
        Relation::Behind => Relation::Ahead,
        same => same,
    })))
}

fn hotfix(broken: &Arrival<'_>, last: Option<&Arrival<'_>>, next: &Arrival<'_>, rules: &Rules) -> Option<String> {
    let unchanged = next.sha().is_some() && next.sha() == broken.sha();
    let late = next.finished_at.saturating_sub(broken.finished_at) > rules.repair_window;
    if !rules.is_on(Rule::Hotfix) || !next.first || unchanged || late || is_development(next, rules) {
        return None;
    }
    let origin = &next.deployment.origin;
    let free = (origin.by != Attribution::Title).then_some(origin.title.as_str());
    let titles = changes(last, next).iter().map(|change| change.title.as_str());
    let texts = origin.branch.as_deref().into_iter().chain(free).chain(titles);
    let said = texts.into_iter().find(|text| rules.hotfix_words.iter().any(|word| has_words(text, word)))?;
    Some(format!("{} was a hotfix: {said:?}", next.id))
}

/// Whether a text has a word, or several in a row, in any case. Signs part words.
fn has_words(text: &str, wanted: &str) -> bool {
    let words = |text: &str| -> Vec<String> {
        let parts = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        parts.map(str::to_lowercase).collect()
    };
    let (text, wanted) = (words(text), words(wanted));
    !wanted.is_empty() && text.windows(wanted.len()).any(|part| part == wanted)
}

/// Deployments that brought a commit which `next` takes back.
fn reverted<'a>(
    earlier: &[Arrival<'a>],
    last: Option<&Arrival<'_>>,
    next: &Arrival<'a>,
    rules: &Rules,
) -> Vec<(&'a DeploymentId, String)> {
    let own = changes(last, next);
    let mut found = Vec::new();
    for revert in own.iter().filter(|change| change.reverts.is_some()) {
        // What is delivered and taken back at once may still have been live before, and was rolled back.
        let same = target(own, revert).map(|change| change.sha.as_str());
        for (index, arrival) in earlier.iter().enumerate().rev() {
            if arrival.is_destroy() || !arrival.first || !comparable(arrival, next, rules) {
                continue;
            }
            if next.finished_at.saturating_sub(arrival.finished_at) > rules.repair_window {
                break;
            }
            let base = earlier.get(..index).unwrap_or_default().iter().rfind(|it| !it.is_destroy());
            let theirs = changes(base, arrival);
            let found_there = match same {
                Some(sha) => theirs.iter().find(|change| change.sha == sha),
                None => target(theirs, revert),
            };
            if let Some(change) = found_there {
                // Taking a revert back is going on, not failing.
                if change.reverts.is_none() {
                    let (change, revert) = (short(&change.sha), short(&revert.sha));
                    found.push((arrival.id, format!("{} reverted its commit {change} with {revert}", next.id)));
                }
                break;
            }
        }
    }
    found
}

/// The commit that a revert takes back: by its hash, else by its title.
fn target<'c>(changes: &'c [Change], revert: &Change) -> Option<&'c Change> {
    let reverted = revert.reverts.as_ref()?;
    let others = || changes.iter().filter(|change| change.sha != revert.sha);
    let by_sha = reverted.sha.as_deref().and_then(|sha| others().find(|change| change.sha.starts_with(sha)));
    let by_title = || {
        let title = without_number(reverted.title.as_deref()?);
        others().find(|change| without_number(&change.title) == title)
    };
    by_sha.or_else(by_title)
}

/// A squash puts the number of the pull request behind the title.
fn without_number(title: &str) -> &str {
    let end = title.trim_end();
    let number = end.strip_suffix(')').and_then(|text| text.rsplit_once(" (#"));
    match number {
        Some((title, digits)) if digits.bytes().all(|b| b.is_ascii_digit()) => title.trim_end(),
        _ => end,
    }
}

fn changes<'a>(base: Option<&Arrival<'_>>, head: &Arrival<'a>) -> &'a [Change] {
    let comparison = base.and_then(|base| base.sha()).and_then(|sha| head.entry.comparisons.get(sha));
    match comparison.map(|comparison| &comparison.changes) {
        Some(Changes::Known(changes)) => changes,
        _ => &[],
    }
}

fn short(sha: &str) -> &str {
    sha.get(..7).unwrap_or(sha)
}
