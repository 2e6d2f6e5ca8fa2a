//! Checkpoints: one JSON object per job, account and region, in a folder or under an S3 prefix; and the ledger of
//! deployments, an object a month, with people's words that wait for it ([`Inbox`]).
//!
//! A second writer would make two processes send the same windows, so it is kept out: in a folder by a lock file that
//! is held while the [`Store`] lives, in S3 by conditional writes, where it is noticed at the next save and named.
//!
//! S3 takes its credentials from the environment: `AWS_ACCESS_KEY_ID` with `AWS_SECRET_ACCESS_KEY` (and
//! `AWS_SESSION_TOKEN`), a web identity (`AWS_WEB_IDENTITY_TOKEN_FILE` with `AWS_ROLE_ARN`), the container
//! (`AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` on ECS, `AWS_CONTAINER_CREDENTIALS_FULL_URI` on EKS), else the EC2
//! instance; its region from `AWS_REGION` or `AWS_DEFAULT_REGION`; its endpoint from `AWS_ENDPOINT_URL_S3` or
//! `AWS_ENDPOINT_URL`. Profiles in `~/.aws` are not read. It needs `s3:GetObject` and `s3:PutObject` on the prefix, and
//! `s3:ListBucket` on the bucket: without it S3 answers 403, not 404, for an object that does not exist yet.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html> Words that the ledger has are removed with
//! `s3:DeleteObject`, and stay without it.

mod envelope;
mod error;
mod inbox;
pub mod ledger;
mod lock;
mod place;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use chrono::SecondsFormat;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload, UpdateVersion};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::Clock;
use crate::config::settings::StateLocation;
use crate::model::resource::Scope;

use envelope::Undecodable;
pub use error::StateError;
pub use inbox::Inbox;
pub use ledger::StoredLedger;
pub use lock::this_process;

/// Names one object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// For example `hot`.
    pub job: &'static str,
    /// `None` for what belongs to no account.
    pub scope: Option<Scope>,
    /// For a job with several objects, which of them: one plain word.
    pub part: Option<String>,
}

impl Key {
    /// The one object of a job that belongs to no account.
    #[must_use]
    pub const fn of(job: &'static str) -> Self {
        Self { job, scope: None, part: None }
    }

    /// A job's object for an account and region.
    #[must_use]
    pub const fn scoped(job: &'static str, scope: Scope) -> Self {
        Self { job, scope: Some(scope), part: None }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.job)?;
        if let Some(scope) = &self.scope {
            write!(f, "/{scope}")?;
        }
        if let Some(part) = &self.part {
            write!(f, "/{part}")?;
        }
        f.write_str(".json")
    }
}

/// What an object held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded<T> {
    /// `None` when there is no object, or only a corrupt one.
    pub data: Option<T>,
    /// Where the copy of a corrupt object is.
    pub set_aside: Option<String>,
}

/// The objects of one [`StateLocation`].
///
/// A key belongs to one task, which loads it before it saves it.
#[derive(Debug)]
pub struct Store {
    inner: Arc<dyn ObjectStore>,
    prefix: Path,
    location: StateLocation,
    holder: String,
    clock: Clock,
    guard: Guard,
    seen: Mutex<HashMap<Path, Seen>>,
}

/// What keeps a second writer out.
#[derive(Debug)]
enum Guard {
    /// A locked file; closing it lets go.
    Lock(#[expect(dead_code, reason = "held for its lock")] std::fs::File),
    /// Every save names the version that it replaces.
    Conditional,
    /// Objects are only added, each of a name that nobody else writes.
    Visitor,
    /// Nothing is written.
    ReadOnly,
    /// Nothing is written, and nobody is told.
    Rehearsal,
}

/// What the last load or save found under a key.
#[derive(Debug, Clone)]
enum Seen {
    Version(UpdateVersion),
    /// A save whose answer was lost: it may have landed or not.
    Unsure {
        before: Option<UpdateVersion>,
        sent: Bytes,
    },
    /// An object that must not be overwritten.
    Future(u64),
}

impl Store {
    /// Opens for reading and writing. A folder is made when missing, and locked until the `Store` is dropped.
    ///
    /// `holder` says who writes, for example [`this_process`]; a second writer is told.
    ///
    /// # Errors
    /// [`StateError::Locked`] when another process holds the folder, [`StateError::Open`] when the folder cannot be
    /// made or locked, or when S3 lacks a region or has a malformed setting in the environment.
    pub fn open(location: &StateLocation, holder: &str, clock: Clock) -> Result<Self, StateError> {
        let (place, guard) = match location {
            StateLocation::Folder(folder) => {
                std::fs::create_dir_all(folder).map_err(|error| StateError::open(location, &error))?;
                let since = clock.now().to_rfc3339_opts(SecondsFormat::Secs, true);
                let file = lock::take(folder, &format!("{holder}, since {since}"))
                    .map_err(|refused| refused.into_error(location))?;
                place::sweep(folder);
                (place::folder(folder), Guard::Lock(file))
            }
            StateLocation::S3 { bucket, prefix } => (place::s3(bucket, prefix), Guard::Conditional),
        };
        let (inner, prefix) = place.map_err(|reason| StateError::open(location, &reason))?;
        Ok(Self::over(inner, prefix, location.clone(), holder, clock, guard))
    }

