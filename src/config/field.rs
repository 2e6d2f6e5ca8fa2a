//! Typed readers: one value of the tree, checked, or a problem in its place.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::echo::{hint, is_private, nearest, quoted};
use crate::config::node::{Node, Value};
use crate::config::problem::{Findings, Place};

/// A value with its path.
pub(super) struct Field<'a> {
    pub(super) place: Place,
    value: &'a Value,
    private: bool,
}

/// A mapping whose keys have been checked.
pub(super) struct Section<'a> {
    pub(super) place: Place,
    entries: Vec<(&'a str, Field<'a>)>,
}

impl<'a> Field<'a> {
    pub(super) fn root(node: &'a Node) -> Self {
        Self { place: Place::line(node.line, node.column, String::new()), value: &node.value, private: false }
    }

    /// Whether nothing was written, as in a file or section of comments alone.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// Whether this can be read as a mapping, if only an empty one.
    pub(super) fn is_section(&self) -> bool {
        matches!(self.value, Value::Map(_) | Value::Null)
    }

    /// The value as a message may repeat it.
    pub(super) fn shown(&self) -> String {
        match self.value {
            Value::Null => "nothing".to_owned(),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
            _ if self.private => "a value that is not shown".to_owned(),
            Value::Bool(value) => format!("`{value}`"),
            Value::Integer(value) => quoted(&value.to_string()),
            Value::Float(value) => quoted(&value.to_string()),
            Value::Text(text) => quoted(text),
        }
    }

    pub(super) fn problem(&self, findings: &mut Findings, message: impl Into<String>) {
        findings.problem(&self.place, message);
    }

    fn expected(&self, findings: &mut Findings, what: &str) {
        self.problem(findings, format!("expected {what}, found {}", self.shown()));
    }

