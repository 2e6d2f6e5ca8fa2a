//! What must not leave: credentials always, and what else the settings name.

use std::borrow::Cow;
use std::ops::Range;

use aho_corasick::AhoCorasick;
use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};

mod arguments;
mod cards;
mod credentials;
mod lists;
mod ranges;

use credentials::{KNOWN, Known};

pub use crate::config::settings::Redact as Rules;
use crate::model::log::Line;

/// What names a value that stands beside it, and the value: `{"name": "DB_PASSWORD", "value": "x"}`.
const NAMES: [&str; 4] = ["name", "Name", "key", "Key"];
const VALUES: [&str; 2] = ["value", "Value"];
/// Stands for what was there.
pub const MARK: &str = "[redacted]";
/// Memory that one pattern of the settings may take, in bytes.
const PATTERN_MEMORY: usize = 1024 * 1024;
/// Patterns of the settings, and their length in bytes.
const MOST_PATTERNS: usize = 100;
const LONGEST_PATTERN: usize = 1_000;

/// How often a text is looked at while something is found: a mark may make a rule fit that did not before.
const MOST_PASSES: usize = 8;

const EMAIL: &str = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+";

/// A pattern that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    /// There are too many.
    #[error("{0} patterns, of which at most {MOST_PATTERNS} are possible")]
    TooMany(usize),
    /// One is too long.
    #[error("pattern {number} has {bytes} bytes, of which at most {LONGEST_PATTERN} are possible")]
    TooLong {
        /// Its place, from 1.
        number: usize,
        /// Its length.
        bytes: usize,
    },
    /// One is no regular expression, or one that takes too much memory.
    #[error("pattern {number}: {reason}")]
    Invalid {
        /// Its place, from 1.
        number: usize,
        /// What the parser says.
        reason: String,
    },
}

/// [`Rules`], ready to be applied. Made once.
#[derive(Debug)]
pub struct Redaction {
    credentials: Option<Credentials>,
    emails: Option<Regex>,
    cards: Option<Regex>,
    patterns: Vec<Regex>,
}

#[derive(Debug)]
struct Credentials {
    /// Finds what must be there for any of the rules to apply.
    signs: AhoCorasick,
    /// The rules that each sign wakes, as bits.
    wakes: Vec<u32>,
    rules: Vec<Regex>,
    /// Names whose values are secret, and those whose values are when they are long.
    secret_name: Regex,
    token_name: Regex,
    /// Names of lists of which those items are secret that no model makes.
    token_list: Regex,
}

impl Redaction {
    /// Makes the rules ready.
    ///
    /// # Errors
    /// When a pattern cannot be used.
    pub fn new(rules: &Rules) -> Result<Self, BadPattern> {
        if rules.patterns.len() > MOST_PATTERNS {
            return Err(BadPattern::TooMany(rules.patterns.len()));
        }
        let own = |(at, pattern): (usize, &String)| {
            if pattern.len() > LONGEST_PATTERN {
                return Err(BadPattern::TooLong { number: at + 1, bytes: pattern.len() });
            }
            compile(pattern, at + 1)
        };
        Ok(Self {
            credentials: rules.credentials.then(Credentials::new).transpose()?,
            emails: rules.emails.then(|| compile(EMAIL, 0)).transpose()?,
            cards: rules.cards.then(|| compile(cards::CARD, 0)).transpose()?,
            patterns: rules.patterns.iter().enumerate().map(own).collect::<Result<_, _>>()?,
        })
    }

    /// The text without what must not leave.
    #[must_use]
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let Some(mut clean) = self.once(text) else { return Cow::Borrowed(text) };
        for _ in 1..MOST_PASSES {
            let Some(cleaner) = self.once(&clean) else { break };
            clean = cleaner;
        }
        Cow::Owned(clean)
    }

    /// Every rule sees the text as it came: what one of them takes is in the way of no other.
    fn once(&self, text: &str) -> Option<String> {
        let mut ranges = Vec::new();
        if let Some(credentials) = &self.credentials {
            credentials.find(text, &mut ranges);
        }
        let emails = self.emails.iter().filter(|_| memchr::memchr(b'@', text.as_bytes()).is_some());
        for regex in emails.chain(&self.patterns) {
            ranges::of_pattern(regex, text, &mut ranges);
        }
        if let Some(cards) = &self.cards {
            cards::find(cards, text, &mut ranges);
        }
        ranges::marked(text, ranges)
    }

    /// Takes the rest of a private key out of a text that begins inside of it. Whether there was any.
    pub fn rest_of_key(&self, text: &mut String) -> bool {
        if self.credentials.is_none() {
            return false;
        }
        text.insert_str(0, credentials::BEGIN_OF_KEY);
        self.own(text)
    }

    /// Takes what must not leave out of a line: its message, the name of its stream, the names and values of its
    /// attributes, and values by their names. Whether there was any.
    pub fn line(&self, line: &mut Line) -> bool {
        let mut changed = self.own(&mut line.message);
        changed |= self.own(&mut line.stream);
        changed |= self.object(&mut line.attributes);
        changed
    }

    fn own(&self, text: &mut String) -> bool {
        let Cow::Owned(clean) = self.text(text) else { return false };
        let changed = clean != *text;
        *text = clean;
        changed
    }

    fn object(&self, object: &mut Map<String, Value>) -> bool {
        let mut changed = false;
        let mut renamed = Vec::new();
        let named = NAMES.iter().find_map(|name| object.get(*name)?.as_str()).map(str::to_owned);
        if let (Some(name), Some(credentials)) = (named, &self.credentials) {
            for value in VALUES {
                let Some(value) = object.get_mut(value) else { continue };
                changed |= credentials.is_secret_of(&name, value) && blank(value);
            }
        }
        for (name, value) in object.iter_mut() {
            let secret = self.credentials.as_ref().is_some_and(|credentials| credentials.is_secret(name, value));
            let is_list = || self.credentials.as_ref().is_some_and(|credentials| credentials.is_list(name, value));
            let opaque = !secret && is_list() && arguments::blank_opaque(value);
            changed |= if secret { blank(value) } else { self.value(value) | opaque };
            if let Cow::Owned(clean) = self.text(name)
                && clean != *name
            {
                renamed.push((name.clone(), clean));
            }
        }
        for (name, clean) in renamed {
            changed = true;
            let value = object.remove(&name).unwrap_or_default();
            let mut free = clean.clone();
            let mut number = 2;
            while object.contains_key(&free) {
                free = format!("{clean} {number}");
                number += 1;
            }
            object.insert(free, value);
        }
        changed
    }

    fn value(&self, value: &mut Value) -> bool {
        match value {
            Value::String(text) => self.own(text),
            Value::Array(items) => {
                let named = self.credentials.as_ref().is_some_and(|credentials| credentials.list(items));
                items.iter_mut().fold(named, |changed, item| self.value(item) | changed)
            }
            Value::Object(object) => self.object(object),
            Value::Number(number) if self.cards.is_some() || !self.patterns.is_empty() => {
                let mut text = number.to_string();
                let changed = self.own(&mut text);
                if changed {
                    *value = Value::String(text);
                }
                changed
            }
            _ => false,
        }
    }
}

