//! Texts taken apart, so that the engine is only asked for what it alone can do.

use std::cell::Cell;
use std::fmt::Write as _;
use std::rc::Rc;

use minijinja::value::{Value as Context, ValueKind};
use minijinja::{Environment, Error, Template};

use super::block::{Block, Blocks};
use super::names::{Asked, Names};
use super::render::{BLOCK, COMMENT, EXPRESSION};

/// A text with expressions and blocks in it.
pub(super) struct Text<'e, 't> {
    whole: Template<'e, 't>,
    /// Together what `whole` is; none when it cannot be taken apart.
    pieces: Vec<Piece<'e, 't>>,
    /// How long it was the last time: the next will be about as long.
    length: Cell<usize>,
}

enum Piece<'e, 't> {
    Plain(&'t str),
    Value(Asked<'e, 't>),
    Block(Rc<Block<'e, 't>>),
}

/// A piece as it is written.
#[derive(Debug, PartialEq, Eq)]
enum Source<'t> {
    Plain(&'t str),
    /// What stands between the delimiters.
    Value(&'t str),
    /// From the beginning of a block to its end.
    Block(&'t str),
}

impl<'e, 't> Text<'e, 't> {
    pub(super) fn new(engine: &'e Environment<'t>, blocks: &Blocks<'e, 't>, text: &'t str) -> Result<Self, Error> {
        let whole = engine.template_from_str(text)?;
        let compiled = |source| {
            Some(match source {
                Source::Plain(text) => Piece::Plain(text),
                Source::Value(source) => Piece::Value(Asked::new(engine, source).ok()?),
                Source::Block(text) => Piece::Block(blocks.of(engine, text).ok()?),
            })
        };
        let pieces = split(text).and_then(|sources| sources.into_iter().map(compiled).collect());
        Ok(Self { whole, pieces: pieces.unwrap_or_default(), length: Cell::new(text.len()) })
    }

    /// What it names, with attributes.
    pub(super) fn names(&self) -> impl IntoIterator<Item = String> {
        self.whole.undeclared_variables(true)
    }

    /// `buffer` is written over.
    pub(super) fn render(&self, names: &Names<'_>, buffer: String) -> Result<String, Error> {
        // Whatever goes wrong is told by the engine.
        self.put_together(names, buffer).map_or_else(|| self.whole.render(names.context()), Ok)
    }

    fn put_together(&self, names: &Names<'_>, mut text: String) -> Option<String> {
        text.clear();
        text.reserve(self.length.get());
        for piece in &self.pieces {
            match piece {
                Piece::Plain(plain) => text.push_str(plain),
                Piece::Value(asked) => write(&mut text, &asked.eval(names).ok()?)?,
                Piece::Block(block) => block.write(names, &mut text).ok()?,
            }
        }
        self.length.set(text.len());
        (!self.pieces.is_empty()).then_some(text)
    }
}

fn write(text: &mut String, value: &Context) -> Option<()> {
    match (value.as_str(), value.kind()) {
        (Some(value), _) => text.push_str(value),
        (None, ValueKind::Undefined | ValueKind::Invalid) => return None,
        (None, _) => write!(text, "{value}").ok()?,
    }
    Some(())
}

/// The pieces of a text; none when one of them could mean something to another: what one sets, the other names.
fn split(text: &str) -> Option<Vec<Source<'_>>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = start(rest) {
        let (plain, tag) = rest.split_at(start);
        let length = if tag.starts_with(EXPRESSION.0) { inside(tag, EXPRESSION)?.len() + 4 } else { block(tag)? };
        // A `-` takes the white space on its side away.
        let trims = tag[2..].starts_with('-');
        pieces.push(Source::Plain(if trims { plain.trim_end() } else { plain }));
        let (tag, after) = tag.split_at(length);
        if tag[..length - 2].ends_with('-') {
            return None;
        }
        pieces.push(match inside(tag, EXPRESSION) {
            Some(inside) => {
                let inside = inside.strip_prefix(['-', '+']).unwrap_or(inside);
                Source::Value(inside.strip_suffix('+').unwrap_or(inside))
            }
            None => Source::Block(tag),
        });
        rest = after;
    }
    pieces.push(Source::Plain(rest));
    pieces.retain(|piece| *piece != Source::Plain(""));
    Some(pieces)
}

/// Where the first tag is.
fn start(text: &str) -> Option<usize> {
    let starts = [EXPRESSION.0, BLOCK.0, COMMENT.0].map(|start| text.find(start));
    starts.into_iter().flatten().min()
}

/// What stands between these delimiters, when a text begins with the first.
fn inside<'t>(tag: &'t str, (start, end): (&str, &str)) -> Option<&'t str> {
    tag.strip_prefix(start)?.split_once(end).map(|(inside, _)| inside)
}