    /// A mapping that may hold `keys`.
    pub(super) fn section(&self, keys: &[&str], findings: &mut Findings) -> Section<'a> {
        let refused = |name: &str| (!keys.contains(&name)).then(|| unknown(name, keys));
        self.mapping(keys.first().unwrap_or(&""), refused, findings)
    }

    /// A mapping whose keys are names of the user's own, for example `example`. Those without a value are left out.
    pub(super) fn named(&self, example: &str, findings: &mut Findings) -> Vec<(&'a str, Field<'a>)> {
        let entries = self.mapping(example, |_| None, findings).entries;
        entries.into_iter().filter(|(_, field)| !field.is_empty()).collect()
    }

    /// `refused` says what is wrong with a key.
    fn mapping(&self, example: &str, refused: impl Fn(&str) -> Option<String>, findings: &mut Findings) -> Section<'a> {
        let mut section = Section { place: self.place.clone(), entries: Vec::new() };
        let entries = match self.value {
            Value::Map(entries) => entries,
            Value::Null => return section,
            _ => {
                self.expected(findings, &format!("a mapping with keys such as `{example}:`"));
                return section;
            }
        };
        for (key, value) in entries {
            let Value::Text(name) = &key.value else {
                let place = Place::line(key.line, key.column, self.place.path().to_owned());
                findings.problem(&place, "a key has to be a word; put text with braces in quotes");
                continue;
            };
            let key_place = Place::line(key.line, key.column, self.child_path(name));
            if let Some(message) = refused(name) {
                findings.problem(&key_place, message);
            } else if let Some((_, first)) = section.entries.iter().find(|(known, _)| known == name) {
                findings.problem(&key_place, format!("stands twice, first on {}", first.place.line_words()));
            } else {
                let place = Place::line(value.line, value.column, self.child_path(name));
                let private = self.private || is_private(name);
                section.entries.push((name, Field { place, value: &value.value, private }));
            }
        }
        section
    }

    fn child_path(&self, name: &str) -> String {
        let shown = quoted(name);
        let name = if shown.starts_with('`') { shown.trim_matches('`') } else { "(a key)" };
        if self.place.path().is_empty() { name.to_owned() } else { format!("{}.{name}", self.place.path()) }
    }

    /// Whether this is a list without items.
    pub(super) fn list_is_empty(&self) -> bool {
        matches!(self.value, Value::List(items) if items.is_empty())
    }

    pub(super) fn list(&self, findings: &mut Findings) -> Vec<Field<'a>> {
        let Value::List(items) = self.value else {
            let shown = self.shown();
            let item = shown.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')).unwrap_or("a, b");
            self.problem(findings, format!("expected a list, found {shown}; write `[{item}]`"));
            return Vec::new();
        };
        let item = |(index, node): (usize, &'a Node)| Field {
            place: Place::line(node.line, node.column, format!("{}[{index}]", self.place.path())),
            value: &node.value,
            private: self.private,
        };
        items.iter().enumerate().map(item).collect()
    }

    pub(super) fn text(&self, findings: &mut Findings) -> Option<&'a str> {
        match self.value {
            Value::Text(text) if !text.trim().is_empty() => return Some(text),
            Value::Bool(_) | Value::Integer(_) | Value::Float(_) => {
                self.problem(findings, format!("expected text, found {}; put it in quotes", self.shown()));
            }
            _ => self.expected(findings, "text"),
        }
        None
    }

    /// One text, or a list of them, each with its field.
    pub(super) fn one_or_more(&self, findings: &mut Findings) -> Vec<(Field<'a>, &'a str)> {
        let items = match self.value {
            Value::List(_) => self.list(findings),
            _ => vec![Field { place: self.place.clone(), value: self.value, private: self.private }],
        };
        items.into_iter().filter_map(|item| item.text(findings).map(|text| (item, text))).collect()
    }

    pub(super) fn flag(&self, findings: &mut Findings) -> Option<bool> {
        if let Value::Bool(value) = self.value {
            return Some(*value);
        }
        self.expected(findings, "true or false");
        None
    }

    /// A number, a text, true or false.
    pub(super) fn scalar(&self, findings: &mut Findings) -> Option<serde_json::Value> {
        match self.value {
            Value::Bool(value) => Some((*value).into()),
            Value::Integer(value) => Some((*value).into()),
            Value::Float(value) => Some((*value).into()),
            Value::Text(text) => Some(text.as_str().into()),
            Value::Null | Value::List(_) | Value::Map(_) => {
                self.expected(findings, "a number, a text, true or false");
                None
            }
        }
    }

    pub(super) fn integer(&self, range: RangeInclusive<u32>, findings: &mut Findings) -> Option<u32> {
        if let Value::Integer(value) = self.value
            && let Ok(value) = u32::try_from(*value)
            && range.contains(&value)
        {
            return Some(value);
        }
        let (low, high) = (range.start(), range.end());
        let bounds = if *high == u32::MAX { format!("of {low} or more") } else { format!("from {low} to {high}") };
        self.expected(findings, &format!("a whole number {bounds}"));
        None
    }

    /// A number above zero.
    pub(super) fn amount(&self, findings: &mut Findings) -> Option<f64> {
        let value = match self.value {
            Value::Integer(value) => u32::try_from(*value).ok().map(f64::from),
            Value::Float(value) => Some(*value),
            _ => None,
        };
        if let Some(value) = value.filter(|value| value.is_finite() && *value > 0.0) {
            return Some(value);
        }
        self.expected(findings, "a number above 0");
        None
    }

    pub(super) fn duration(&self, range: RangeInclusive<Duration>, findings: &mut Findings) -> Option<Duration> {
        let parsed = match self.value {
            Value::Text(text) => humantime::parse_duration(text).ok(),
            _ => None,
        };
        let Some(duration) = parsed else {
            let seconds = match self.value {
                Value::Integer(number) if *number > 0 => *number,
                _ => 120,
            };
            self.expected(findings, &format!("a number with its unit, for example `{seconds}s` or `5m`"));
            return None;
        };
        if range.contains(&duration) {
            return Some(duration);
        }
        let [low, high] = [*range.start(), *range.end()].map(|end| humantime::format_duration(end).to_string());
        self.expected(findings, &format!("a duration from {low} to {high}"));
        None
    }

    /// One word of a closed set.
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)], findings: &mut Findings) -> Option<T> {
        let text = self.text(findings)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.problem(findings, format!("{} is not known here; {}", self.shown(), hint(text, &known)));
        }
        found
    }
}

