//! A person's word on one deployment.

use super::CommandError;
use super::print::{Mood, painted, printable};
use crate::model::dora::{DeploymentId, Fact, Judged, Ledger, Rules, Standing, Verdict, Word};
use crate::model::pipeline::quoted;

/// Longer reasons are essays: characters.
const MAX_BECAUSE: usize = 1_000;

/// Longer names are none: characters.
const MAX_BY: usize = 100;

/// What somebody wants to say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Saying<'a> {
    pub(super) id: &'a DeploymentId,
    pub(super) verdict: Verdict,
    pub(super) because: &'a str,
    pub(super) by: Option<&'a str>,
}

/// The word, and what it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marked {
    pub(super) id: DeploymentId,
    pub(super) word: Word,
    unit: String,
    failed_before: bool,
    pending: bool,
}

/// Makes a word of it. It is later than every word before it, so that it is the last also within one second and from a
/// machine whose clock is behind.
///
/// # Errors
/// When nothing is said, or what is said could mean nothing: a preview cannot fail.
pub(super) fn mark(ledger: &Ledger, rules: &Rules, saying: &Saying<'_>, now: i64) -> Result<Marked, CommandError> {
    let usage = |words: String| CommandError::Usage(words);
    let Saying { id, verdict, because, by } = saying;
    let because = because.trim();
    let by = by.map(str::trim).filter(|by| !by.is_empty());
    if because.is_empty() {
        return Err(usage("`--because` needs a reason: whoever explains the numbers will read it".to_owned()));
    }
    for (option, text, most) in [("--because", because, MAX_BECAUSE), ("--by", by.unwrap_or_default(), MAX_BY)] {
        if text.chars().count() > most {
            return Err(usage(format!("`{option}` is longer than {most} characters")));
        }
    }
    let last = ledger.entries.get(id).and_then(|entry| entry.words.last()).map(|word| word.at);
    let word = Word {
        at: last.map_or(now, |last| now.max(last.saturating_add(1))),
        verdict: *verdict,
        because: because.to_owned(),
        by: by.map(str::to_owned),
    };
    let mut then = ledger.clone();
    then.observe(Fact::Word { id: (*id).clone(), word: word.clone() });
    let (before, after) = (ledger.judge(rules), then.judge(rules));
    let of = |judged: &[Judged<'_>]| judged.iter().find(|it| it.id == **id).map(|it| (it.standing, it.failure));
    let (Some((_, failed_before)), Some((standing, failed))) = (of(&before), of(&after)) else {
        return Err(usage(format!("there is no deployment {}", quoted(id.as_str()))));
    };
    let unit = ledger.entries.get(id).and_then(|entry| entry.deployment.as_ref()).map(|deployment| {
        let unit = &deployment.unit;
        format!("{} of {} in {}", deployment.action.name(), quoted(&unit.pipeline), quoted(&unit.environment))
    });
    if *verdict == Verdict::Failed && !failed && standing != Standing::Pending {
        let why = match standing {
            Standing::Preview => "a preview changes nothing",
            Standing::Destroy => "a destroy is a kind of its own",
            _ => "it never began",
        };
        let words =
            format!("{id} cannot be a change failure: {why}, and only what reaches for the environment can fail");
        return Err(usage(words));
    }
    Ok(Marked {
        id: (*id).clone(),
        word,
        unit: unit.unwrap_or_default(),
        failed_before,
        pending: standing == Standing::Pending,
    })
}

/// What was said, and what becomes of it.
pub(super) fn text(marked: &Marked) -> String {
    let Marked { id, word, unit, failed_before, pending } = marked;
    let now = match word.verdict {
        Verdict::Failed => painted(Mood::Bad, "a change failure"),
        Verdict::Ok => painted(Mood::Good, "no failure"),
    };
    let when = if *pending { " once it has ended" } else { "" };
    let before = match (failed_before, word.verdict) {
        (true, Verdict::Ok) | (false, Verdict::Failed) => "",
        (true, Verdict::Failed) => "; it was one before, and stays one whatever is found",
        (false, Verdict::Ok) => "; it was none before, and stays none whatever is found",
    };
    let who = word.by.as_deref().unwrap_or("somebody");
    let opposite = match word.verdict {
        Verdict::Failed => "--ok",
        Verdict::Ok => "--failed",
    };
    [
        format!("{}  {unit}", printable(id.as_str())),
        format!("{now}{when}{before}"),
        printable(&format!("{who} says so: {:?}", word.because)),
        format!(
            "Reports count it so from now on; Datadog follows at the next look (`run`, `once`, `dora backfill`). \
             `{opposite}` takes it back."
        ),
    ]
    .join("\n")
}
