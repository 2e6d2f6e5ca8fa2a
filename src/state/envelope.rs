//! The form of every object: `{"version": 1, "written_by": "..", "written_at": "..", "data": ..}`.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Raised when an older program could not read the data any more.
const VERSION: u64 = 1;

#[derive(Serialize)]
struct Envelope<'a, T> {
    version: u64,
    written_by: &'a str,
    written_at: DateTime<Utc>,
    data: &'a T,
}

#[derive(Deserialize)]
struct Header {
    version: u64,
    written_by: String,
}

#[derive(Deserialize)]
struct Body<T> {
    data: T,
}

/// Why an object gives no data.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Undecodable {
    /// Its version is above ours.
    Future(u64),
    /// It is not what this program writes.
    Corrupt(String),
}

pub(super) fn encode<T: Serialize>(by: &str, at: DateTime<Utc>, data: &T) -> Result<Bytes, serde_json::Error> {
    serde_json::to_vec(&Envelope { version: VERSION, written_by: by, written_at: at, data }).map(Bytes::from)
}

/// The version is judged before the data, whose shape only its own version knows.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Undecodable> {
    let corrupt = |error: serde_json::Error| Undecodable::Corrupt(error.to_string());
    let header: Header = serde_json::from_slice(bytes).map_err(corrupt)?;
    match header.version {
        0 => Err(Undecodable::Corrupt("its version is 0".into())),
        1..=VERSION => Ok(serde_json::from_slice::<Body<T>>(bytes).map_err(corrupt)?.data),
        newer => Err(Undecodable::Future(newer)),
    }
}

/// Who wrote it, whatever its version.
pub(super) fn writer(bytes: &[u8]) -> Option<String> {
    serde_json::from_slice::<Header>(bytes).ok().map(|header| header.written_by)
}