impl<'a> Section<'a> {
    /// A section of which nothing is written.
    pub(super) fn absent(path: &str) -> Self {
        Self { place: Place::file(path), entries: Vec::new() }
    }

    /// None when the key is missing, and when it stands there without a value.
    pub(super) fn get(&self, key: &str) -> Option<&Field<'a>> {
        self.entries.iter().find(|(name, _)| *name == key).map(|(_, field)| field).filter(|field| !field.is_empty())
    }

    /// The mapping under `key`, which may hold `keys`.
    pub(super) fn section(&self, key: &str, keys: &[&str], findings: &mut Findings) -> Section<'a> {
        self.get(key).map_or_else(|| Section::absent(key), |field| field.section(keys, findings))
    }

    pub(super) fn text(&self, key: &str, findings: &mut Findings) -> Option<&'a str> {
        self.get(key)?.text(findings)
    }

    /// A text that cannot be left out.
    pub(super) fn needed(&self, key: &str, example: &str, findings: &mut Findings) -> Option<&'a str> {
        if self.get(key).is_none() {
            findings.problem(&self.place, format!("needs `{key}`, for example `{key}: {example}`"));
        }
        self.text(key, findings)
    }

    pub(super) fn flag(&self, key: &str, findings: &mut Findings) -> Option<bool> {
        self.get(key)?.flag(findings)
    }

    /// The entries of the mapping under `key`, whose keys are names of the user's own.
    pub(super) fn named(&self, key: &str, example: &str, findings: &mut Findings) -> Vec<(&'a str, Field<'a>)> {
        self.get(key).map(|field| field.named(example, findings)).unwrap_or_default()
    }

    pub(super) fn integer(&self, key: &str, range: RangeInclusive<u32>, findings: &mut Findings) -> Option<u32> {
        self.get(key)?.integer(range, findings)
    }

    pub(super) fn amount(&self, key: &str, findings: &mut Findings) -> Option<f64> {
        self.get(key)?.amount(findings)
    }

    pub(super) fn duration(
        &self,
        key: &str,
        range: RangeInclusive<Duration>,
        findings: &mut Findings,
    ) -> Option<Duration> {
        self.get(key)?.duration(range, findings)
    }

    pub(super) fn word<T: Copy>(&self, key: &str, words: &[(&str, T)], findings: &mut Findings) -> Option<T> {
        self.get(key)?.word(words, findings)
    }

    /// The items of a list; none when the key is missing.
    pub(super) fn list(&self, key: &str, findings: &mut Findings) -> Vec<Field<'a>> {
        self.get(key).map(|field| field.list(findings)).unwrap_or_default()
    }

    /// The texts of a list, each with its field; what is not text is reported.
    pub(super) fn texts(&self, key: &str, findings: &mut Findings) -> Vec<(Field<'a>, &'a str)> {
        let items = self.list(key, findings);
        items.into_iter().filter_map(|item| item.text(findings).map(|text| (item, text))).collect()
    }
}

fn unknown(name: &str, keys: &[&str]) -> String {
    let plain = name.to_ascii_lowercase().replace(['-', '_'], "");
    match plain.strip_prefix("dd").unwrap_or(&plain) {
        "apikey" => {
            "a key does not belong in this file; set DD_API_KEY, or name a file in `datadog.api_key_file`".into()
        }
        "appkey" | "applicationkey" => {
            "a key does not belong in this file; set DD_APP_KEY, or name a file in `datadog.app_key_file`".into()
        }
        "token" | "githubtoken" | "privatekey" => {
            "a key does not belong in this file; set GITHUB_TOKEN, or name a file in `github.token_file` or \
             `github.private_key_file`"
                .into()
        }
        "secret" | "webhooksecret" => {
            "a secret does not belong in this file; set GITHUB_WEBHOOK_SECRET, or name a file in \
             `github.webhook.secret_file`"
                .into()
        }
        _ => match nearest(name, keys.iter().copied()) {
            Some(near) => format!("unknown key; did you mean `{near}`?"),
            None => format!("unknown key; known here: {}", keys.join(", ")),
        },
    }
}
