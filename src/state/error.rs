//! What can be wrong with state, in words that name the object and what to change.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, ErrorKind};

use super::Key;
use crate::config::settings::StateLocation;

/// State that cannot be opened, read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Another process writes to this folder.
    #[error("state {location} is in use by {holder}; stop that process, or point `state:` elsewhere")]
    Locked {
        /// As `state:` says.
        location: String,
        /// Host, process and since when, as the holder wrote it.
        holder: String,
    },
    /// The place itself is unusable.
    #[error("cannot open state {location}: {reason}; `state:` has to be a writable folder or s3://bucket/prefix")]
    Open {
        /// As `state:` says.
        location: String,
        /// What the system said.
        reason: String,
    },
    /// An object cannot be read.
    #[error("cannot read state {key} in {location}: {reason}; {hint}")]
    Read {
        /// The object.
        key: String,
        /// As `state:` says.
        location: String,
        /// What the system said.
        reason: String,
        /// What to change.
        hint: &'static str,
    },
    /// An object cannot be written; the old one is untouched.
    #[error("cannot write state {key} in {location}: {reason}; {hint}")]
    Write {
        /// The object.
        key: String,
        /// As `state:` says.
        location: String,
        /// What the system said.
        reason: String,
        /// What to change.
        hint: &'static str,
    },
    /// Somebody else writes the same objects.
    #[error(
        "state {key} in {location} was written meanwhile by {written_by}; run one writer, or point `state:` elsewhere"
    )]
    SecondWriter {
        /// The object.
        key: String,
        /// As `state:` says.
        location: String,
        /// Who, as the object says.
        written_by: String,
    },
    /// The object has a version that this program does not know.
    #[error(
        "state {key} in {location} has version {version}, written by a newer ddsync; upgrade, or point `state:` elsewhere"
    )]
    Future {
        /// The object.
        key: String,
        /// As `state:` says.
        location: String,
        /// The version found.
        version: u64,
    },
    /// The object cannot be understood, and a reader may not set it aside.
    #[error("state {key} in {location} is corrupt: {reason}; `ddsync run` or `ddsync once` sets it aside")]
    Corrupt {
        /// The object.
        key: String,
        /// As `state:` says.
        location: String,
        /// What the parser said.
        reason: String,
    },
    /// A save through a `Store` that was opened for reading.
    #[error("state {key} was opened for reading only")]
    ReadOnly {
        /// The object.
        key: String,
    },
}

impl StateError {
    /// One word for logs and `/status`.
    #[must_use]
    pub fn tag(&self) -> &'static str {
        match self {
            Self::Locked { .. } => "state_locked",
            Self::Open { .. } => "state_open",
            Self::Read { .. } => "state_read",
            Self::Write { .. } => "state_write",
            Self::SecondWriter { .. } => "state_second_writer",
            Self::Future { .. } => "state_future",
            Self::Corrupt { .. } => "state_corrupt",
            Self::ReadOnly { .. } => "state_read_only",
        }
    }

    /// Whether the same call may succeed later without a person's help.
    #[must_use]
    pub fn retriable(&self) -> bool {
        match self {
            Self::Read { .. } | Self::Write { .. } => true,
            Self::Locked { .. }
            | Self::Open { .. }
            | Self::SecondWriter { .. }
            | Self::Future { .. }
            | Self::Corrupt { .. }
            | Self::ReadOnly { .. } => false,
        }
    }

    pub(super) fn open(location: &StateLocation, reason: &dyn Display) -> Self {
        Self::Open { location: location.to_string(), reason: reason.to_string() }
    }

    pub(super) fn read(location: &StateLocation, key: &Key, error: &object_store::Error) -> Self {
        Self::Read {
            key: key.to_string(),
            location: location.to_string(),
            reason: reason(error),
            hint: hint(location, error),
        }
    }

    pub(super) fn write(location: &StateLocation, key: &Key, error: &object_store::Error) -> Self {
        Self::Write {
            key: key.to_string(),
            location: location.to_string(),
            reason: reason(error),
            hint: hint(location, error),
        }
    }

    pub(super) fn encode(location: &StateLocation, key: &Key, error: &serde_json::Error) -> Self {
        Self::Write {
            key: key.to_string(),
            location: location.to_string(),
            reason: error.to_string(),
            hint: "this is a defect of ddsync, please report it",
        }
    }
}

/// What the store said, on one line, without the name that its library gives the error.
pub(super) fn reason(error: &object_store::Error) -> String {
    let text = match error {
        object_store::Error::Generic { source, .. } => source.to_string(),
        other => other.to_string(),
    };
    match (element(&text, "Code"), element(&text, "Message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        _ => text,
    }
}

/// S3 answers 404 for an object that is not there, which is no error, and for a bucket that is not there, which is one.
pub(super) fn is_missing_object(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotFound { .. }) && element(&error.to_string(), "Code") != Some("NoSuchBucket")
}

/// The text of an element of S3's error document, which the store's library passes on as it came.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(inner, _)| inner)
}

fn hint(location: &StateLocation, error: &object_store::Error) -> &'static str {
    match (location, io_kind(error)) {
        (StateLocation::Folder(_), Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded)) => {
            "free some space, or point `state:` to another disk"
        }
        (StateLocation::Folder(_), _) => "make the folder that `state:` names writable, or point `state:` elsewhere",
        (StateLocation::S3 { .. }, _) => match error {
            object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
                "grant s3:GetObject and s3:PutObject on the prefix and s3:ListBucket on the bucket that `state:` names"
            }
            _ => {
                "check that the bucket that `state:` names exists in AWS_REGION and that credentials come from the \
                 environment, the container or the instance; profiles are not read"
            }
        },
    }
}

fn io_kind(error: &object_store::Error) -> Option<ErrorKind> {
    let mut at: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = at {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        at = error.source();
    }
    None
}
