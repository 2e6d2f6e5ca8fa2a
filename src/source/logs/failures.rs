//! Which requests have failed, where a metric says that some did: what the log of that minute tells.

use std::collections::BTreeMap;

use super::classify::Class;
use super::group::Group;
use super::reader::{Item, Policy, Reader};
use crate::client::aws::{Aws, AwsError};
use crate::model::failure::{FailedRequest, Failures};
use crate::model::log::Line;

/// Pages that are read of one group. Each is a request of the account's budget.
const MOST_PAGES: usize = 6;

/// Reads what a group says of failures from `from` up to but without `to`, Unix milliseconds. What the rules leave out is
/// left out here, and what is secret is redacted.
///
/// # Errors
/// When a page cannot be had; see [`Aws::filter_events`].
pub async fn read(
    aws: &Aws,
    group: &Group,
    policy: &Policy,
    from: i64,
    to: i64,
) -> Result<(Failures, usize), AwsError> {
    let mut reader = Reader::since(from);
    let mut lines = Vec::new();
    let mut pages = 0;
    while pages < MOST_PAGES && reader.position().until < to {
        let window = reader.window(to).clone();
        let page = aws.filter_events(&group.name, window.from, window.to, window.token.as_deref()).await?;
        pages += 1;
        let items = reader.take(page.events, page.next, group, policy);
        take(&mut reader, items, &mut lines);
        reader.delivered();
        reader.commit(policy);
    }
    let more = reader.position().until < to;
    let items = reader.finish(group, policy);
    take(&mut reader, items, &mut lines);
    // A trace is looked for from a minute before on, where it may have begun.
    lines.retain(|line| line.at >= from);
    Ok((Failures { more, ..failures(&lines) }, pages))
}

fn take(reader: &mut Reader, items: Vec<Item>, lines: &mut Vec<Line>) {
    for mut item in items {
        reader.settle(&item);
        if item.is_error {
            // Of one that was too long for one line the first part has the ids.
            lines.extend(item.lines.drain(..).next());
        }
    }
}

/// What lines tell that are errors. Several of one request are one failure.
fn failures(lines: &[Line]) -> Failures {
    let mut known: BTreeMap<&str, (usize, Class)> = BTreeMap::new();
    let mut failures = Failures::default();
    for line in lines {
        let Some(id) = line.inference_id().or(line.request_id()) else {
            failures.nameless += 1;
            continue;
        };
        let class = class(line);
        let failed = FailedRequest { at: line.at, id: id.to_owned(), class: class.word(), words: words(line) };
        match known.get_mut(id) {
            None => {
                known.insert(id, (failures.requests.len(), class));
                failures.requests.push(failed);
            }
            Some((place, least)) if class < *least => {
                *least = class;
                let first = &mut failures.requests[*place];
                *first = FailedRequest { at: first.at, ..failed };
            }
            Some(_) => {}
        }
    }
    failures.requests.sort_by_key(|failed| failed.at);
    failures
}

fn class(line: &Line) -> Class {
    let word = line.attributes.get("error_class").and_then(|word| word.as_str());
    Class::ALL.into_iter().find(|class| Some(class.word()) == word).unwrap_or(Class::Other)
}

/// Of a stack trace what was thrown, which a Python program writes last and others first.
fn words(line: &Line) -> String {
    let said = line.trace().unwrap_or(&line.message);
    let outer = || said.lines().filter(|line| !line.starts_with([' ', '\t']) && !line.trim().is_empty());
    let is_python = outer().any(|line| line.starts_with("Traceback"));
    let told = if is_python { outer().next_back() } else { outer().next() };
    told.unwrap_or(said).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::model::log::Status;

    fn line(at: i64, id: Option<&str>, class: Class, message: &str) -> Line {
        let ids = id.map(|id| ("inference_id".to_owned(), json!(id)));
        let attributes: Map<_, _> = ids.into_iter().chain([("error_class".to_owned(), json!(class.word()))]).collect();
        let (id, stream, origin) = (format!("{at}"), "s".to_owned(), std::sync::Arc::default());
        Line { id, stream, at, status: Status::Error, message: message.to_owned(), attributes, origin }
    }

    #[test]
    fn several_errors_of_one_request_are_one_failure_with_the_most_telling_words() {
        let trace =
            "ERROR: inference_id=b failed\nTraceback (most recent call last):\n  File \"a.py\"\nMemoryError: no";
        let lines = [
            line(5, Some("b"), Class::ModelError, "Inference request failed"),
            line(3, Some("a"), Class::Other, "boom"),
            line(6, Some("b"), Class::OutOfMemory, trace),
            line(7, Some("b"), Class::Other, "gave up"),
            line(8, None, Class::Other, "worker died"),
        ];
        let Failures { requests, nameless, more } = failures(&lines);
        let told: Vec<_> = requests.iter().map(|it| (it.at, it.id.as_str(), it.class, it.words.as_str())).collect();
        assert_eq!(told, [(3, "a", "other", "boom"), (5, "b", "out_of_memory", "MemoryError: no")]);
        assert_eq!((nameless, more), (1, false));
    }

    #[test]
    fn of_a_trace_what_was_thrown_is_told() {
        let told = |message: &str| words(&line(0, None, Class::Other, message));
        assert_eq!(
            told("java.lang.IllegalStateException: closed\n\tat a.b(C.java:1)\nCaused by: x"),
            "java.lang.IllegalStateException: closed"
        );
        assert_eq!(told("Traceback (most recent call last):\n  File \"a.py\"\nKeyError: 'x'\n\n"), "KeyError: 'x'");
        assert_eq!(told("  indented\n"), "indented");
        let mut structured = line(0, None, Class::Other, "request failed");
        structured
            .attributes
            .insert("exc_info".into(), json!("Traceback (most recent call last):\n  x\nValueError: y"));
        assert_eq!(words(&structured), "ValueError: y");
    }
}
