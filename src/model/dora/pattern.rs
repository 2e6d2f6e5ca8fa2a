//! A run's inputs out of its title, or out of the name of a job: `workflow_dispatch` inputs are in no reply of GitHub's.
//!
//! A pattern is a text with parts in braces: `{action}`, `{yaml}` or `{pipeline}`, `{environment}`, and if you like
//! `{branch}` and `{version}`. It must fit the whole title. Titles are typed by people, so each part takes only what
//! such an input can be, and a title that fits in two ways fits in none: nothing is guessed.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::dora::id::Action;

/// What `run-name` writes, unless configured otherwise.
pub const TITLE: &str = "{action} {yaml} to {environment} from {branch}";

/// What a matrix over the inputs writes as the name of the deploy job, unless configured otherwise.
pub const JOB_NAME: &str = "deploy ({action}, {environment}, {yaml})";

/// Longer titles are nobody's: bytes.
const MAX_TITLE: usize = 1000;

/// What a run was asked to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Call {
    /// What.
    pub action: Action,
    /// Where to, for example `data_prod`.
    pub environment: String,
    /// Path of the pipelines' file, when the pattern has `{yaml}`.
    pub yaml: Option<String>,
    /// The pipeline, when the pattern has `{pipeline}`.
    pub pipeline: Option<String>,
    /// Which branch, tag or commit was deployed, when the pattern has `{branch}`.
    pub branch: Option<String>,
    /// When the pattern has `{version}`.
    pub version: Option<String>,
}

/// A pattern that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    parts: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Part(Part),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Action,
    Yaml,
    Pipeline,
    Environment,
    Branch,
    Version,
}

const PARTS: [(Part, &str, &str); 6] = [
    (Part::Action, "action", "action"),
    (Part::Yaml, "yaml", "YAML"),
    (Part::Pipeline, "pipeline", "pipeline"),
    (Part::Environment, "environment", "environment"),
    (Part::Branch, "branch", "branch"),
    (Part::Version, "version", "version"),
];

impl Part {
    fn named(name: &str) -> Option<Self> {
        PARTS.into_iter().find(|(_, known, _)| *known == name).map(|(part, ..)| part)
    }

    /// Its name in a pattern, and the name of the workflow's input.
    fn names(self) -> (&'static str, &'static str) {
        PARTS.into_iter().find(|(part, ..)| *part == self).map_or(("", ""), |(_, name, input)| (name, input))
    }
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, as a fragment of a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(open);
            let inside = brace.strip_prefix('{').ok_or("a } without a { before it")?;
            let (name, after) = inside.split_once('}').ok_or("a { without a } after it")?;
            let part = Part::named(name).ok_or_else(|| {
                let known: Vec<String> = PARTS.iter().map(|(_, name, _)| format!("{{{name}}}")).collect();
                format!("{{{name}}} is no part; parts are {}", known.join(", "))
            })?;
            if !before.is_empty() {
                parts.push(Piece::Text(before.to_owned()));
            } else if let Some(Piece::Part(last)) = parts.last() {
                return Err(format!("nothing between {{{}}} and {{{name}}} says where one ends", last.names().0));
            }
            if parts.contains(&Piece::Part(part)) {
                return Err(format!("{{{name}}} twice"));
            }
            parts.push(Piece::Part(part));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Piece::Text(rest.to_owned()));
        }
        let pattern = Self { parts };
        for needed in [Part::Action, Part::Environment] {
            if !pattern.has(needed) {
                return Err(format!("no {{{}}}", needed.names().0));
            }
        }
        if !pattern.has(Part::Yaml) && !pattern.has(Part::Pipeline) {
            return Err("neither {yaml} nor {pipeline}".to_owned());
        }
        if pattern.literal().any(|text| text.chars().any(char::is_control)) {
            return Err("a line break or another control character".to_owned());
        }
        Ok(pattern)
    }

    /// Reads a title. `None` when it does not fit, or fits in more than one way.
    #[must_use]
    pub fn read(&self, title: &str) -> Option<Call> {
        let title = title.trim();
        if title.len() > MAX_TITLE {
            return None;
        }
        let mut ends = Ends { pattern: self, title, ways: BTreeMap::new() };
        if ends.ways(0, 0) != 1 {
            return None;
        }
        let mut found: BTreeMap<Part, &str> = BTreeMap::new();
        let mut at = 0;
        for (index, piece) in self.parts.iter().enumerate() {
            let end = ends.candidates(index, at).into_iter().find(|end| ends.ways(index + 1, *end) == 1)?;
            if let Piece::Part(part) = piece {
                found.insert(*part, title.get(at..end)?);
            }
            at = end;
        }
        let word = |part| found.get(&part).map(|word| (*word).to_owned());
        Some(Call {
            action: Action::parse(found.get(&Part::Action)?)?,
            environment: word(Part::Environment)?,
            yaml: word(Part::Yaml),
            pipeline: word(Part::Pipeline),
            branch: word(Part::Branch),
            version: word(Part::Version),
        })
    }

    /// The one line to put at the top of the workflow, so that its titles fit this pattern.
    #[must_use]
    pub fn run_name(&self) -> String {
        let line: String = (self.parts.iter())
            .map(|piece| match piece {
                Piece::Text(text) => text.replace('\'', "''"),
                Piece::Part(part) => format!("${{{{ inputs.{} }}}}", part.names().1),
            })
            .collect();
        format!("run-name: '{line}'")
    }

    fn has(&self, part: Part) -> bool {
        self.parts.contains(&Piece::Part(part))
    }

    fn literal(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|piece| match piece {
            Piece::Text(text) => Some(text.as_str()),
            Piece::Part(_) => None,
        })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(text),
            Piece::Part(part) => write!(f, "{{{}}}", part.names().0),
        })
    }
}

