//! The text of a notification: Datadog's `{{ }}`, and who is told when.
//!
//! <https://docs.datadoghq.com/monitors/notify/variables/>

use std::collections::BTreeSet;

use memchr::{memchr, memchr_iter, memchr2};

use super::{About, Rule};

/// What Datadog fills in whatever the monitor watches.
const VARIABLES: [&str; 14] = [
    "alert_recovery_threshold",
    "alert_threshold",
    "check_message",
    "comparator",
    "first_triggered_at",
    "first_triggered_at_epoch",
    "last_triggered_at",
    "last_triggered_at_epoch",
    "ok_threshold",
    "threshold",
    "triggered_duration_sec",
    "value",
    "warn_recovery_threshold",
    "warn_threshold",
];
/// What it fills in besides for an alert on an SLO.
/// <https://docs.datadoghq.com/monitors/types/slo/#notifications>
const OF_SLO: &str = "timeframe";
/// And for one on how fast its budget burns, which has no `{{value}}`.
const OF_BURN_RATE: [&str; 2] = ["long_window_burn_rate", "short_window_burn_rate"];
/// How the value is written, so that its unit is kept.
/// <https://docs.datadoghq.com/monitors/guide/template-variable-evaluation/>
const VALUES: [&str; 3] = ["value", "eval \"int(value)\"", "eval \"round(value)\""];
/// Functions, which take the name of a variable.
const FUNCTIONS: [&str; 3] = ["eval", "local_time", "urlencode"];

/// What kind of monitor a text is of, as far as its variables depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Watches {
    ErrorBudget,
    BurnRate,
    Other,
}

/// What the query of a monitor lets its texts say.
#[derive(Clone, Copy)]
pub(super) struct Says<'q> {
    /// Its tag keys; `None` when not known.
    pub(super) groups: Option<&'q BTreeSet<String>>,
    pub(super) watches: Watches,
}

/// A state of a monitor, or the way back from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Occasion {
    Alert,
    Warning,
    NoData,
    AlertOver,
    WarningOver,
    NoDataOver,
}

/// Each state, the block that is for it alone, the way back, and what a person calls it.
const STATES: [(Occasion, &str, Occasion, &str); 3] = [
    (Occasion::Alert, "is_alert", Occasion::AlertOver, "alert"),
    (Occasion::Warning, "is_warning", Occasion::WarningOver, "warning"),
    (Occasion::NoData, "is_no_data", Occasion::NoDataOver, "missing data"),
];

impl Occasion {
    /// Whether a block is shown on this occasion. One that depends on something else may always be.
    fn shows(self, block: &Block<'_>) -> bool {
        let holds = match block.name {
            "is_alert" => self == Self::Alert,
            "is_warning" => self == Self::Warning,
            "is_no_data" => self == Self::NoData,
            "is_recovery" => matches!(self, Self::AlertOver | Self::WarningOver | Self::NoDataOver),
            "is_alert_recovery" => self == Self::AlertOver,
            "is_warning_recovery" => self == Self::WarningOver,
            "is_no_data_recovery" => self == Self::NoDataOver,
            "is_alert_to_warning" | "is_renotify" | "is_unknown" => false,
            _ => return true,
        };
        holds != block.negated
    }
}

/// `{{#name arguments}}`, or `{{^name arguments}}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block<'t> {
    name: &'t str,
    arguments: &'t str,
    negated: bool,
}

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'t> {
    Text(&'t str),
    Open(Block<'t>),
    Close(&'t str),
    /// What stands between the braces.
    Variable(&'t str),
}

/// The parts of a text, or why it has none: lowercase, with what to change.
fn tokens(text: &str) -> Result<Vec<Token<'_>>, String> {
    // Each two braces make two parts at most. A list that grows would take more memory at once than is at hand.
    let mut tokens = Vec::with_capacity(memchr_iter(b'{', text.as_bytes()).count() + 1);
    let mut rest = text;
    loop {
        let Some((before, brace, after)) = twice(rest) else {
            tokens.push(Token::Text(rest));
            return Ok(tokens);
        };
        if brace == b'}' {
            return Err(format!("`}}}}` after `{}` closes nothing; take it away or open it", end_of(before)));
        }
        tokens.push(Token::Text(before));
        let Some((inside, b'}', next)) = twice(after) else {
            return Err(format!("`{{{{{}` is not closed; end it with `}}}}`", start_of(after)));
        };
        tokens.extend(Token::of(inside.trim()));
        rest = next;
    }
}

/// What is before a brace that stands twice, the brace, and what is after it.
fn twice(text: &str) -> Option<(&str, u8, &str)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        at += memchr2(b'{', b'}', &bytes[at..])?;
        if bytes.get(at + 1) == Some(&bytes[at]) {
            return Some((&text[..at], bytes[at], &text[at + 2..]));
        }
        at += 1;
    }
}

