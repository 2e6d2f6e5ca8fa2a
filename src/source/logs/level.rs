//! How bad a line of text is, by what its writer says at its beginning.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::model::log::Status;

/// How far into a line its level may stand, in bytes.
const WITHIN: usize = 160;

/// Levels of the usual loggers.
const USUAL: [&[u8]; 8] = [b"DEBUG", b"INFO", b"WARN", b"WARNING", b"ERROR", b"CRITICAL", b"FATAL", b"TRACE"];
/// Words of dates: they stand before levels.
const CALENDAR: [&[u8]; 22] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec", b"Mon", b"Tue",
    b"Wed", b"Thu", b"Fri", b"Sat", b"Sun", b"AM", b"PM", b"UTC",
];

static TRACEBACK: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("Traceback (most recent call last)"));
static PROTOCOL: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(" HTTP/"));

/// The level that the first line of a text names; none when it names none.
///
/// Python (`ERROR:root:`, `- ERROR -`), uvicorn (`INFO:     `), gunicorn (`[INFO]`), `TorchServe` and MMS (`[WARN ]`),
/// Triton (`E0501 10:00:00.1 1 server.cc:1]`), nginx (`[error]`, and its access lines by their answer), Lambda
/// (`[ERROR]\t`), log4j, logfmt (`level=error`), and exceptions that begin a line.
#[must_use]
pub fn of(text: &str) -> Option<Status> {
    let text = text.trim_start();
    let head = head(text);
    let named = glog(head).or_else(|| word_in(head));
    let told = if TRACEBACK.find(head).is_some()
        || head.starts_with(b"Exception in thread ")
        || named.is_none() && is_exception(text)
    {
        Some(Status::Error)
    } else {
        answer(head)
    };
    named.max(told)
}

/// The first line of a text, as far as it is looked at.
fn head(text: &str) -> &[u8] {
    let head = &text.as_bytes()[..text.len().min(WITHIN)];
    memchr::memchr(b'\n', head).map_or(head, |end| &head[..end])
}

/// A word for a level, whoever wrote it.
#[must_use]
pub fn word(word: &str) -> Option<Status> {
    const WORDS: &[(&str, Status)] = &[
        ("info", Status::Info),
        ("error", Status::Error),
        ("warning", Status::Warn),
        ("warn", Status::Warn),
        ("debug", Status::Debug),
        ("trace", Status::Debug),
        ("notice", Status::Info),
        ("information", Status::Info),
        ("success", Status::Info),
        ("critical", Status::Critical),
        ("fatal", Status::Critical),
        ("err", Status::Error),
        ("crit", Status::Critical),
        ("alert", Status::Critical),
        ("emerg", Status::Critical),
        ("emergency", Status::Critical),
        ("panic", Status::Critical),
        ("severe", Status::Error),
        ("verbose", Status::Debug),
    ];
    WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, status)| *status)
}

/// The first word for a level that stands where a level stands: in capitals before the sentence, in brackets, after
/// `level=`, or before the colon after the first word.
fn word_in(head: &[u8]) -> Option<Status> {
    let mut at = 0;
    while let Some(begin) = head[at..].iter().position(u8::is_ascii_alphabetic).map(|further| at + further) {
        let end = head[begin..].iter().position(|b| !b.is_ascii_alphabetic()).map_or(head.len(), |len| begin + len);
        at = end;
        if !(3..=11).contains(&(end - begin)) {
            continue;
        }
        let before = begin.checked_sub(1).map(|at| head[at]);
        let after = head.get(end).copied();
        if !stands_alone(before, after) {
            continue;
        }
        let run = &head[begin..end];
        let capitals = run.iter().all(u8::is_ascii_uppercase) && is_before_sentence(head, begin, end);
        let bracketed = before == Some(b'[') && head[end..].trim_ascii_start().first() == Some(&b']');
        let first = before.is_none() && after == Some(b':');
        if !(capitals || bracketed || first || before == Some(b'=') && is_key(&head[..begin - 1])) {
            continue;
        }
        let known = std::str::from_utf8(run).ok().and_then(word);
        if known.is_some() {
            return known;
        }
    }
    None
}

fn stands_alone(before: Option<u8>, after: Option<u8>) -> bool {
    let opens = before.is_none_or(|b| b" \t[(<|:=\"".contains(&b));
    let closes = after.is_none_or(|b| b" \t])>|:,\"-\r".contains(&b));
    opens && closes
}

/// Whether a word in capitals stands before the sentence, where a level does, and not in it: beside what parts columns, or
/// after nothing but times, numbers and names. One plain word may be the name of a logger, right before a usual level.
fn is_before_sentence(head: &[u8], begin: usize, end: usize) -> bool {
    let (before, word) = (head[..begin].trim_ascii_end(), &head[begin..end]);
    let parts = |b: &u8| b",;:|-=*()[]<>\"".contains(b);
    if before.last().is_none_or(parts) || head[end..].first().is_some_and(|b| *b != b' ') {
        return true;
    }
    let words = || before.split(|b| b" \t".contains(b)).filter(|word| !word.is_empty());
    let is_plain = |word: &&[u8]| word.iter().all(u8::is_ascii_alphabetic) && !CALENDAR.contains(word);
    let plain = words().filter(is_plain).count();
    plain == 0 || plain == 1 && words().next_back().is_some_and(|word| is_plain(&word)) && USUAL.contains(&word)
}

fn is_key(before: &[u8]) -> bool {
    [&b"level"[..], b"lvl", b"severity"].iter().any(|key| before.to_ascii_lowercase().ends_with(key))
}

