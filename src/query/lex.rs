//! A place in a text, and the steps that move it.

use super::Unchecked;
use super::ast::{MAX_NESTING, MAX_TERMS};
use super::filter::is_in_tag;

#[derive(Debug, Clone)]
pub(super) struct Cursor<'t> {
    text: &'t str,
    at: usize,
    nesting: usize,
    terms: usize,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0, nesting: 0, terms: 0 }
    }

    /// What is left, without white space at its beginning.
    pub(super) fn rest(&mut self) -> &'t str {
        let left = &self.text[self.at..];
        let rest = left.trim_start();
        self.at += left.len() - rest.len();
        rest
    }

    /// The next character that is not white space.
    pub(super) fn peek(&mut self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Steps over `token`, when it is next.
    pub(super) fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    /// Steps over `token`, which must be next.
    pub(super) fn require(&mut self, token: &str) -> Result<(), Unchecked> {
        if self.eat(token) { Ok(()) } else { self.expected(&format!("`{token}`")) }
    }

    /// Steps over one of these words, when it is next and ends there.
    pub(super) fn eat_word(&mut self, words: &[&str]) -> bool {
        let mut ahead = self.clone();
        let found = words.contains(&ahead.tag_text());
        if found {
            self.at = ahead.at;
        }
        found
    }

    /// Steps over the longest text of such characters, which may be empty.
    pub(super) fn word(&mut self, legal: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let word = &rest[..rest.find(|c| !legal(c)).unwrap_or(rest.len())];
        self.at += word.len();
        word
    }

    /// Steps over what may be a tag of a filter, wildcards and template variables included.
    pub(super) fn tag_text(&mut self) -> &'t str {
        self.word(is_in_tag)
    }

    /// Steps over a name: a letter or `_`, then letters, digits, `_` and `.`; empty when there is none.
    pub(super) fn name(&mut self) -> &'t str {
        match self.peek() {
            Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                self.word(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')
            }
            _ => "",
        }
    }

    /// Steps over a number without a sign.
    pub(super) fn number(&mut self) -> Result<f64, Unchecked> {
        let mut ahead = self.clone();
        let digits = ahead.word(|c| c.is_ascii_digit() || c == '.');
        let mut length = digits.len();
        let exponent = ahead.text[ahead.at..].strip_prefix(['e', 'E']).unwrap_or_default();
        let power = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let power_digits = power.find(|c: char| !c.is_ascii_digit()).unwrap_or(power.len());
        if power_digits > 0 {
            length += 1 + exponent.len() - power.len() + power_digits;
        }
        match self.rest()[..length].parse::<f64>() {
            Ok(number) if number.is_finite() && !digits.is_empty() => {
                self.at += length;
                Ok(number)
            }
            _ => self.expected("a number"),
        }
    }

    /// Steps over a whole number.
    pub(super) fn whole(&mut self) -> Result<u32, Unchecked> {
        let mut ahead = self.clone();
        match ahead.word(|c| c.is_ascii_digit()).parse() {
            Ok(number) => {
                *self = ahead;
                Ok(number)
            }
            Err(_) => self.expected("a whole number"),
        }
    }

    /// Steps over a text in single or double quotes, when one is next.
    pub(super) fn quoted(&mut self) -> Result<Option<&'t str>, Unchecked> {
        let rest = self.rest();
        let Some(quote) = rest.chars().next().filter(|c| "'\"".contains(*c)) else {
            return Ok(None);
        };
        match rest[1..].split_once(quote) {
            Some((text, _)) => {
                self.at += text.len() + 2;
                Ok(Some(text))
            }
            None => self.fail("a quote that is not closed"),
        }
    }

    /// Nothing may be left.
    pub(super) fn end(&mut self) -> Result<(), Unchecked> {
        if self.rest().is_empty() { Ok(()) } else { self.expected("the end") }
    }

    /// One level deeper; [`Self::leave`] ends it.
    pub(super) fn enter(&mut self) -> Result<(), Unchecked> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING { self.fail(format!("more than {MAX_NESTING} levels")) } else { Ok(()) }
    }

    pub(super) fn leave(&mut self) {
        self.nesting -= 1;
    }

    /// Counts one term more.
    pub(super) fn term(&mut self) -> Result<(), Unchecked> {
        self.terms += 1;
        if self.terms > MAX_TERMS { self.fail(format!("more than {MAX_TERMS} terms")) } else { Ok(()) }
    }

    pub(super) fn expected<T>(&mut self, what: &str) -> Result<T, Unchecked> {
        match self.peek() {
            Some(found) => self.fail(format!("`{}` where {what} was expected", found.escape_debug())),
            None => self.fail(format!("the end where {what} was expected")),
        }
    }

    pub(super) fn fail<T>(&self, what: impl Into<String>) -> Result<T, Unchecked> {
        let left = &self.text[self.at..];
        let before = self.at + left.len() - left.trim_start().len();
        Err(Unchecked { at: Some(self.text[..before].chars().count()), what: what.into() })
    }
}
