//! Where objects are: the one file that knows which kinds of store there are.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientConfigKey, ObjectStore, RetryConfig};

use super::error::reason;
use crate::config::settings::StateLocation;

/// One attempt of a request to S3: a checkpoint is small, and a stop waits for it.
const REQUEST_TIMEOUT: &str = "10 seconds";
/// All attempts together, below the deadline of a stop.
const RETRY_TIMEOUT: Duration = Duration::from_secs(15);
const RETRIES: usize = 4;

type Place = (Arc<dyn ObjectStore>, Path);

pub(super) fn folder(folder: &std::path::Path) -> Result<Place, String> {
    let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| reason(&error))?.with_fsync(true);
    Ok((Arc::new(store), Path::default()))
}

/// Removes what writes that were killed have left: the store writes an object `x.json` as `x.json#1` first. The folder
/// has to be locked.
pub(super) fn sweep(folder: &std::path::Path) {
    // job/account/region.json#1: no deeper, whatever folder somebody has named.
    sweep_to(2, folder);
}

fn sweep_to(depth: u32, folder: &std::path::Path) {
    let staged = |name: &str| {
        let number = name.split_once(".json#").map_or("", |(_, number)| number);
        !number.is_empty() && number.chars().all(|c| c.is_ascii_digit())
    };
    // What cannot be listed or removed harms nobody, and a folder that cannot be written is told at the first save.
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let kind = entry.file_type();
        if kind.as_ref().is_ok_and(std::fs::FileType::is_dir) && depth > 0 {
            sweep_to(depth - 1, &entry.path());
        } else if kind.is_ok_and(|kind| kind.is_file()) && entry.file_name().to_str().is_some_and(staged) {
            let _kept = std::fs::remove_file(entry.path());
        }
    }
}

/// A folder that nobody has made yet, seen by a reader, who must not make it.
pub(super) fn nothing() -> Place {
    (Arc::new(InMemory::new()), Path::default())
}

pub(super) fn s3(bucket: &str, prefix: &str) -> Result<Place, String> {
    let builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
    let value = |key| builder.get_config_value(&key);
    let endpoint = value(AmazonS3ConfigKey::S3Endpoint).or_else(|| value(AmazonS3ConfigKey::Endpoint));
    let region = value(AmazonS3ConfigKey::Region).or_else(|| value(AmazonS3ConfigKey::DefaultRegion));
    if region.is_none() && endpoint.is_none() {
        return Err("the bucket's region is not known; set AWS_REGION".into());
    }
    let plain = endpoint.is_some_and(|url| url.starts_with("http://"));
    let retry = RetryConfig {
        backoff: BackoffConfig { init_backoff: Duration::from_millis(200), ..BackoffConfig::default() },
        max_retries: RETRIES,
        retry_timeout: RETRY_TIMEOUT,
    };
    let builder = if plain { builder.with_allow_http(true) } else { builder };
    let store = builder
        .with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), REQUEST_TIMEOUT)
        .with_retry(retry)
        .build()
        .map_err(|error| reason(&error))?;
    Ok((Arc::new(store), Path::from(prefix)))
}

/// An object's full name, for people.
pub(super) fn address(location: &StateLocation, path: &Path) -> String {
    match location {
        StateLocation::Folder(folder) => folder.join(path.as_ref()).display().to_string(),
        StateLocation::S3 { bucket, .. } => format!("s3://{bucket}/{path}"),
    }
}