/// The length of the block that a text begins with, to its end; none unless it is made of loops and conditions alone.
fn block(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    loop {
        at += start(&text[at..])?;
        let tag = &text[at..];
        if let Some(inside) = inside(tag, EXPRESSION) {
            at += inside.len() + 4;
            continue;
        }
        let inside = inside(tag, BLOCK)?;
        at += inside.len() + 4;
        match inside.strip_prefix(['-', '+']).unwrap_or(inside).split_whitespace().next()? {
            "for" | "if" => depth += 1,
            "elif" | "else" => {}
            "endfor" | "endif" => depth = depth.checked_sub(1)?,
            _ => return None,
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::provision::template::{context, engine};

    const PARTS: [&str; 23] = [
        "plain ",
        "\n  ",
        "{{stage.name}}",
        "<< name >>",
        "<<- name >>",
        "<<+ name +>>",
        "<< name ->>",
        "<< pipeline.team >> ",
        "<< pipeline.none >>",
        "<< pipeline.missing >>",
        "<< number + 1 >>",
        "<< \"a >> b\" >>",
        "<< name ~ '<% if %>' >>",
        "<< [number, 60] | min >>",
        "<% for stage in stages %>,!stage:<< stage >><% endfor %>",
        " <%- for stage in stages if stage != '%>' %> << stage >> <%- endfor %>",
        "<% if number == 5 -%> << name >> <%- else %>no<% endif -%> ",
        "<% for stage in stages %><< stage >><< number >><% endfor %>",
        "<% if name %><% for s in stages %><< s >><% endfor %>",
        "<% endif %>",
        "<% set name = 'set' %>",
        "<# note << name >> #>",
        "<% raw %><< name >><% endraw %>",
    ];

    fn values(name: &str, number: &serde_json::Value, stages: Context) -> [(&'static str, Context); 4] {
        let pipeline = json!({"team": format!("Team {name}"), "none": null});
        [
            ("name", Context::from(name)),
            ("number", context(number)),
            ("pipeline", context(&pipeline)),
            ("stages", stages),
        ]
    }

    proptest! {
        #[test]
        fn for_all_texts_the_pieces_together_are_what_the_engine_makes_of_the_whole(
            parts in proptest::collection::vec(proptest::sample::select(&PARTS[..]), 1..6),
            all in proptest::collection::vec(
                ("[a-z@<>%é]{0,3}", prop_oneof![Just(json!(5)), Just(json!(5.0)), Just(json!("5"))], 0_usize..3), 1..6
            ),
        ) {
            let text = parts.concat();
            let engine = engine();
            let lists: [Context; 2] = [["a", "<< name >>"], ["b", "%>"]].map(|stages| stages.into_iter().collect());
            if let Ok(compiled) = Text::new(&engine, &Blocks::default(), &text) {
                for (name, number, stages) in &all {
                    let own = || context(&json!([name, "<< name >>"]));
                    let values = values(name, number, lists.get(*stages).cloned().unwrap_or_else(own));
                    let names = Names::new(&values);
                    let whole = compiled.whole.render(names.context()).ok();
                    prop_assert_eq!(compiled.render(&names, "x".repeat(50)).ok(), whole.clone(), "{}", text);
                    prop_assert!(compiled.put_together(&names, String::new()).is_none_or(|text| Some(text) == whole), "{}", text);
                }
            }
        }
    }

    #[test]
    fn blocks_are_cut_out_whole_and_texts_that_set_something_are_not_cut() {
        let (message, query) = ("a << x >>\n <%- for s in y %><< s >><% endfor %> b", "<< x >>{<< y.z >>}");
        assert_eq!(
            split(message).unwrap(),
            [
                Source::Plain("a "),
                Source::Value(" x "),
                Source::Block("<%- for s in y %><< s >><% endfor %>"),
                Source::Plain(" b"),
            ]
        );
        assert_eq!(
            split(query).unwrap(),
            [Source::Value(" x "), Source::Plain("{"), Source::Value(" y.z "), Source::Plain("}")]
        );
        for text in ["<% set x = 1 %><< x >>", "<% if a %><% set x = 1 %><% endif %><< x >>", "a<# b #>", "<< x ->> b"]
        {
            assert_eq!(split(text), None, "{text}");
        }
    }
}
