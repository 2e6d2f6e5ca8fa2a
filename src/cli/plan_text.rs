//! A plan as a person reads it: object by object, field by field.

use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::outline::{self, Row};
use super::print::{self, Mood, painted, printable};
use crate::provision::plan::{Action, Cause, FieldChange, Plan, Step};

/// Part of the mark that differs whenever something else does.
const DIGEST: &str = "ddsync_digest";
/// Part of the mark that the words about the object tell.
const GONE: &str = "ddsync_gone";
/// Characters of one value that are shown; JSON has all of it.
const SHOWN: usize = 120;
/// Characters that two values have in common and that are shown before they differ.
const ALIKE: usize = 30;
/// Lines of one long text that are shown around a change.
const CONTEXT: usize = 1;

/// Prints what would be done, what deserves a look, and the sum.
pub(super) fn show(plan: &Plan) {
    let rows: Vec<Row<'_>> = plan.steps.iter().map(of_step).collect();
    outline::show(&rows);
    for extra in &plan.extras {
        let text = format!(
            "= {} {}: {} was added by hand and stays: {}",
            extra.kind,
            extra.identity,
            extra.path,
            cut(&text(&extra.value), 0)
        );
        print::note(printable(&text));
    }
    for finding in &plan.findings {
        print::warning(finding);
    }
    if !plan.steps.is_empty() || !plan.extras.is_empty() {
        print::line("");
    }
    print::heading(plan.summary());
}

/// One object and what is done with it.
fn of_step(step: &Step) -> Row<'_> {
    let (mood, sign, words) = match &step.action {
        Action::Create { .. } => (Mood::Good, '+', String::new()),
        Action::Update { cause, .. } => (Mood::Changed, '~', of_cause(*cause).to_owned()),
        Action::Recreate { because, .. } => (Mood::Bad, '±', format!("deleted and made anew: {because}")),
        Action::Delete { because, .. } => (Mood::Bad, '-', because.clone()),
        Action::Blocked { because, .. } => (Mood::Bad, '!', format!("not done: {because}")),
    };
    let title = outline::title(&step.identity, &step.title).to_owned();
    let words = if words.is_empty() { words } else { format!("({words})") };
    let rest: Vec<String> = [title, words].into_iter().filter(|part| !part.is_empty()).collect();
    let fields = step.fields();
    Row {
        kind: Some(step.kind),
        identity: &step.identity,
        mood,
        sign,
        rest: printable(&rest.join(" ")),
        below: fields
            .iter()
            .filter(|field| field.path != GONE && (fields.len() == 1 || field.path != DIGEST))
            .flat_map(of_field)
            .collect(),
    }
}

fn of_cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Change => "",
        Cause::Drift => "changed by hand, to be put back",
        Cause::Adopt => "taken over",
        Cause::Gone => "nothing makes it any more: marked, kept for `provision.grace`",
        Cause::Back => "wanted again",
    }
}

fn of_field(field: &FieldChange) -> Vec<String> {
    let path = printable(&field.path);
    match (&field.old, &field.new) {
        (Value::String(old), Value::String(new)) if old.contains('\n') || new.contains('\n') => {
            let mut lines = vec![format!("{path}:")];
            lines.extend(of_lines(old, new));
            lines
        }
        (old, new) => of_values(&path, &text(old), &text(new)),
    }
}

/// Both values on one line, or on a line each when that would be too wide; what they begin with alike is left out.
fn of_values(path: &str, old: &str, new: &str) -> Vec<String> {
    let (bad, good) = (|text: String| painted(Mood::Bad, text), |text: String| painted(Mood::Good, text));
    if old.chars().count() + new.chars().count() <= SHOWN / 2 {
        return vec![format!("{path}: {} -> {}", bad(printable(old)), good(printable(new)))];
    }
    let alike = old.chars().zip(new.chars()).take_while(|(old, new)| old == new).count();
    let skip = if alike > 2 * ALIKE { alike - ALIKE } else { 0 };
    let part = |sign: char, text: &str| format!("  {sign} {}", printable(&cut(text, skip)));
    vec![format!("{path}:"), bad(part('-', old)), good(part('+', new))]
}

/// The lines that differ, with those around them.
fn of_lines(old: &str, new: &str) -> Vec<String> {
    let diff = TextDiff::from_lines(old, new);
    let mut lines = Vec::new();
    for (index, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        if index > 0 {
            lines.push("  ...".to_owned());
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let text = printable(change.value().trim_end());
            let line = match change.tag() {
                ChangeTag::Delete => painted(Mood::Bad, format!("  - {text}").trim_end()),
                ChangeTag::Insert => painted(Mood::Good, format!("  + {text}").trim_end()),
                ChangeTag::Equal => format!("    {text}").trim_end().to_owned(),
            };
            lines.push(line);
        }
    }
    lines
}

/// A value on one line.
fn text(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}

/// What is left of a text after so many characters, as far as it is shown.
fn cut(text: &str, skip: usize) -> String {
    let start = if skip > 0 { "…" } else { "" };
    let shown: String = text.chars().skip(skip).take(SHOWN).collect();
    let end = if text.chars().nth(skip + SHOWN).is_some() { "…" } else { "" };
    format!("{start}{shown}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_seen_however_long_the_values_are() {
        assert_eq!(of_values("x", "5", "7"), ["x: \u{1b}[31m5\u{1b}[0m -> \u{1b}[32m7\u{1b}[0m"]);
        let query = |end: &str| format!("{}é > {end}", "sum:a.metric{x:y} + ".repeat(20));
        let lines = of_values("query", &query("5"), &query("7")).join("\n");
        assert!(lines.contains("é > 5") && lines.contains("é > 7") && lines.chars().count() < 200, "{lines}");
        let lines = of_values("x", &"a".repeat(500), &"b".repeat(500));
        assert!(lines.iter().all(|line| line.chars().count() < SHOWN + 20), "{lines:?}");
    }
}
