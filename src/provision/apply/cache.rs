//! Bodies of dashboards from one look to the next, since the list has none and a GET each is slow.
//!
//! Only a body is ever taken from here, and only while the list tells the same change and the same description: who owns
//! a dashboard is what Datadog says now.

use std::collections::BTreeMap;
use std::io::{self, BufWriter};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::provision::read;

/// A file of another version is not read.
const VERSION: u32 = 1;

/// Some thousand large dashboards.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// What the file held.
#[derive(Debug, Default, PartialEq, Deserialize)]
pub(super) struct Cache {
    version: u32,
    dashboards: BTreeMap<String, Entry<Value>>,
}

/// What the file will hold. Bodies are large, so they stay where they are.
#[derive(Serialize)]
struct Kept<'a> {
    version: u32,
    dashboards: BTreeMap<&'a str, Entry<&'a Value>>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Entry<Body> {
    modified_at: String,
    body: Body,
}

impl Cache {
    /// What the file holds; nothing when it cannot be read.
    pub(super) fn read(path: &Path) -> Self {
        let cache = read::bounded(path, MAX_BYTES).ok().and_then(|text| serde_json::from_slice::<Self>(&text).ok());
        cache.filter(|cache| cache.version == VERSION).unwrap_or_default()
    }

    /// The body of a dashboard, if it has not changed since by what the list says of it.
    pub(super) fn take(&mut self, listed: &Value) -> Option<Value> {
        let entry = self.dashboards.remove(listed["id"].as_str()?)?;
        let same = Some(entry.modified_at.as_str()) == listed["modified_at"].as_str()
            && entry.body["id"] == listed["id"]
            && entry.body["description"] == listed["description"];
        same.then_some(entry.body)
    }

    /// Whether every body has been taken.
    pub(super) fn is_empty(&self) -> bool {
        self.dashboards.is_empty()
    }
}

/// Keeps bodies, each with what the list says of it, but none that does not tell when it has changed. The file is
/// written as a whole or not at all, for its owner alone.
pub(super) fn write<'a>(path: &Path, bodies: impl Iterator<Item = (&'a Value, &'a Value)>) -> io::Result<()> {
    let dashboards = bodies.filter_map(|(listed, body)| {
        let modified_at = listed["modified_at"].as_str()?.to_owned();
        Some((listed["id"].as_str()?, Entry { modified_at, body }))
    });
    let kept = Kept { version: VERSION, dashboards: dashboards.collect() };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = BufWriter::new(NamedTempFile::new_in(folder)?);
    serde_json::to_writer(&mut file, &kept)?;
    file.into_inner()?.persist(path).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use serde_json::json;

    use super::*;

    fn listed(modified_at: &str, description: &str) -> Value {
        json!({ "id": "abc", "modified_at": modified_at, "description": description })
    }

    fn body() -> Value {
        json!({ "id": "abc", "description": "d", "widgets": [1] })
    }

    #[test]
    fn a_body_comes_back_only_while_the_list_says_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deeper/dashboards.json");
        write(&path, [(&listed("t1", "d"), &body())].into_iter()).unwrap();
        assert_eq!(Cache::read(&path).take(&listed("t1", "d")), Some(body()));
        assert_eq!(Cache::read(&path).take(&listed("t2", "d")), None);
        assert_eq!(Cache::read(&path).take(&listed("t1", "other")), None);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing temporary is left");
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dashboards.json");
        write(&path, std::iter::empty()).unwrap();
        let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).unwrap());
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dashboards.json");
        for text in ["", "{", "[]", r#"{"version":2,"dashboards":{"abc":{"modified_at":"t1","body":{}}}}"#] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(Cache::read(&path), Cache::default(), "{text}");
        }
        assert_eq!(Cache::read(folder.path()), Cache::default());
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_eq!(Cache::read(&pipe), Cache::default());
    }
}
