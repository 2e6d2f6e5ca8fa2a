//! One writer per folder: an advisory lock on a file that tells who holds it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::Path;

use super::StateError;
use crate::config::settings::StateLocation;

/// Beside the objects, none of which has a name without `.json`.
const FILE: &str = "ddsync.lock";

/// Why the lock was not given.
pub(super) enum Refused {
    /// Somebody has it; what the file says about them.
    Held(String),
    /// The file cannot be made, locked or written.
    Io(io::Error),
}

impl Refused {
    pub(super) fn into_error(self, location: &StateLocation) -> StateError {
        match self {
            Self::Held(holder) => StateError::Locked { location: location.to_string(), holder },
            Self::Io(error) => StateError::open(location, &error),
        }
    }
}

/// Locks the folder. The system lets go when the file is closed, also when the process is killed, so the file itself
/// stays and its text means something only while it is locked.
pub(super) fn take(folder: &Path, holder: &str) -> Result<File, Refused> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(folder.join(FILE))
        .map_err(Refused::Io)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(Refused::Held(told(&mut file))),
        Err(TryLockError::Error(error)) => return Err(Refused::Io(error)),
    }
    file.set_len(0).and_then(|()| file.write_all(holder.as_bytes())).map_err(Refused::Io)?;
    Ok(file)
}

fn told(file: &mut File) -> String {
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => "another process".to_owned(),
    }
}

/// `HOST pid PID`: the name by which this process tells others that it writes.
#[must_use]
pub fn this_process() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty());
    format!("{} pid {}", host.as_deref().unwrap_or("this host"), std::process::id())
}
