//! Which invocation a line of a function is about that does not say so, a printed one for example. Pure.
//!
//! An environment works on one invocation at a time and writes a stream of its own, in which Lambda says where each begins
//! and ends. <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>

use std::collections::HashMap;
use std::sync::Arc;

use memchr::memmem;
use serde_json::Value;

use super::lambda::Lambda;
use crate::model::log::Event;

/// Streams that are remembered of one function. It has one for each environment that works at the time.
const MOST: usize = 10_000;

/// What the environments of one function work on, by stream.
#[derive(Debug, Default)]
pub struct Environments(HashMap<String, Invocation>);

/// What an environment works on.
#[derive(Debug)]
struct Invocation {
    /// Its request; `None` where two have overlapped, which managed instances allow: nobody knows whose a line is, from then on.
    request: Option<Arc<str>>,
    /// When it began, Unix milliseconds. What was written before is read again when something may have come late.
    since: i64,
}

impl Environments {
    /// The request that an event is about, by those before it. Within one window events come in the order of time.
    pub fn request(&mut self, event: &Event) -> Option<Arc<str>> {
        let Event { stream, at, .. } = event;
        let known = self.0.get(stream).filter(|known| known.since <= *at);
        match own(&event.text) {
            Some(Lambda::Start(id)) => {
                let is_free = known.is_none_or(|known| known.request.as_deref() == Some(&id));
                let request = (is_free && !id.is_empty()).then(|| id.into());
                if self.0.len() >= MOST {
                    self.0.clear();
                }
                self.0.insert(stream.clone(), Invocation { request, since: *at });
                // It says it itself.
                None
            }
            Some(Lambda::Report(_)) => {
                if known.is_some_and(|known| known.request.is_some()) {
                    self.0.remove(stream);
                }
                None
            }
            _ => known.and_then(|known| known.request.clone()),
        }
    }
}

/// What Lambda itself says in a text, be it a line or an object.
fn own(text: &str) -> Option<Lambda> {
    if text.starts_with('{') && memmem::find(text.as_bytes(), b"\"platform.").is_some() {
        let Ok(Value::Object(object)) = serde_json::from_str(text) else { return None };
        return Lambda::of_json(&object);
    }
    Lambda::of_text(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An id for a number.
    fn id(number: &str) -> String {
        format!("{number:0>8}-1111-4111-8111-111111111111")
    }

    /// `RequestId: 7` stands for a whole id.
    fn event(stream: &str, at: i64, text: &str) -> Event {
        let text = match text.split_once("RequestId: ") {
            Some((word, rest)) => {
                let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
                format!("{word}RequestId: {}{}", id(&rest[..end]), &rest[end..])
            }
            None => text.to_owned(),
        };
        Event { id: String::new(), stream: stream.to_owned(), at, ingested_at: at, text }
    }

    fn requests(said: &[(&str, &str)]) -> Vec<Option<String>> {
        let mut environments = Environments::default();
        let events = said.iter().zip(0..).map(|((stream, text), at)| event(stream, at, text));
        events.map(|event| environments.request(&event).map(|id| id.to_string())).collect()
    }

    #[test]
    fn a_line_is_about_the_invocation_in_which_it_was_written() {
        let found = requests(&[
            ("a", "before the first"),
            ("a", "START RequestId: 1 Version: $LATEST\n"),
            ("b", r#"{"time":"x","type":"platform.start","record":{"requestId":"2","version":"$LATEST"}}"#),
            ("a", "printed"),
            ("b", "{\"printed\": true}"),
            ("a", "END RequestId: 1\n"),
            ("a", "REPORT RequestId: 1\tDuration: 1.00 ms\n"),
            ("a", "after it"),
            ("b", r#"{"time":"x","type":"platform.report","record":{"requestId":"2","metrics":{}}}"#),
            ("b", "after it"),
        ]);
        let one = || Some(id("1"));
        assert_eq!(found, [None, None, None, one(), Some("2".to_owned()), one(), None, None, None, None]);
    }

    #[test]
    fn where_invocations_overlap_nobody_is_named() {
        let found = requests(&[
            ("a", "START RequestId: 1"),
            ("a", "of one"),
            ("a", "START RequestId: 1"),
            ("a", "read again"),
            ("a", "START RequestId: 2"),
            ("a", "of either"),
            ("a", "REPORT RequestId: 1"),
            ("a", "of the other"),
            ("a", "START RequestId: 3"),
            ("a", "perhaps of two"),
        ]);
        let one = Some(id("1"));
        assert_eq!(found, [None, one.clone(), None, one, None, None, None, None, None, None]);
    }

    #[test]
    fn what_is_read_again_is_about_what_it_was_about() {
        let mut environments = Environments::default();
        let mut request = |at, text| environments.request(&event("a", at, text)).map(|id| id.to_string());
        for (at, text) in [(1, "START RequestId: 1"), (3, "REPORT RequestId: 1"), (4, "START RequestId: 2")] {
            assert_eq!(request(at, text), None);
        }
        // From the middle of the first on: whose line it is nobody knows any more.
        assert_eq!(request(2, "late"), None);
        assert_eq!(request(3, "REPORT RequestId: 1"), None);
        assert_eq!(request(5, "new"), Some(id("2")));
        // From its beginning on.
        assert_eq!(request(1, "START RequestId: 1"), None);
        assert_eq!(request(2, "late"), Some(id("1")));
        for (at, text) in [(3, "REPORT RequestId: 1"), (4, "START RequestId: 2")] {
            assert_eq!(request(at, text), None);
        }
        assert_eq!(request(5, "new"), Some(id("2")));
    }
}