impl<'t> Token<'t> {
    /// What that means between braces; none for a comment.
    fn of(inside: &'t str) -> Option<Self> {
        Some(match inside.split_at_checked(1) {
            Some((sign @ ("#" | "^"), named)) => {
                let (name, arguments) = named.split_once(char::is_whitespace).unwrap_or((named, ""));
                Self::Open(Block { name, arguments: arguments.trim(), negated: sign == "^" })
            }
            Some(("/", name)) => Self::Close(name.trim()),
            Some(("!", _)) => return None,
            _ => Self::Variable(inside),
        })
    }
}

fn start_of(text: &str) -> String {
    text.chars().take_while(|c| *c != '\n').take(20).collect()
}

fn end_of(text: &str) -> String {
    let all: Vec<char> = text.chars().collect();
    all[all.len().saturating_sub(20)..].iter().filter(|c| **c != '\n').collect()
}

/// The first block that is closed wrongly or not at all.
fn unclosed(tokens: &[Token<'_>]) -> Option<String> {
    let mut open = Vec::new();
    for token in tokens {
        match token {
            Token::Open(block) => open.push(block.name),
            Token::Close(name) => match open.pop() {
                Some(opened) if opened == *name => {}
                Some(opened) => {
                    return Some(format!("`{{{{/{name}}}}}` ends `{opened}`; write `{{{{/{opened}}}}}` before it"));
                }
                None => return Some(format!("`{{{{/{name}}}}}` ends nothing; take it away")),
            },
            Token::Text(_) | Token::Variable(_) => {}
        }
    }
    open.pop().map(|name| format!("`{{{{#{name}}}}}` is not ended; write `{{{{/{name}}}}}`"))
}

/// Makes `text` what is shown on an occasion.
fn show(tokens: &[Token<'_>], occasion: Occasion, text: &mut String) {
    let mut hidden = Vec::new();
    text.clear();
    for token in tokens {
        match token {
            Token::Open(block) => hidden.push(!occasion.shows(block)),
            Token::Close(_) => drop(hidden.pop()),
            Token::Text(part) if !hidden.contains(&true) => text.push_str(part),
            // Stands for something, so that what is around it is not one word.
            Token::Variable(_) if !hidden.contains(&true) => text.push('\u{fffd}'),
            Token::Text(_) | Token::Variable(_) => {}
        }
    }
}

/// What stands in a handle besides letters and digits.
const HANDLE_SIGNS: &str = "._+@/-";

/// `@slack-docs`, `@pagerduty-Docs`, ..: what Datadog takes for somebody to be told.
fn handles(text: &str) -> impl Iterator<Item = &str> {
    memchr_iter(b'@', text.as_bytes()).filter_map(|at| {
        let inside = text[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || "._+-/@".contains(c));
        let rest = &text[at + 1..];
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || HANDLE_SIGNS.contains(c))).unwrap_or(rest.len());
        let handle = rest[..end].trim_end_matches(['.', '/', '-']);
        (!inside && !handle.is_empty()).then(|| &text[at..=at + handle.len()])
    })
}

