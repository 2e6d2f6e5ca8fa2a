//! Lines as a person reads them. All of their text comes from outside.

use std::collections::BTreeSet;
use std::time::Duration;

use super::lines::{Entry, time};
use super::print::{Mood, faint, painted, printable, short};
use super::which::{Asked, Source};
use crate::model::log::{Line, Status};
use crate::model::pipeline::quoted;
use crate::source::logs::split::cut;

/// Characters of an id: of a UUID its first parts.
const ID: usize = 13;
/// Bytes of one line, written as JSON; `--json` has all of it.
const LONGEST: usize = 16 * 1024;
/// Before the further lines of one that has several, so that none of them looks like one of its own.
const INDENT: &str = "      ";

/// Widths that are the same in every line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Columns {
    stage: usize,
    /// Whether the environment is told.
    pub(super) environments: bool,
}

impl Columns {
    pub(super) fn of<'a>(sources: impl Iterator<Item = &'a Source> + Clone) -> Self {
        let environments: BTreeSet<&str> = sources.clone().map(|it| it.environment.as_str()).collect();
        let environments = environments.len() > 1;
        let width = |it: &Source| stage(&it.environment, &it.group.stage, environments).chars().count();
        Self { stage: sources.map(width).max().unwrap_or(0), environments }
    }
}

/// A stage, `-` where a group belongs to the pipeline itself.
pub(super) fn stage(environment: &str, stage: &str, environments: bool) -> String {
    let stage = if stage.is_empty() { "-".to_owned() } else { printable(&short(stage)) };
    if environments { format!("{}/{stage}", printable(&short(environment))) } else { stage }
}

/// Time, level, stage, id, message; what has several lines is indented.
pub(super) fn text(entry: &Entry, columns: Columns) -> String {
    let Entry { line, source, .. } = entry;
    let stage = stage(&source.environment, &source.group.stage, columns.environments);
    let id = entry.inference().or(entry.request()).unwrap_or("-");
    let id: String = printable(id).chars().take(ID).collect();
    let said = said(line);
    let mut lines = said.lines().map(shown);
    let first = lines.next().unwrap_or_default();
    let width = columns.stage;
    let head = format!("{} {} {stage:width$} {id:ID$} {first}", faint(time(line.at)), level(line.status));
    let further = lines.map(|line| format!("{INDENT}{line}"));
    std::iter::once(head).chain(further).map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

fn shown(line: &str) -> String {
    printable(&line.replace('\t', "  "))
}

/// The message, with the stack trace that a structured logger has put elsewhere.
fn said(line: &Line) -> String {
    match line.trace().filter(|_| line.status.is_error()) {
        Some(trace) => cut(&format!("{}\n{}", line.message, trace.trim_end()), LONGEST),
        None => cut(&line.message, LONGEST),
    }
}

fn level(status: Status) -> String {
    let word = format!("{:5}", if status == Status::Critical { "crit" } else { status.word() });
    match status {
        Status::Debug => faint(word),
        Status::Info => painted(Mood::Plain, word),
        Status::Warn => painted(Mood::Changed, word),
        Status::Error | Status::Critical => painted(Mood::Bad, word),
    }
}

/// What is said where there is no line, with what to try. `missing` of the groups do not exist.
pub(super) fn nothing(
    asked: Asked<'_>,
    errors: bool,
    id: Option<&str>,
    since: Duration,
    groups: (usize, usize),
) -> String {
    let (all, missing) = groups;
    let since = humantime::format_duration(since).to_string().replace(' ', "");
    let what = if errors { "error" } else { "line" };
    let of = match asked.stage {
        Some(stage) => format!("stage {} of pipeline {}", quoted(stage), quoted(asked.pipeline)),
        None => format!("pipeline {}", quoted(asked.pipeline)),
    };
    if missing == all {
        let groups = if all == 1 {
            "its log group does not exist".to_owned()
        } else {
            format!("none of its {all} log groups exists")
        };
        return format!("{of} has written nothing yet: {groups}");
    }
    let mut tries = vec!["a longer `--since`"];
    if errors {
        tries.push("`--errors` left out");
    }
    if asked.stage.is_some() {
        tries.push("`--stage` left out");
    }
    if id.is_some() {
        tries.push("the lines without `--id`: the fourth column has their ids");
    }
    let found = match id {
        Some(id) => format!("carries an id that begins with {}", quoted(id)),
        None => "was found".to_owned(),
    };
    format!("no {what} of {of} {found} in the last {since}; try {}", tries.join(", or "))
}