impl Credentials {
    fn new() -> Result<Self, BadPattern> {
        let mut signs: Vec<&str> = Vec::new();
        let mut wakes = Vec::new();
        let mut rules = Vec::new();
        for (at, Known { signs: of_rule, pattern }) in KNOWN.iter().enumerate() {
            for sign in *of_rule {
                let place = signs.iter().position(|known| known == sign).unwrap_or_else(|| {
                    signs.push(sign);
                    wakes.push(0);
                    signs.len() - 1
                });
                wakes[place] |= 1 << at;
            }
            rules.push(compile(&credentials::with_names(pattern), 0)?);
        }
        let invalid = |error: aho_corasick::BuildError| BadPattern::Invalid { number: 0, reason: error.to_string() };
        let signs = AhoCorasick::builder().ascii_case_insensitive(true).build(signs).map_err(invalid)?;
        let [secret_name, token_name, token_list] = credentials::whole_names().map(|name| compile(&name, 0));
        let (secret_name, token_name, token_list) = (secret_name?, token_name?, token_list?);
        Ok(Self { signs, wakes, rules, secret_name, token_name, token_list })
    }

    /// The rules that may apply, as bits.
    fn awake(&self, text: &str) -> u32 {
        let signs = self.signs.find_overlapping_iter(text.as_bytes());
        signs.fold(0, |awake, found| awake | self.wakes[found.pattern().as_usize()])
    }

    fn find(&self, text: &str, ranges: &mut Vec<Range<usize>>) {
        let awake = self.awake(text);
        let mut left = lists::MOST_IN_VAIN;
        for (at, regex) in self.rules.iter().enumerate() {
            let mut from = if awake & (1 << at) == 0 { text.len() + 1 } else { 0 };
            while let Some(found) = (from <= text.len()).then(|| regex.captures_at(text, from)).flatten() {
                from = found.get_match().end();
                let Some(range) = credentials::secret(text, &found, &mut left) else { continue };
                from = from.max(range.end);
                ranges.push(range);
            }
        }
    }

    fn is_secret(&self, name: &str, value: &Value) -> bool {
        let long = || value.as_str().is_some_and(|text| text.len() >= credentials::LONG);
        let whole = || value.is_string() && name.eq_ignore_ascii_case(credentials::WHOLE);
        self.secret_name.is_match(name) || long() && self.token_name.is_match(name) || whole()
    }

    fn is_list(&self, name: &str, value: &Value) -> bool {
        value.is_array() && self.token_list.is_match(name)
    }

    /// Also of a name that is a value itself: then a sentence that ends with one is none.
    fn is_secret_of(&self, name: &str, value: &Value) -> bool {
        name.len() <= arguments::LONGEST_NAME && !name.contains(char::is_whitespace) && self.is_secret(name, value)
    }
}

/// `number` 0 is one of ours.
fn compile(pattern: &str, number: usize) -> Result<Regex, BadPattern> {
    let mut builder = RegexBuilder::new(pattern);
    if number > 0 {
        builder.size_limit(PATTERN_MEMORY).dfa_size_limit(PATTERN_MEMORY);
    }
    builder.build().map_err(|error| BadPattern::Invalid { number, reason: error.to_string() })
}

/// Every value below, whatever it is.
fn blank(value: &mut Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::Array(items) => items.iter_mut().fold(false, |changed, item| blank(item) | changed),
        Value::Object(object) => object.values_mut().fold(false, |changed, item| blank(item) | changed),
        Value::String(text) if text == MARK => false,
        Value::String(_) | Value::Number(_) => {
            *value = Value::String(MARK.to_owned());
            true
        }
    }
}
