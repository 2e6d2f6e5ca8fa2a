//! `templates`: templates of the user's own, and values of their variables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::config::field::Section;
use crate::config::problem::Findings;
use crate::config::settings::Templates;

pub(super) fn read(root: &Section<'_>, folder: &Path, findings: &mut Findings) -> Templates {
    let section = root.section("templates", &["dir", "disable", "variables"], findings);
    let mut variables = BTreeMap::new();
    for (pipeline, field) in section.named("variables", "\"*\"", findings) {
        let mut values = BTreeMap::new();
        for (name, value) in field.named("max_age_seconds", findings) {
            let Some(value_of) = value.scalar(findings) else { continue };
            let name = name.replace('-', "_");
            if values.insert(name, value_of).is_some() {
                value.problem(findings, "stands twice, once with `-` and once with `_`");
            }
        }
        variables.insert(pipeline.to_owned(), values);
    }
    Templates {
        dir: dir(&section, folder, findings),
        disable: section.texts("disable", findings).into_iter().map(|(_, name)| name.to_owned()).collect(),
        variables,
    }
}

fn dir(section: &Section<'_>, folder: &Path, findings: &mut Findings) -> Option<PathBuf> {
    let field = section.get("dir")?;
    let dir = folder.join(field.text(findings)?);
    if !dir.is_dir() {
        let start = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let message = format!("{} is no folder; the path starts at {}", field.shown(), start.display());
        field.problem(findings, message);
    }
    Some(dir)
}
