//! Events that people read, as `POST /api/v1/events` takes them. Pure.
//!
//! Their words come from outside: a name could call people (`@pagerduty-x`) or be markup.
//! <https://docs.datadoghq.com/api/latest/events/#post-an-event>

use chrono::DateTime;
use serde_json::{Value, json};

use crate::model::failure::{FailedRequest, FailureContext};
use crate::model::hostile::is_hostile;

/// What finds the events about failures: `ddsync_event:failures pipeline:lease environment:data_prod`.
pub const FAILURES: &str = "ddsync_event:failures";

/// Datadog's own word for events of programs that it does not know.
pub(super) const SOURCE: &str = "my_apps";

/// Longest title, in characters.
pub(super) const MAX_TITLE: usize = 100;

/// Longest text, in characters: 4,000, less what goes around a list.
const MAX_LIST: usize = 3_000;
/// Characters of what one error says.
const MAX_WORDS: usize = 160;

/// The event about requests that failed. `everywhere` are the tags of everything that is sent, and `app` the address at
/// which people look at Datadog.
#[must_use]
pub fn failures(context: &FailureContext, everywhere: &[String], app: &str) -> Value {
    let FailureContext { pipeline, stage, tags, at, failures, .. } = context;
    let many = failures.requests.len();
    let more = if failures.more { " or more" } else { "" };
    let what = if many == 1 { "request" } else { "requests" };
    let place = if stage.is_empty() { pipeline.clone() } else { format!("{stage} of {pipeline}") };
    let title = format!("{many}{more} {what} failed in {place}");
    let own = failures.requests.iter().map(|failed| format!("error_class:{}", failed.class));
    let mut tags: Vec<String> = tags.iter().chain(everywhere).cloned().chain(own).collect();
    tags.push(FAILURES.to_owned());
    tags.sort_unstable();
    tags.dedup();
    json!({
        "title": title.chars().take(MAX_TITLE).collect::<String>(),
        "text": text(context, app),
        "date_happened": at,
        "alert_type": "error",
        "source_type_name": SOURCE,
        "tags": tags,
    })
}

fn text(context: &FailureContext, app: &str) -> String {
    let FailureContext { pipeline, stage, at, risen, from, to, failures, .. } = context;
    let time = |at: i64| DateTime::from_timestamp_millis(at).unwrap_or_default();
    let risen: Vec<String> = risen.iter().map(|(series, failures)| format!("{failures} in `{series}`")).collect();
    let minute = time(at * 1_000).format("%H:%M UTC");
    let (first, last) = (time(*from).format("%H:%M:%S"), time(*to).format("%H:%M:%S"));
    let head = format!("{} in the minute from {minute}. The log from {first} to {last} says:", risen.join(" and "));
    let mut lines = vec![head, String::new()];
    let mut room = MAX_LIST;
    let fits = |line: &String| {
        let left = room.checked_sub(line.chars().count());
        room = left.unwrap_or(0);
        left.is_some()
    };
    let before = lines.len();
    lines.extend(failures.requests.iter().map(item).take_while(fits));
    let rest = failures.requests.len() - (lines.len() - before);
    if rest > 0 {
        lines.push(format!("- and {rest} more"));
    }
    match failures.nameless {
        0 => {}
        1 => lines.push("- and an error that names no request".to_owned()),
        many => lines.push(format!("- and {many} errors that name no request")),
    }
    if let Some(failed) = failures.requests.iter().find(|failed| may_be_typed(&failed.id)) {
        let command = format!("ddsync logs tail --pipeline {pipeline} --since 3h --id {}", failed.id);
        lines.extend([String::new(), format!("The way of one: `{command}`")]);
    }
    let stage = if stage.is_empty() { String::new() } else { format!("%20stage%3A{stage}") };
    let query = format!("pipeline%3A{pipeline}{stage}%20status%3Aerror");
    let url = format!("{app}/logs?query={query}&from_ts={from}&to_ts={to}&live=false");
    lines.extend([String::new(), link("Its errors", &url)]);
    format!("%%% \n{}\n %%%", lines.join("\n"))
}

fn item(failed: &FailedRequest) -> String {
    let words: String = inert(&failed.words).chars().take(MAX_WORDS).collect();
    format!("- `{}` {}: `{words}`", inert(&failed.id), failed.class)
}

/// A text that neither calls anybody, nor ends what it is written in, nor shows other words than it holds.
fn inert(text: &str) -> String {
    let text: String = text.chars().map(|c| if is_hostile(c) { ' ' } else { c }).collect();
    text.replace('@', "(at)").replace('`', "'").replace("%%", "% %").trim().to_owned()
}

/// Whether a shell takes it for one word, whoever has made it up.
fn may_be_typed(id: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.:/+".contains(c);
    id.starts_with(|c: char| c.is_ascii_alphanumeric()) && id.chars().all(legal)
}

/// A link in markdown, or its words alone when the address is none, or could be more than one.
pub(super) fn link(words: &str, url: &str) -> String {
    let legal = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#&=%+".contains(c);
    let is_address = url.starts_with("https://") || url.starts_with("http://");
    if is_address && url.chars().all(legal) { format!("[{words}]({url})") } else { words.to_owned() }
}

#[cfg(test)]
mod tests;