    /// Opens for reading only: takes no lock, makes no folder, writes nothing. A folder that does not exist is empty.
    ///
    /// # Errors
    /// [`StateError::Open`], as for [`Store::open`].
    pub fn peek(location: &StateLocation) -> Result<Self, StateError> {
        let place = match location {
            StateLocation::Folder(folder) if !folder.exists() => Ok(place::nothing()),
            StateLocation::Folder(folder) => place::folder(folder),
            StateLocation::S3 { bucket, prefix } => place::s3(bucket, prefix),
        };
        let (inner, prefix) = place.map_err(|reason| StateError::open(location, &reason))?;
        Ok(Self::over(inner, prefix, location.clone(), "", Clock::Real, Guard::ReadOnly))
    }

    /// Opens for a rehearsal: as [`Store::peek`], but that saving succeeds and writes nothing, so that what writes can be
    /// tried with the same steps.
    ///
    /// # Errors
    /// [`StateError::Open`], as for [`Store::open`].
    pub fn rehearse(location: &StateLocation) -> Result<Self, StateError> {
        Ok(Self { guard: Guard::Rehearsal, ..Self::peek(location)? })
    }

    /// Opens for leaving words: takes no lock, so that somebody else may write meanwhile, and only adds objects. A folder is
    /// made when missing. See [`Store::leave`].
    ///
    /// # Errors
    /// [`StateError::Open`], as for [`Store::open`].
    pub fn visit(location: &StateLocation, holder: &str, clock: Clock) -> Result<Self, StateError> {
        let place = match location {
            StateLocation::Folder(folder) => {
                std::fs::create_dir_all(folder).map_err(|error| StateError::open(location, &error))?;
                place::folder(folder)
            }
            StateLocation::S3 { bucket, prefix } => place::s3(bucket, prefix),
        };
        let (inner, prefix) = place.map_err(|reason| StateError::open(location, &reason))?;
        Ok(Self::over(inner, prefix, location.clone(), holder, clock, Guard::Visitor))
    }

    fn over(
        inner: Arc<dyn ObjectStore>,
        prefix: Path,
        location: StateLocation,
        holder: &str,
        clock: Clock,
        guard: Guard,
    ) -> Self {
        Self { inner, prefix, location, holder: holder.to_owned(), clock, guard, seen: Mutex::default() }
    }

    /// As over S3: conditional writes to objects that several stores share.
    #[cfg(test)]
    pub(crate) fn shared(inner: &Arc<dyn ObjectStore>, holder: &str) -> Self {
        let location = StateLocation::S3 { bucket: "bucket".into(), prefix: "a/b".into() };
        Self::over(Arc::clone(inner), Path::from("a/b"), location, holder, Clock::Real, Guard::Conditional)
    }

    /// Reads an object. One that cannot be understood is copied to `<key>.corrupt-<its time of writing>`.
    ///
    /// # Errors
    /// [`StateError::Future`] when a newer program wrote it, [`StateError::Read`] when the place cannot be read,
    /// [`StateError::Write`] when a corrupt object cannot be set aside, [`StateError::Corrupt`] when it may not be,
    /// since the `Store` was opened by [`Store::peek`] or [`Store::rehearse`].
    pub async fn load<T: DeserializeOwned>(&self, key: &Key) -> Result<Loaded<T>, StateError> {
        let path = self.path(key);
        let Some(object) = self.read(key, &path).await? else {
            self.seen().remove(&path);
            return Ok(Loaded { data: None, set_aside: None });
        };
        match envelope::decode(&object.bytes) {
            Ok(data) => {
                self.seen().insert(path, Seen::Version(object.version));
                Ok(Loaded { data: Some(data), set_aside: None })
            }
            Err(Undecodable::Future(version)) => {
                self.seen().insert(path, Seen::Future(version));
                Err(self.future(key, version))
            }
            Err(Undecodable::Corrupt(reason)) => {
                let aside = self.set_aside(key, &path, &object, reason).await?;
                self.seen().insert(path, Seen::Version(object.version));
                Ok(Loaded { data: None, set_aside: Some(aside) })
            }
        }
    }

