//! What stands between the braces of a selector.

use super::{list, one_or};
use crate::query::Unchecked;
use crate::query::filter::{Filter, Pattern, variable_end};
use crate::query::lex::Cursor;

const AND: &[&str] = &["AND", "and"];
const OR: &[&str] = &["OR", "or"];
const NOT: &[&str] = &["NOT", "not"];
const IN: &[&str] = &["IN", "in"];

/// Reads up to the closing brace.
///
/// There are two spellings, and Datadog refuses a filter that mixes them:
/// <https://docs.datadoghq.com/metrics/advanced-filtering/>.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Filter, Unchecked> {
    let start = cursor.clone();
    let mut reader = Reader { cursor, signs: false, words: false };
    let filter = reader.either()?;
    if reader.signs && reader.words {
        return start.fail("a filter that mixes `,` or `!` with AND, OR, NOT, IN or parentheses");
    }
    Ok(filter)
}

struct Reader<'c, 't> {
    cursor: &'c mut Cursor<'t>,
    /// Was there a `,` or a `!`?
    signs: bool,
    /// Was there anything of the other spelling?
    words: bool,
}

impl Reader<'_, '_> {
    fn either(&mut self) -> Result<Filter, Unchecked> {
        let mut any = vec![self.all()?];
        while self.word(OR) {
            any.push(self.all()?);
        }
        Ok(one_or(any, Filter::Or))
    }

    fn all(&mut self) -> Result<Filter, Unchecked> {
        let mut all = vec![self.unit()?];
        while self.sign(",") || self.word(AND) {
            all.push(self.unit()?);
        }
        Ok(one_or(all, Filter::And))
    }

    fn unit(&mut self) -> Result<Filter, Unchecked> {
        self.cursor.enter()?;
        let unit = if self.sign("!") || self.word(NOT) {
            Filter::Not(Box::new(self.unit()?))
        } else if self.cursor.eat("(") {
            self.words = true;
            let inner = self.either()?;
            self.cursor.require(")")?;
            inner
        } else {
            self.tag()?
        };
        self.cursor.leave();
        Ok(unit)
    }

    /// `*`, `$name`, `key:value`, `key`, `key IN (a, b)`, `key NOT IN (a, b)`
    fn tag(&mut self) -> Result<Filter, Unchecked> {
        let start = self.cursor.clone();
        let text = tag_text(self.cursor)?;
        if text == "*" {
            return Ok(Filter::Everything);
        }
        if let Some(name) = text.strip_prefix('$') {
            let whole = !name.is_empty() && variable_end(name) == name.len();
            return if whole { Ok(Filter::Variable(name.to_owned())) } else { start.fail(format!("the tag `{text}`")) };
        }
        let (key, value) = text.split_once(':').unwrap_or((text, ""));
        if key.is_empty() || key.contains(['*', '$']) || text.ends_with(':') && value.is_empty() {
            return start.fail(format!("the tag `{text}`"));
        }
        let mut ahead = self.cursor.clone();
        let not = ahead.eat_word(NOT);
        if text.contains(':') || !ahead.eat_word(IN) {
            return Ok(Filter::tag(text));
        }
        *self.cursor = ahead;
        self.words = true;
        self.cursor.require("(")?;
        let values = list(self.cursor, tag_text)?;
        self.cursor.require(")")?;
        let tag = |value: &str| Filter::Tag { key: key.to_owned(), value: Pattern(value.to_owned()) };
        let any = one_or(values.into_iter().map(tag).collect(), Filter::Or);
        Ok(if not { Filter::Not(Box::new(any)) } else { any })
    }

    fn sign(&mut self, sign: &str) -> bool {
        let found = self.cursor.eat(sign);
        self.signs |= found;
        found
    }

    fn word(&mut self, word: &[&str]) -> bool {
        let found = self.cursor.eat_word(word);
        self.words |= found;
        found
    }
}

fn tag_text<'t>(cursor: &mut Cursor<'t>) -> Result<&'t str, Unchecked> {
    cursor.term()?;
    match cursor.tag_text() {
        "" => cursor.expected("a tag"),
        text if [AND, OR, NOT, IN].iter().any(|words| words.contains(&text)) => {
            cursor.fail(format!("`{text}` where a tag was expected"))
        }
        text => Ok(text),
    }
}