/// <https://github.com/google/glog#severity-levels>: Triton's.
fn glog(head: &[u8]) -> Option<Status> {
    let (letter, rest) = head.split_first()?;
    if rest.len() < 5 || !rest[..4].iter().all(u8::is_ascii_digit) || rest[4] != b' ' {
        return None;
    }
    match letter {
        b'I' => Some(Status::Info),
        b'W' => Some(Status::Warn),
        b'E' => Some(Status::Error),
        b'F' => Some(Status::Critical),
        _ => None,
    }
}

/// An access line, by what was answered: `"POST /invocations HTTP/1.1" 500 `.
fn answer(head: &[u8]) -> Option<Status> {
    let at = PROTOCOL.find(head)?;
    let quote = at + memchr::memchr(b'"', &head[at..])?;
    let code = head.get(quote + 1..quote + 5)?;
    match code {
        [b' ', b'5', _, _] => Some(Status::Error),
        [b' ', b'4', _, _] => Some(Status::Warn),
        _ => None,
    }
}

/// Whether a line begins with an exception, by its name: `ValueError: x`, `java.lang.IllegalStateException`.
#[must_use]
pub fn is_exception(line: &str) -> bool {
    named(line).is_some_and(|name| {
        let last = name.rsplit('.').next().unwrap_or(name);
        last.ends_with("Error") || last.ends_with("Exception") || last == "KeyboardInterrupt"
    })
}

/// The name that a line begins with, as that of an exception does: before a colon, or alone.
#[must_use]
pub fn named(line: &str) -> Option<&str> {
    let line = line.lines().next()?.trim_end();
    let end = line.find(|c: char| !(c.is_alphanumeric() || "._$".contains(c))).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    let told = rest.is_empty() || rest == ":" || rest.starts_with(": ");
    let starts = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    (told && starts && word(name).is_none()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_names_its_level() {
        use Status::{Critical, Debug, Error, Info, Warn};
        for (line, status) in [
            ("ERROR:root:no such model", Some(Error)),
            ("2024-05-01 10:00:00,123 - serve.py - WARNING - slow", Some(Warn)),
            ("2024-05-01 10:00:00,123 DEBUG [main] x.Y - z", Some(Debug)),
            ("10:00:00.123 [main] ERROR com.example.Serve - z", Some(Error)),
            ("INFO:     10.0.0.1:5000 - \"POST /invocations HTTP/1.1\" 200 OK", Some(Info)),
            ("INFO:     10.0.0.1:5000 - \"POST /invocations HTTP/1.1\" 503 Service Unavailable", Some(Error)),
            ("[2024-05-01 10:00:00 +0000] [17] [CRITICAL] WORKER TIMEOUT (pid:18)", Some(Critical)),
            ("[2020-08-01:15:19:06:INFO] Sniff delimiter as ','", Some(Info)),
            ("2024-05-01T10:00:00,123 [WARN ] W-9000-model_1.0-stderr MODEL_LOG - x", Some(Warn)),
            (
                "2024-05-01T10:00:00,123 [INFO ] W-9000-m-stdout MODEL_LOG - Traceback (most recent call last):",
                Some(Error),
            ),
            ("E0501 10:00:00.123456 1 model_repository_manager.cc:1186] failed to load", Some(Error)),
            ("I0501 10:00:00.123456 1 server.cc:123] ERROR is only a word here", Some(Info)),
            ("2024/05/01 10:00:00 [error] 7#7: *1 upstream timed out", Some(Error)),
            ("2024/05/01 10:00:00 [emerg] 7#7: no", Some(Critical)),
            ("169.254.178.2 - - [01/May/2024:10:00:00 +0000] \"POST /invocations HTTP/1.1\" 500 0 \"-\"", Some(Error)),
            ("169.254.178.2 - - [01/May/2024:10:00:00 +0000] \"GET /ping HTTP/1.1\" 200 0 \"-\"", None),
            ("169.254.178.2 - - [01/May/2024:10:00:00 +0000] \"POST /invocations HTTP/1.1\" 415 0 \"-\"", Some(Warn)),
            ("[ERROR]\t2024-05-01T10:00:00.000Z\t8f5c0b9e-0000-4000-8000-000000000000\tno", Some(Error)),
            ("2024-05-01T10:00:00.000Z\t8f5c0b9e-0000-4000-8000-000000000000\tINFO\tyes", Some(Info)),
            ("time=2024-05-01 level=warn msg=\"x\"", Some(Warn)),
            ("ValueError: could not convert string to float: 'x'", Some(Error)),
            ("java.lang.IllegalStateException", Some(Error)),
            ("Exception in thread \"main\" java.lang.RuntimeException: x", Some(Error)),
            ("Error: no such file", Some(Error)),
            ("2024-05-01 10:00:00 root ERROR no such model", Some(Error)),
            ("May  1 10:00:00 AM app[12]: WARN slow", Some(Warn)),
            ("10:00:00 1234 ERROR x", Some(Error)),
            ("worker | ERROR | x", Some(Error)),
            ("Found 0 ERROR lines in the batch", None),
            ("sent ALERT mail to nobody, all is well", None),
            ("the client asked for FATAL things", None),
            ("no error was found, and the info is here", None),
            ("env DEBUG=1 TRACE_ID=2", None),
            ("processed a batch, minute 5", None),
            ("", None),
            ("\u{0}\u{0}", None),
        ] {
            assert_eq!(of(line), status, "{line}");
        }
    }
}