    /// Writes an object; when this returns, it is there whole, and stays after a loss of power. A failure leaves the
    /// old object as it was.
    ///
    /// # Errors
    /// [`StateError::SecondWriter`] when somebody else has written the object since it was loaded or saved here, and
    /// on until it is loaded again; [`StateError::Future`] when a newer program wrote it; [`StateError::ReadOnly`]
    /// after [`Store::peek`]; [`StateError::Write`] when the place cannot be written.
    pub async fn save<T: Serialize>(&self, key: &Key, data: &T) -> Result<(), StateError> {
        let path = self.path(key);
        let seen = self.seen().get(&path).cloned();
        let before = match seen {
            None => None,
            Some(Seen::Version(version)) => Some(version),
            Some(Seen::Unsure { before, sent }) => self.landed(key, &path, &sent).await?.or(before),
            Some(Seen::Future(version)) => return Err(self.future(key, version)),
        };
        let mode = match (&self.guard, &before) {
            (Guard::ReadOnly, _) => return Err(StateError::ReadOnly { key: key.to_string() }),
            (Guard::Rehearsal, _) => return Ok(()),
            (Guard::Lock(_), _) => PutMode::Overwrite,
            (Guard::Conditional, Some(version)) => PutMode::Update(version.clone()),
            (Guard::Conditional, None) | (Guard::Visitor, _) => PutMode::Create,
        };
        let bytes = envelope::encode(&self.holder, self.clock.now(), data)
            .map_err(|error| StateError::encode(&self.location, key, &error))?;
        let put = self.inner.put_opts(&path, PutPayload::from(bytes.clone()), mode.into()).await;
        let version = match put {
            Ok(result) => result.into(),
            Err(object_store::Error::Precondition { .. } | object_store::Error::AlreadyExists { .. }) => {
                self.claim(key, &path, &bytes).await?
            }
            Err(error) => {
                self.seen().insert(path, Seen::Unsure { before, sent: bytes });
                return Err(StateError::write(&self.location, key, &error));
            }
        };
        self.seen().insert(path, Seen::Version(version));
        Ok(())
    }

    async fn landed(&self, key: &Key, path: &Path, sent: &Bytes) -> Result<Option<UpdateVersion>, StateError> {
        let object = self.read(key, path).await?;
        Ok(object.filter(|object| object.bytes == *sent).map(|object| object.version))
    }

    /// After a failed condition: ours when the object is exactly what we sent, for then an answer was lost and the
    /// write was repeated.
    async fn claim(&self, key: &Key, path: &Path, sent: &Bytes) -> Result<UpdateVersion, StateError> {
        let written_by = match self.read(key, path).await? {
            Some(object) if object.bytes == *sent => return Ok(object.version),
            Some(object) => envelope::writer(&object.bytes).unwrap_or_else(|| "an unknown program".into()),
            None => "somebody who deleted it".into(),
        };
        Err(StateError::SecondWriter { key: key.to_string(), location: self.location.to_string(), written_by })
    }

    async fn read(&self, key: &Key, path: &Path) -> Result<Option<Object>, StateError> {
        let refuse = |error| StateError::read(&self.location, key, &error);
        let found = match self.inner.get(path).await {
            Ok(found) => found,
            Err(error) if error::is_missing_object(&error) => return Ok(None),
            Err(error) => return Err(refuse(error)),
        };
        let written_at = found.meta.last_modified;
        let version = UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
        let bytes = found.bytes().await.map_err(refuse)?;
        Ok(Some(Object { bytes, version, written_at }))
    }

    async fn set_aside(&self, key: &Key, path: &Path, object: &Object, reason: String) -> Result<String, StateError> {
        if matches!(self.guard, Guard::ReadOnly | Guard::Rehearsal) {
            return Err(StateError::Corrupt { key: key.to_string(), location: self.location.to_string(), reason });
        }
        // The time of writing, not of reading: reading it twice makes one copy.
        let name = format!("{path}.corrupt-{}", object.written_at.format("%Y%m%dT%H%M%SZ"));
        let aside = Path::from(name);
        let put = self.inner.put(&aside, PutPayload::from(object.bytes.clone())).await;
        put.map_err(|error| StateError::write(&self.location, key, &error))?;
        Ok(place::address(&self.location, &aside))
    }

    fn path(&self, key: &Key) -> Path {
        Path::from(format!("{}/{key}", self.prefix))
    }

    fn future(&self, key: &Key, version: u64) -> StateError {
        StateError::Future { key: key.to_string(), location: self.location.to_string(), version }
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<Path, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An object as it was read.
struct Object {
    bytes: Bytes,
    version: UpdateVersion,
    written_at: chrono::DateTime<chrono::Utc>,
}
