//! Objects under what they are about, one a line, in columns.

use std::collections::BTreeMap;

use super::print::{self, Mood, painted, printable};
use crate::model::tag::normalize_value;
use crate::provision::object::{Identity, Kind, Subject};

/// The column of names is no wider than this, whatever somebody calls a template.
const NAME: usize = 24;

/// One object.
pub(super) struct Row<'a> {
    /// Left out where the rest tells it.
    pub(super) kind: Option<Kind>,
    pub(super) identity: &'a Identity,
    /// What is or was done with it.
    pub(super) mood: Mood,
    /// The same as one character.
    pub(super) sign: char,
    /// The rest of its line, safe to print.
    pub(super) rest: String,
    /// Lines below it, safe to print.
    pub(super) below: Vec<String>,
}

/// Prints objects under a heading for each subject: first what is about everything, then pipelines by name. Within one,
/// they stay in their order.
pub(super) fn show(rows: &[Row<'_>]) {
    let mut groups: BTreeMap<(u8, String), Vec<&Row<'_>>> = BTreeMap::new();
    for row in rows {
        groups.entry(heading(&row.identity.subject)).or_default().push(row);
    }
    let width = rows.iter().map(|row| name(row.identity).chars().count()).max().unwrap_or(0).min(NAME);
    for (at, ((_, heading), rows)) in groups.into_iter().enumerate() {
        if at > 0 {
            print::line("");
        }
        print::heading(printable(&heading));
        for row in rows {
            let Row { kind, identity, mood, sign, rest, below } = row;
            let name = printable(&name(identity));
            // Blanks at the end of a line are seen where it is selected.
            let gap = if rest.is_empty() { 0 } else { (width + 2).saturating_sub(name.chars().count()).max(2) };
            let kind = kind.map(|kind| format!("{:<9}  ", kind.word())).unwrap_or_default();
            let name = painted(*mood, format_args!("{sign} {kind}{name}"));
            print::line(format_args!("  {name}{:gap$}{rest}", ""));
            for line in below {
                print::line(format!("      {line}").trim_end());
            }
        }
    }
}

/// A title without what the heading says already.
pub(super) fn title<'a>(identity: &Identity, title: &'a str) -> &'a str {
    let Subject::Pipeline { pipeline, environment, .. } = &identity.subject else { return title };
    match title.split_once(": ") {
        Some((start, rest)) if is_named(start, pipeline, environment) => rest,
        _ => title,
    }
}

fn is_named(text: &str, pipeline: &str, environment: &str) -> bool {
    normalize_value(text) == normalize_value(&format!("{pipeline} ({environment})"))
}

/// What `--pipeline`, `--environment` and `--team` would have to be, and where it stands in the order.
fn heading(subject: &Subject) -> (u8, String) {
    match subject {
        Subject::Global => (0, "everything".to_owned()),
        Subject::Environment(name) => (1, format!("environment {name}")),
        Subject::Team(name) => (2, format!("team {name}")),
        Subject::Pipeline { pipeline, environment, .. } => {
            (3, format!("pipeline {pipeline}, environment {environment}"))
        }
        Subject::Digest(_) => (4, "names too long to be shown".to_owned()),
    }
}

fn name(identity: &Identity) -> String {
    match &identity.subject {
        Subject::Pipeline { stage: Some(stage), .. } => format!("{}, stage {stage}", identity.template),
        Subject::Digest(digest) => format!("{} {digest}", identity.template),
        _ => identity.template.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_says_nothing_twice_and_loses_nothing() {
        let subject = |pipeline: &str| Subject::Pipeline {
            pipeline: pipeline.to_owned(),
            environment: "data_prod".to_owned(),
            stage: None,
        };
        let shown = |pipeline: &str, text| title(&Identity::new("x", subject(pipeline)), text);
        assert_eq!(shown("lease", "Lease (data_prod): requests wait"), "requests wait");
        assert_eq!(shown("lease", "Lease (data_dev): requests wait"), "Lease (data_dev): requests wait");
        assert_eq!(shown("lease_2", "Lease 2 (data_prod): a: b"), "a: b");
        assert_eq!(shown("lease", "Lease (data_prod)"), "Lease (data_prod)");
        assert_eq!(title(&Identity::new("x", Subject::Global), "Lease (data_prod): a"), "Lease (data_prod): a");
    }
}
