//! `state`: where checkpoints live.

use std::path::PathBuf;

use crate::config::field::Section;
use crate::config::problem::Findings;
use crate::config::settings::StateLocation;

const DEFAULT: &str = "./state";

pub(super) fn read(root: &Section<'_>, findings: &mut Findings) -> StateLocation {
    let default = StateLocation::Folder(PathBuf::from(DEFAULT));
    let Some(field) = root.get("state") else { return default };
    let Some(text) = field.text(findings) else { return default };
    match parse(text) {
        Ok(location) => location,
        Err(reason) => {
            field.problem(findings, format!("{} {reason}; write a folder, or `s3://bucket/prefix`", field.shown()));
            default
        }
    }
}

fn parse(text: &str) -> Result<StateLocation, &'static str> {
    let Some(rest) = text.strip_prefix("s3://") else {
        let folder = StateLocation::Folder(PathBuf::from(text));
        return if text.contains("://") { Err("is no place that state can be kept in") } else { Ok(folder) };
    };
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    // <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
    let legal = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '.' | '-');
    if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(legal) {
        return Err("names no bucket: 3 to 63 of a to z, 0 to 9, `.` and `-`");
    }
    let prefix = prefix.trim_matches('/');
    let segment = |part: &str| !matches!(part, "" | "." | "..");
    if !prefix.is_empty() && (!prefix.split('/').all(segment) || prefix.chars().any(char::is_control)) {
        return Err("has a prefix with an empty part, `.` or `..`");
    }
    Ok(StateLocation::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_and_a_bucket_are_told_apart() {
        let s3 = |bucket: &str, prefix: &str| Ok(StateLocation::S3 { bucket: bucket.into(), prefix: prefix.into() });
        assert_eq!(parse("./state"), Ok(StateLocation::Folder("./state".into())));
        assert_eq!(parse("s3://docs-state/ddsync/prod/"), s3("docs-state", "ddsync/prod"));
        assert_eq!(parse("s3://docs-state"), s3("docs-state", ""));
        for text in ["s3://", "s3://Docs", "s3://docs-state/a//b", "s3://docs-state/../b", "gs://bucket", "s3:///x"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
