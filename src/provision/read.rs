//! Files of a folder that anybody may have put something into.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

/// What a regular file holds, `most` bytes of it at most. A pipe would be waited for without end, and a device has none.
///
/// # Errors
/// When it is no file, is larger, or cannot be read.
pub(in crate::provision) fn bounded(path: &Path, most: u64) -> Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(Error::new(ErrorKind::InvalidInput, "it is no regular file"));
    }
    let mut bytes = Vec::new();
    // What a file system makes up as it is read tells no length before.
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(Error::new(ErrorKind::FileTooLarge, format!("it is larger than {most} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn what_has_no_end_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "1234").unwrap();
        assert_eq!(bounded(&at("file"), 4).unwrap(), b"1234");
        assert_eq!(bounded(&at("file"), 3).unwrap_err().to_string(), "it is larger than 3 bytes");
        assert!(std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
        std::os::unix::fs::symlink(at("pipe"), at("link")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", at("device")).unwrap();
        for name in ["pipe", "link", "device", "."] {
            assert_eq!(bounded(&at(name), 4).unwrap_err().to_string(), "it is no regular file", "{name}");
        }
        assert_eq!(bounded(&at("missing"), 4).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
