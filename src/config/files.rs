//! File names with `*`, `?`, `[..]` and `{..}` in them.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use globset::{Glob, GlobMatcher};

/// The files that `pattern` names, starting at `folder`. A wildcard stays within one name between slashes, and does not
/// match a leading dot.
///
/// The error completes a sentence that starts with the pattern.
pub(super) fn expand(folder: &Path, pattern: &str) -> Result<BTreeSet<PathBuf>, String> {
    let mut found = BTreeSet::from([folder.to_owned()]);
    for component in Path::new(pattern).components() {
        found = match component {
            Component::Normal(name) if name.to_string_lossy().contains(['*', '?', '[', '{']) => {
                let name = name.to_string_lossy();
                if name.contains("**") {
                    return Err("has a `**`; write a `*` for each folder".to_owned());
                }
                let glob =
                    Glob::new(&name).map_err(|error| format!("is no pattern: {}", error.kind()))?.compile_matcher();
                found.iter().flat_map(|folder| entries(folder, &glob)).collect()
            }
            component => found.iter().map(|folder| folder.join(component)).collect(),
        };
    }
    found.retain(|path| path.is_file());
    if found.is_empty() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        return Err(format!("matches no file; the path starts at {}", folder.display()));
    }
    Ok(found)
}

/// A folder that cannot be listed has no entries; when nothing else matches, the pattern is reported.
fn entries(folder: &Path, glob: &GlobMatcher) -> Vec<PathBuf> {
    let listed = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = std::fs::read_dir(listed) else { return Vec::new() };
    let wants_hidden = glob.glob().glob().starts_with('.');
    let names = entries.filter_map(Result::ok).map(|entry| entry.file_name());
    names
        .filter(|name| glob.is_match(name) && (wants_hidden || !name.to_string_lossy().starts_with('.')))
        .map(|name| folder.join(name))
        .collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn wildcards_match_within_a_name_and_leave_hidden_files_alone() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a/x.yaml", "a/y.yaml", "a/.z.yaml", "b/x.yaml", "b/x.txt"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let names = |pattern: &str| -> Vec<String> {
            let paths = expand(folder.path(), pattern).unwrap();
            paths.iter().map(|path| path.strip_prefix(folder.path()).unwrap().display().to_string()).collect()
        };
        assert_eq!(names("a/*.yaml"), ["a/x.yaml", "a/y.yaml"]);
        assert_eq!(names("*/x.yaml"), ["a/x.yaml", "b/x.yaml"]);
        assert_eq!(names("b/x.{yaml,txt}"), ["b/x.txt", "b/x.yaml"]);
        assert_eq!(names("a/x.yaml"), ["a/x.yaml"]);
        assert!(expand(folder.path(), "c/*.yaml").unwrap_err().starts_with("matches no file"));
        assert!(expand(folder.path(), "**/x.yaml").unwrap_err().contains("`**`"));
    }
}
