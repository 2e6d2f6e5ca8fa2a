//! Strings rendered, and what is wrong with them.

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};
use serde_json::Value;

use crate::config::Problem;

/// Instructions and bytes that one string may cost: far more than any needs, far less than one would notice.
const FUEL: u64 = 200_000;

/// Characters of one expression or block, and blocks of one string: far more than any needs. For each operator and each
/// branch the engine calls itself once more, and many thousands of them would use up the stack.
const MAX_CODE: usize = 2_000;
const MAX_BLOCKS: usize = 500;

pub(super) const EXPRESSION: (&str, &str) = ("<<", ">>");
pub(super) const BLOCK: (&str, &str) = ("<%", "%>");
pub(super) const COMMENT: (&str, &str) = ("<#", "#>");

/// What is wrong with one template.
#[derive(Debug)]
pub(in crate::provision) struct Faults {
    file: String,
    problems: Vec<Problem>,
}

impl Faults {
    pub(in crate::provision) fn new(file: &str) -> Self {
        Self { file: file.to_owned(), problems: Vec::new() }
    }

    /// `path` is a place in the tree, for example `widgets[3].definition.title`.
    pub(in crate::provision) fn add(&mut self, path: &str, message: impl Into<String>) {
        self.push(None, path, message.into());
    }

    /// Line 0 is one that is not known.
    pub(super) fn at_line(&mut self, line: u64, message: String) {
        self.push(Some(line).filter(|line| *line > 0), "", message);
    }

    fn push(&mut self, line: Option<u64>, path: &str, message: String) {
        self.problems.push(Problem { file: self.file.clone(), line, column: None, path: path.to_owned(), message });
    }

    pub(in crate::provision) fn problems(self) -> Vec<Problem> {
        self.problems
    }
}

/// The engine without anything to include, import or escape.
pub(in crate::provision) fn engine<'t>() -> Environment<'t> {
    let mut engine = Environment::new();
    let syntax = SyntaxConfig::builder()
        .variable_delimiters(EXPRESSION.0, EXPRESSION.1)
        .block_delimiters(BLOCK.0, BLOCK.1)
        .comment_delimiters(COMMENT.0, COMMENT.1)
        .keep_trailing_newline(true)
        .build();
    if let Ok(syntax) = syntax {
        engine.set_syntax(syntax);
    }
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_auto_escape_callback(|_| AutoEscape::None);
    engine.set_fuel(Some(FUEL));
    // In a loop it can hold a list in a list in a list, until printing it uses up the stack.
    engine.remove_global("namespace");
    // Errors then say which variable.
    engine.set_debug(true);
    engine
}

/// Whether there is anything to render.
pub(super) fn is_dynamic(text: &str) -> bool {
    [EXPRESSION.0, BLOCK.0, COMMENT.0].iter().any(|start| text.contains(start))
}

/// Why the engine is not given a text.
pub(super) fn oversized(text: &str) -> Option<String> {
    let mut rest = text;
    let mut blocks = 0;
    while let Some(at) = rest.find('<') {
        rest = &rest[at..];
        let begun = [EXPRESSION, BLOCK, COMMENT].into_iter().find(|(start, _)| rest.starts_with(start));
        let Some((start, end)) = begun else {
            rest = &rest[1..];
            continue;
        };
        rest = &rest[start.len()..];
        let length = if end == COMMENT.1 { rest.find(end) } else { end_of_code(rest, end) };
        let (code, after) = rest.split_at(length.unwrap_or(rest.len()));
        let too_long = oversized_code(code).filter(|_| end != COMMENT.1);
        if too_long.is_some() {
            return too_long;
        }
        blocks += usize::from(end == BLOCK.1);
        rest = after;
    }
    (blocks > MAX_BLOCKS).then(|| format!("holds {blocks} blocks; at most {MAX_BLOCKS} are taken"))
}

/// Why the engine is not given the inside of an expression or a block.
pub(super) fn oversized_code(code: &str) -> Option<String> {
    let length = code.chars().count();
    (length > MAX_CODE)
        .then(|| format!("one expression or block has {length} characters; at most {MAX_CODE} are taken, so split it"))
}

/// Where `end` stands outside of quotes.
fn end_of_code(code: &str, end: &str) -> Option<usize> {
    let mut quote = None;
    let mut chars = code.char_indices();
    while let Some((at, c)) = chars.next() {
        match quote {
            Some(_) if c == '\\' => drop(chars.next()),
            Some(open) if c == open => quote = None,
            None if code[at..].starts_with(end) => return Some(at),
            None if matches!(c, '"' | '\'') => quote = Some(c),
            _ => {}
        }
    }
    None
}

/// The expression of a string that is exactly one.
pub(super) fn sole_expression(text: &str) -> Option<&str> {
    let inside = text.strip_prefix(EXPRESSION.0)?.strip_suffix(EXPRESSION.1)?;
    let alone = !inside.contains(EXPRESSION.0) && !inside.contains(EXPRESSION.1);
    (alone && !inside.starts_with(['-', '+']) && !inside.ends_with(['-', '+'])).then_some(inside)
}

/// Lines that hold one block or comment and nothing else leave no empty line behind, unless they say themselves, with a
/// `-` or a `+`, which white space goes.
pub(super) fn join_block_lines(value: &mut Value) {
    match value {
        Value::String(text) if is_dynamic(text) => *text = text.split_inclusive('\n').map(block_line).collect(),
        Value::Array(items) => items.iter_mut().for_each(join_block_lines),
        Value::Object(map) => map.values_mut().for_each(join_block_lines),
        _ => {}
    }
}

fn block_line(line: &str) -> &str {
    let trimmed = line.trim();
    let is_one = |(start, end): (&str, &str)| {
        let inside = trimmed.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
        inside.is_some_and(|inside| {
            !inside.contains(end) && !inside.starts_with(['-', '+']) && !inside.ends_with(['-', '+'])
        })
    };
    if line.ends_with('\n') && (is_one(BLOCK) || is_one(COMMENT)) { trimmed } else { line }
}

/// An error of the engine in our words.
pub(super) fn said(error: &minijinja::Error) -> String {
    match (error.kind(), error.detail()) {
        (ErrorKind::UndefinedError | ErrorKind::InvalidOperation, Some(detail)) => detail.to_owned(),
        (ErrorKind::OutOfFuel, _) => "costs too much to render; make it do less".to_owned(),
        (kind, Some(detail)) => format!("{kind}: {detail}"),
        (kind, None) => kind.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_whole_expression_keeps_its_type() {
        assert_eq!(sole_expression("<< vars.x >>"), Some(" vars.x "));
        for text in ["<< a >> << b >>", "x << a >>", "<< a >>\n", "<<- a ->>", "plain", "<<"] {
            assert_eq!(sole_expression(text), None, "{text}");
        }
    }

    #[test]
    fn lines_of_blocks_alone_go_and_others_stay() {
        let mut value = json!([
            "a\n  <% if x %>\n  b\n  <% endif %>\nc <% if y %>d<% endif %>\ne\n<# note #>\n<%x%> f\n  <%- x %>\n<% x -%>\n"
        ]);
        join_block_lines(&mut value);
        assert_eq!(
            value,
            json!([
                "a\n<% if x %>  b\n<% endif %>c <% if y %>d<% endif %>\ne\n<# note #><%x%> f\n  <%- x %>\n<% x -%>\n"
            ])
        );
    }
}