/// Whether anybody is told at all, when it is the same handles on every occasion: each is in sight with what is before and
/// after it, outside of every block. `None` when that cannot be told so easily.
fn always_told(tokens: &[Token<'_>]) -> Option<bool> {
    let mut depth = 0_usize;
    let mut told = false;
    for token in tokens {
        match token {
            Token::Open(_) => depth += 1,
            Token::Close(_) => depth = depth.saturating_sub(1),
            Token::Variable(_) => {}
            Token::Text(text) if memchr(b'@', text.as_bytes()).is_none() => {}
            Token::Text(text) => {
                let ends = |c: char| !(c.is_ascii_alphanumeric() || HANDLE_SIGNS.contains(c));
                if depth > 0 || text.starts_with('@') || !text.ends_with(ends) {
                    return None;
                }
                told |= handles(text).next().is_some();
            }
        }
    }
    Some(told)
}

/// Looks at braces, blocks and variables of one text, and tells its parts when those can be told.
pub(super) fn check_text<'t>(
    text: &'t str,
    place: &str,
    says: Says<'_>,
    about: &mut About<'_>,
) -> Option<Vec<Token<'t>>> {
    let tokens = match tokens(text) {
        Ok(tokens) => tokens,
        Err(message) => {
            about.found(Rule::Braces, place, message);
            return None;
        }
    };
    if let Some(message) = unclosed(&tokens) {
        about.found(Rule::Block, place, message);
        return None;
    }
    for token in &tokens {
        match token {
            Token::Open(Block { name: "is_match" | "is_exact_match", arguments, .. }) => {
                variable(first_quoted(arguments), place, says, about);
            }
            Token::Variable(inside) => match inside.split_once(char::is_whitespace) {
                Some((function, arguments)) if FUNCTIONS.contains(&function) && function != "eval" => {
                    variable(first_quoted(arguments), place, says, about);
                }
                Some((function, _)) if FUNCTIONS.contains(&function) => {}
                _ => variable(inside, place, says, about),
            },
            Token::Text(_) | Token::Open(_) | Token::Close(_) => {}
        }
    }
    Some(tokens)
}

fn first_quoted(arguments: &str) -> &str {
    let arguments = arguments.trim_start();
    let quoted = |quote| arguments.strip_prefix(quote)?.split(quote).next();
    quoted('"').or_else(|| quoted('\'')).unwrap_or_else(|| arguments.split_whitespace().next().unwrap_or_default())
}

fn variable(name: &str, place: &str, says: Says<'_>, about: &mut About<'_>) {
    // A key with a dot in it stands in brackets.
    let key = name.strip_suffix(".name").map(|key| key.trim_start_matches('[').trim_end_matches(']'));
    let Says { groups, watches } = says;
    match (key, groups) {
        (None, _) if name == "value" && watches == Watches::BurnRate => {
            let message = "`{{value}}` stays empty, since a burn rate has none; write `{{long_window_burn_rate}}`";
            about.found(Rule::Variable, place, message);
        }
        (None, _) if VARIABLES.contains(&name) => {}
        (None, _) if name == OF_SLO && watches != Watches::Other => {}
        (None, _) if OF_BURN_RATE.contains(&name) && watches == Watches::BurnRate => {}
        (None, _) => {
            let message = format!("`{{{{{name}}}}}` is nothing that Datadog is known to fill in; take it away");
            about.found(Rule::Variable, place, message);
        }
        (Some(_), None) => {
            let message = format!("`{{{{{name}}}}}` depends on groups that the query does not tell");
            about.unknown(Rule::GroupVariable, place, message);
        }
        (Some(key), Some(groups)) if !groups.contains(key) => {
            let message = format!("`{{{{{name}}}}}` stays empty: write `by {{{key}}}` in the query, or take it away");
            about.found(Rule::GroupVariable, place, message);
        }
        _ => {}
    }
}

