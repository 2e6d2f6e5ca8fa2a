//! What is wrong with a configuration or a template, and where.

use std::fmt;

/// One thing that is wrong, in one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file as it was named, or `environment`.
    pub file: String,
    /// Counted from 1; none for a problem of the whole file.
    pub line: Option<u64>,
    /// Counted from 1, in characters.
    pub column: Option<u64>,
    /// For example `accounts[0].role`, or the name of a variable; empty for a problem of the whole file.
    pub path: String,
    /// A lowercase fragment: what is wrong, and what to write instead. Never holds what may be a secret.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Every problem of a configuration or of the templates, in the order of the file. `Display` prints one a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.0))]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Nothing when there are none.
    ///
    /// # Errors
    /// The problems, when there are some.
    pub fn check(problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self(problems)) }
    }

    /// At least one.
    #[must_use]
    pub fn all(&self) -> &[Problem] {
        &self.0
    }
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

/// Where a value was given.
#[derive(Debug, Clone)]
pub(super) struct Place {
    origin: Origin,
    path: String,
}

#[derive(Debug, Clone, Copy)]
enum Origin {
    File,
    Line { line: u64, column: u64 },
    Environment,
}

impl Place {
    /// The file as a whole, or something that should be in it and is not.
    pub(super) fn file(path: &str) -> Self {
        Self { origin: Origin::File, path: path.to_owned() }
    }

    pub(super) fn variable(name: &str) -> Self {
        Self { origin: Origin::Environment, path: name.to_owned() }
    }

    /// The parser says line 0 where it does not know one.
    pub(super) fn line(line: u64, column: u64, path: String) -> Self {
        let origin = if line == 0 { Origin::File } else { Origin::Line { line, column } };
        Self { origin, path }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// `line 3`, for a message that points from one place to another.
    pub(super) fn line_words(&self) -> String {
        match self.origin {
            Origin::Line { line, .. } => format!("line {line}"),
            Origin::File | Origin::Environment => self.path.clone(),
        }
    }
}

/// What has been found so far; reading goes on after a problem, so that one run shows them all.
#[derive(Debug)]
pub(super) struct Findings {
    file: String,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Findings {
    pub(super) fn new(file: &str) -> Self {
        Self { file: file.to_owned(), problems: Vec::new(), warnings: Vec::new() }
    }

    pub(super) fn problem(&mut self, place: &Place, message: impl Into<String>) {
        let problem = self.at(place, message.into());
        self.problems.push(problem);
    }

    /// Something that works, but likely not as meant.
    pub(super) fn warning(&mut self, place: &Place, message: impl Into<String>) {
        let warning = self.at(place, message.into());
        self.warnings.push(warning);
    }

    fn at(&self, place: &Place, message: String) -> Problem {
        let (file, line, column) = match place.origin {
            Origin::File => (self.file.clone(), None, None),
            Origin::Line { line, column } => (self.file.clone(), Some(line), Some(column)),
            Origin::Environment => ("environment".to_owned(), None, None),
        };
        Problem { file, line, column, path: place.path.clone(), message }
    }

    /// The warnings of a configuration that can be used, or all problems of one that cannot.
    pub(super) fn finish(self) -> Result<Vec<Problem>, Problems> {
        let Self { mut problems, mut warnings, .. } = self;
        let order = |p: &Problem| (p.line.is_none(), p.line, p.column);
        problems.sort_by_key(order);
        warnings.sort_by_key(order);
        Problems::check(problems).map(|()| warnings)
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}