/// In how many ways the rest of a title fits the rest of a pattern: 0, 1, or 2 for more. Remembered, so that a hostile
/// title is tried once from each of its places and not in every combination of them.
struct Ends<'a> {
    pattern: &'a Pattern,
    title: &'a str,
    ways: BTreeMap<(usize, usize), u8>,
}

impl Ends<'_> {
    fn ways(&mut self, index: usize, at: usize) -> u8 {
        if index == self.pattern.parts.len() {
            return u8::from(at == self.title.len());
        }
        if let Some(known) = self.ways.get(&(index, at)) {
            return *known;
        }
        let mut ways = 0;
        for end in self.candidates(index, at) {
            ways = 2.min(ways + self.ways(index + 1, end));
            if ways == 2 {
                break;
            }
        }
        self.ways.insert((index, at), ways);
        ways
    }

    /// Where the piece that begins at `at` may end.
    fn candidates(&self, index: usize, at: usize) -> Vec<usize> {
        let rest = self.title.get(at..).unwrap_or_default();
        match self.pattern.parts.get(index) {
            None => Vec::new(),
            Some(Piece::Text(text)) => rest.starts_with(text.as_str()).then_some(at + text.len()).into_iter().collect(),
            Some(Piece::Part(part)) => {
                let ends: Vec<usize> = match self.pattern.parts.get(index + 1) {
                    Some(Piece::Text(next)) => {
                        // Not `match_indices`: what is found may overlap.
                        let ends = rest.char_indices().map(|(end, _)| end).take_while(|end| *end <= part.most());
                        ends.filter(|end| rest[*end..].starts_with(next.as_str())).collect()
                    }
                    _ => vec![rest.len()],
                };
                let takes = |end: &usize| *end <= part.most() && rest.get(..*end).is_some_and(|text| part.takes(text));
                ends.into_iter().filter(takes).map(|end| at + end).collect()
            }
        }
    }
}

impl Part {
    /// The longest text that it takes, in bytes: what GitHub, git and Datadog's tags allow, more or less.
    const fn most(self) -> usize {
        match self {
            Self::Action => 10,
            Self::Environment => 100,
            Self::Pipeline | Self::Version => 200,
            Self::Branch => 250,
            Self::Yaml => 400,
        }
    }

    /// Whether an input can be this text.
    fn takes(self, text: &str) -> bool {
        match self {
            Self::Action => Action::parse(text).is_some(),
            Self::Environment => is_word(text),
            Self::Pipeline | Self::Version => is_name(text),
            Self::Yaml => is_yaml_path(text),
            Self::Branch => is_ref(text),
        }
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// Nothing that a person cannot see, and nothing at the ends that gets lost.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text == text.trim() && !text.chars().any(is_invisible)
}

/// A path inside a repository that ends in `.yaml` or `.yml`. Spaces inside are allowed, `..` is not.
fn is_yaml_path(text: &str) -> bool {
    const REFUSED: [char; 9] = ['\\', ':', '*', '?', '"', '<', '>', '|', '#'];
    let stem = text.strip_suffix(".yaml").or_else(|| text.strip_suffix(".yml"));
    is_name(text)
        && stem.is_some_and(|stem| !stem.is_empty() && !stem.ends_with('/'))
        && !text.contains(REFUSED)
        && text.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

/// A branch, a tag or a commit. <https://git-scm.com/docs/git-check-ref-format>
fn is_ref(text: &str) -> bool {
    const REFUSED: [char; 7] = ['~', '^', ':', '?', '*', '[', '\\'];
    is_name(text)
        && !text.contains(REFUSED)
        && !text.contains(char::is_whitespace)
        && !text.contains("..")
        && !text.contains("@{")
        && !text.starts_with('-')
        && !text.ends_with('.')
        && text
            .split('/')
            .all(|part| !part.is_empty() && !part.starts_with('.') && part.strip_suffix(".lock").is_none())
}

/// Control characters, and those that change the direction of a text or have no width.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests;