/// Looks at who is told by a message of these parts: somebody, and of the recovery too.
pub(super) fn check_handles(tokens: &[Token<'_>], on_missing_data: bool, about: &mut About<'_>) {
    let always = always_told(tokens);
    let mut told = always == Some(true);
    let (mut during, mut after) = (String::new(), String::new());
    for (state, block, over, word) in STATES.into_iter().filter(|_| always.is_none()) {
        show(tokens, state, &mut during);
        show(tokens, over, &mut after);
        let [during, after] = [&during, &after].map(|text| handles(text).collect::<BTreeSet<_>>());
        told |= !during.is_empty() && (state != Occasion::NoData || on_missing_data);
        for handle in during.difference(&after) {
            let message = format!(
                "`{handle}` is told of the {word} and not of its end, so its page stays open; put it outside of `{{{{#{block}}}}}`"
            );
            about.found(Rule::RecoveryHandle, "message", message);
        }
    }
    if !told {
        about.found(Rule::NoHandle, "message", "nobody is told; name a route in `routes`, or put `<< notify >>` in it");
    }
}

/// The word after each value, whole or with its decimals, which should be its unit.
pub(super) fn units<'t>(tokens: &[Token<'t>]) -> impl Iterator<Item = &'t str> {
    tokens.windows(2).filter_map(|pair| match pair {
        [Token::Variable(variable), Token::Text(rest)] if VALUES.contains(variable) => {
            let rest = rest.trim_start_matches(' ');
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '%' || c == '$')).unwrap_or(rest.len());
            Some(&rest[..end])
        }
        _ => None,
    })
}

/// What stands after a word.
pub(super) fn after<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    // To look for one byte is many times faster than to look for a word.
    let first = *word.as_bytes().first()?;
    memchr_iter(first, text.as_bytes()).find_map(|at| text[at..].strip_prefix(word))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use proptest::prelude::*;

    use super::*;

    fn shown(tokens: &[Token<'_>], occasion: Occasion) -> String {
        let mut text = String::from("what was there before");
        show(tokens, occasion, &mut text);
        text
    }

    proptest! {
        #[test]
        fn for_all_texts_reading_ends_and_loses_nothing(text in r"[a-z@{}#^/ \n.]{0,60}") {
            if let Ok(tokens) = tokens(&text) {
                let shown = shown(&tokens, Occasion::Alert);
                prop_assert!(shown.chars().filter(|c| *c == '@').count() <= text.matches('@').count());
            }
        }
    }

    proptest! {
        #[test]
        fn for_all_texts_those_who_are_always_told_are_told_on_every_occasion(
            parts in proptest::collection::vec(proptest::sample::select(&[
                "@a", "@b ", " @c-d, ", "x", " ", ".", "{{value}}", "{{! no }}", "{{#is_alert}}", "{{/is_alert}}", "{{^is_recovery}}",
                "{{/is_recovery}}", "{{#is_match \"a\" \"b\"}}", "{{/is_match}}",
            ][..]), 0..8),
        ) {
            let text = parts.concat();
            let tokens = tokens(&text).unwrap();
            if unclosed(&tokens).is_none() && let Some(told) = always_told(&tokens) {
                let texts: Vec<String> = STATES.iter().flat_map(|(state, _, over, _)| [shown(&tokens, *state), shown(&tokens, *over)]).collect();
                let all: Vec<BTreeSet<&str>> = texts.iter().map(|text| handles(text).collect()).collect();
                prop_assert!(all.iter().all(|one| *one == all[0] && one.is_empty() != told), "{text}");
            }
        }
    }

    #[test]
    fn handles_are_found_where_datadog_finds_them() {
        let found = |text| handles(text).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
        assert_eq!(found("tell @slack-docs, @pagerduty-Docs. a@b.c"), ["@pagerduty-Docs", "@slack-docs"]);
        assert_eq!(found("(@jo@example.com)"), ["@jo@example.com"]);
        assert_eq!(found("@ @"), [""; 0]);
    }

    #[test]
    fn a_block_is_shown_on_its_occasion_alone() {
        let text =
            "a{{#is_alert}}b{{^is_match \"x.name\" \"y\"}}c{{/is_match}}{{/is_alert}}{{^is_recovery}}d{{/is_recovery}}";
        let tokens = tokens(text).unwrap();
        assert_eq!(shown(&tokens, Occasion::Alert), "abcd");
        assert_eq!(shown(&tokens, Occasion::Warning), "ad");
        assert_eq!(shown(&tokens, Occasion::AlertOver), "a");
    }
}
