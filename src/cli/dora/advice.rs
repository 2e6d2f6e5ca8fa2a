//! The one line that makes later runs say what they deploy.

use crate::config::settings::GitHub;
use crate::model::dora::{Pattern, Run, TITLE};

/// What to put at the top of the workflow of a run, so that its titles fit. One that is followed no more takes the usual
/// pattern.
pub(super) fn run_name(github: Option<&GitHub>, run: &Run) -> Option<String> {
    let repositories = github.map(|github| github.repositories.as_slice()).unwrap_or_default();
    let mut own = repositories.iter().filter(|it| it.name.eq_ignore_ascii_case(&run.repository));
    let file = run.workflow.rsplit('/').next().unwrap_or_default();
    let pattern = own.find_map(|it| it.workflows.iter().find(|it| it.file == file)).map(|it| it.run_name.clone());
    pattern.or_else(|| Pattern::parse(TITLE).ok()).map(|pattern| pattern.run_name())
}
