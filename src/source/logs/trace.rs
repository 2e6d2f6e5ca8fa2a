//! Which lines belong to one error: stack traces of Python and Java, and keys that are printed line by line.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::level;
use crate::model::log::Status;

/// How far into a line the name of its writer may stand, in bytes.
const WRITER_WITHIN: usize = 120;

static KEY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("-----BEGIN "));
static WORKER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(" W-"));

/// Longest line of a key's body, in bytes: the standards have 64 and 76. A line that follows another prefix than
/// the first line does is known by its length alone, and has the shortest that a full line has.
const LONGEST_OF_KEY: usize = 100;
const FULL_OF_KEY: usize = 64;
/// <https://www.rfc-editor.org/rfc/rfc1421#section-4.6>, <https://www.rfc-editor.org/rfc/rfc9580#section-6.2.2>
const HEADERS_OF_KEY: [&str; 5] = ["Proc-Type:", "DEK-Info:", "Version:", "Comment:", "Charset:"];

const TRACEBACK: &str = "Traceback (most recent call last):";
/// <https://docs.python.org/3/library/traceback.html>
const CHAINS: [&str; 2] = [
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
];
/// <https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/lang/Throwable.html#printStackTrace()>
const CAUSES: [&str; 2] = ["Caused by: ", "Suppressed: "];

/// What the next line may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// An error was told: its details, or a stack trace.
    Error,
    /// Inside of a Python traceback: frames, or the exception.
    Frames,
    /// An exception was told: its details, its cause, or that another one follows.
    Raised,
    /// That another one follows was told: its traceback.
    Chained,
    /// Inside of a private key: what can be its body, up to its end.
    Key(Key),
}

/// A private key that is printed line by line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Words before its first line, such as a time and a level: its other lines have as many.
    pub words: usize,
    /// Whether something else has come in between: then a word alone is none of its lines any more.
    pub interrupted: bool,
}

/// What a line is to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Part of them, and more may follow.
    More(State),
    /// Part of them, and the last.
    Last,
    /// None of them.
    Other,
}

impl State {
    /// What begins with a line; none when it stands for itself.
    #[must_use]
    pub fn begun_by(line: &str) -> Option<Self> {
        if let Some(key) = begun_key(line) {
            return Some(Self::Key(key));
        }
        if is_traceback(line) {
            return Some(Self::Frames);
        }
        // JSON is whole.
        if line.starts_with('{') || !level::of(line).is_some_and(Status::is_error) {
            return None;
        }
        Some(if level::is_exception(line) { Self::Raised } else { Self::Error })
    }

    /// What a line is after those that led here.
    #[must_use]
    pub fn step(self, line: &str) -> Step {
        if let Self::Key(key) = self {
            return match line {
                _ if line.contains("-----END ") => Step::Last,
                _ if key.has(line) => Step::More(self),
                _ => Step::Other,
            };
        }
        if let Some(key) = begun_key(line) {
            return Step::More(Self::Key(key));
        }
        if is_traceback(line) {
            let follows = matches!(self, Self::Error | Self::Chained);
            return if follows { Step::More(Self::Frames) } else { Step::Other };
        }
        if line.trim().is_empty() || line.starts_with([' ', '\t']) {
            return Step::More(self);
        }
        let caused = CAUSES.iter().any(|cause| line.starts_with(cause));
        match self {
            Self::Error | Self::Raised if caused => Step::More(Self::Raised),
            Self::Error if level::is_exception(line) => Step::More(Self::Raised),
            Self::Frames if level::named(line).is_some() => Step::More(Self::Raised),
            Self::Raised if CHAINS.contains(&line.trim_end()) => Step::More(Self::Chained),
            _ => Step::Other,
        }
    }

    /// Where the lines of one event lead, from `self` or from nothing. None after the end of what they belong to.
    pub(super) fn through(from: Option<Self>, text: &str) -> Option<Self> {
        text.lines().fold(from, |state, line| match state.map_or(Step::Other, |state| state.step(line)) {
            Step::More(next) => Some(next),
            Step::Last => None,
            Step::Other => Self::begun_by(line),
        })
    }
}

/// Whether it is worth a closer look.
pub(super) fn may_begin_key(text: &str) -> bool {
    KEY.find(text.as_bytes()).is_some()
}

fn begun_key(line: &str) -> Option<Key> {
    let at = KEY.find(line.as_bytes())?;
    let rest = &line[at..];
    // What touches it, such as a quotation mark, is no word before it.
    let before = line[..at].trim_end_matches(|c: char| !c.is_whitespace());
    let key = Key { words: before.split_whitespace().count(), interrupted: false };
    (rest.contains("PRIVATE KEY") && !rest.contains("-----END ")).then_some(key)
}

impl Key {
    /// Whether its body can have a line. Anything else is none of it: else whoever prints the first line of a key hides
    /// what comes after it.
    fn has(self, line: &str) -> bool {
        let around = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',');
        let line = line.trim_matches(around).trim_end_matches("\\n").trim_end_matches("\\r");
        let after_words =
            (0..self.words).try_fold(line, |rest, _| Some(rest.split_once(char::is_whitespace)?.1.trim_start()));
        let after_words = after_words.map(|rest| rest.trim_start_matches(around)).filter(|rest| !rest.is_empty());
        if self.interrupted {
            return [Some(line), after_words].into_iter().flatten().any(|text| is_base64(text) && is_no_word(text));
        }
        let is_full = |word: &str| word.len() >= FULL_OF_KEY && is_base64(word) && is_no_word(word);
        let after_any = || line.rsplit(' ').next().is_some_and(is_full);
        is_base64(line)
            || after_words.is_some_and(is_base64)
            || HEADERS_OF_KEY.iter().any(|header| line.starts_with(header))
            || after_any()
    }
}

fn is_base64(text: &str) -> bool {
    text.len() <= LONGEST_OF_KEY && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
}

/// Of base64: a full line, which no digest in hexadecimal digits is, or a short one with its padding.
fn is_no_word(text: &str) -> bool {
    let has = |is: fn(&u8) -> bool| text.as_bytes().iter().any(is);
    let is_full = text.len() >= FULL_OF_KEY && has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
    let is_padded = text.len().is_multiple_of(4) && text.ends_with('=') && !text.starts_with('=');
    is_full || is_padded
}

/// Also that of a group: `  + Exception Group Traceback (most recent call last):`.
fn is_traceback(line: &str) -> bool {
    line.trim_end().ends_with(TRACEBACK)
}

/// Who wrote a line, for those servers that pass on what their workers print, each line on its own; and what the worker
/// printed. Anybody else is `""`.
///
/// `TorchServe` and MMS: `2024-05-01T10:00:00,123 [WARN ] W-9000-model_1.0-stderr MODEL_LOG - Traceback ..`
#[must_use]
pub fn writer(text: &str) -> (&str, &str) {
    let head = &text.as_bytes()[..text.len().min(WRITER_WITHIN)];
    let found = WORKER.find(head).and_then(|at| {
        let (writer, rest) = text[at + 1..].split_once(' ')?;
        let (_, said) = rest.split_once("- ")?;
        (!writer.contains('\n')).then_some((writer, said))
    });
    found.unwrap_or(("", text))
}
