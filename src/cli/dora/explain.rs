//! One deployment and everything that is concluded about it, with the reasons.

use chrono::FixedOffset;
use serde::Serialize;

use super::print::{Mood, faint, painted, printable, strong};
use super::{instant, rounded};
use crate::model::dora::{About, Action, Changes, Entry, Judged, Life, Reason, Rules, Standing, Verdict, Word};
use crate::model::pipeline::quoted;

/// The JSON object of `dora explain --json`. Instants are Unix seconds, durations seconds.
#[derive(Debug, Serialize)]
pub(super) struct Explained<'a> {
    /// Version of this object.
    version: u32,
    #[serde(flatten)]
    judged: &'a Judged<'a>,
    reasons: Vec<Reason>,
    /// All that persons have said, in the order of time.
    words: Vec<&'a Word>,
    /// What was done about it.
    life: &'a Life,
    /// Commits that it delivered, with their first lines.
    #[serde(skip)]
    titles: Vec<(&'a str, &'a str)>,
}

impl<'a> Explained<'a> {
    pub(super) fn of(judged: &'a Judged<'a>, entry: &'a Entry, rules: &Rules) -> Self {
        let comparisons = entry.comparisons.values().filter_map(|comparison| match &comparison.changes {
            Changes::Known(changes) => Some(changes),
            Changes::Unknown(_) => None,
        });
        Self {
            version: 1,
            judged,
            reasons: judged.explain(rules),
            words: entry.words.iter().collect(),
            life: &entry.life,
            titles: comparisons.flatten().map(|change| (change.sha.as_str(), change.title.as_str())).collect(),
        }
    }
}

/// What a person reads.
pub(super) fn text(explained: &Explained<'_>, zone: FixedOffset) -> String {
    let judged = explained.judged;
    let deployment = judged.deployment;
    let mut lines = vec![
        strong(printable(judged.id.as_str())),
        format!(
            "{} of {} in {}, {}",
            deployment.action.name(),
            quoted(&deployment.unit.pipeline),
            quoted(&deployment.unit.environment),
            deployment.team.as_ref().map_or_else(|| "no team".to_owned(), |team| format!("team {}", quoted(team))),
        ),
        verdict(judged),
    ];
    let end = judged.finished_at().map_or_else(|| "not ended".to_owned(), |at| format!("ended {}", instant(at, zone)));
    lines.push(format!("run created {}, {end}", instant(deployment.created_at, zone)));
    for (about, heading) in [
        (About::Attribution, "How it was recognised"),
        (About::Attempt, "Attempts"),
        (About::Counting, "Whether it counts"),
        (About::Lead, "What it delivered"),
        (About::Failure, "Whether it failed"),
        (About::Recovery, "What put it right"),
        (About::Rework, "What it put right"),
    ] {
        let reasons: Vec<&Reason> = explained.reasons.iter().filter(|reason| reason.about == about).collect();
        if !reasons.is_empty() {
            lines.push(String::new());
            lines.push(strong(heading));
            lines.extend(reasons.into_iter().flat_map(|reason| one(reason, explained)));
        }
    }
    if !explained.words.is_empty() {
        lines.push(String::new());
        lines.push(strong("What was said, the last word counts"));
        lines.extend(explained.words.iter().map(|word| said(word, zone)));
    }
    lines.push(String::new());
    lines.push(strong("What became of it here"));
    lines.extend(life(explained.life, zone));
    lines.join("\n").lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

fn verdict(judged: &Judged<'_>) -> String {
    let recovered = || match &judged.recovery {
        Some(recovery) => format!(", recovered after {}", rounded(recovery.seconds)),
        None => ", open".to_owned(),
    };
    let rework = if judged.remedies.is_empty() { "" } else { ", rework" };
    match (judged.standing, judged.failure) {
        (Standing::Counts | Standing::CountsAsFailedUp, true) => {
            painted(Mood::Bad, format!("a change failure{}{rework}", recovered()))
        }
        (Standing::Counts | Standing::CountsAsFailedUp, false) => {
            painted(Mood::Good, format!("a deployment, no failure{rework}"))
        }
        (standing, _) => painted(Mood::Changed, format!("not counted: {}", uncounted(standing))),
    }
}

fn uncounted(standing: Standing) -> &'static str {
    match standing {
        Standing::Pending => "not ended",
        Standing::FailedUp => "the up failed",
        Standing::Cancelled => "cancelled",
        Standing::Destroy => Action::Destroy.name(),
        Standing::Preview => Action::Preview.name(),
        Standing::Counts | Standing::CountsAsFailedUp => "counted",
    }
}

/// A reason, with the title of the commit that it is about, and where to look.
fn one(reason: &Reason, explained: &Explained<'_>) -> Vec<String> {
    let title = explained.titles.iter().find(|(sha, _)| reason.commit.as_deref() == Some(*sha));
    let title = title.map(|(_, title)| format!(": {}", printable(&quoted(title)))).unwrap_or_default();
    let mut lines = vec![format!("  {}{title}", printable(&reason.words))];
    lines.extend(reason.link.iter().map(|link| faint(printable(&format!("    {link}")))));
    lines
}

fn said(word: &Word, zone: FixedOffset) -> String {
    let verdict = match word.verdict {
        Verdict::Failed => "failed",
        Verdict::Ok => "no failure",
    };
    let who = word.by.as_deref().unwrap_or("somebody");
    printable(&format!("  {}  {who}: {verdict}, because {:?}", instant(word.at, zone), word.because))
}

fn life(life: &Life, zone: FixedOffset) -> Vec<String> {
    let Life { seen, attributed, sent, marked, unmarked, remedied, posted } = life;
    let at = |what: &str, at: Option<i64>| at.map(|at| format!("  {:<10}  {}", what, instant(at, zone)));
    let mut lines: Vec<String> = [at("seen", *seen), at("attributed", *attributed)].into_iter().flatten().collect();
    lines.push(match sent {
        None => "  not sent to Datadog".to_owned(),
        Some(sent) => format!(
            "  {:<10}  {}, as {} to {}",
            "sent",
            instant(sent.at, zone),
            instant(sent.started_at, zone),
            instant(sent.finished_at, zone)
        ),
    });
    lines.extend(at("marked", *marked).map(|line| format!("{line}, as a failure in Datadog")));
    lines.extend(at("unmarked", *unmarked).map(|line| format!("{line}, as no failure in Datadog")));
    let remedied = remedied.as_ref().and_then(|remedied| at("remedied", Some(remedied.at)));
    lines.extend(remedied.map(|line| format!("{line}, as Datadog knows it")));
    lines.extend(at("posted", *posted).map(|line| format!("{line}, as an event in Datadog")));
    lines
}
