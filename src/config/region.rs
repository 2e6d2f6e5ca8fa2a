//! Regions of AWS, and the partitions they belong to.

use crate::config::echo::{nearest, quoted};

/// Regions by partition. <https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html>
const KNOWN: &[(&str, &[&str])] = &[
    (
        "aws",
        &[
            "af-south-1",
            "ap-east-1",
            "ap-east-2",
            "ap-northeast-1",
            "ap-northeast-2",
            "ap-northeast-3",
            "ap-south-1",
            "ap-south-2",
            "ap-southeast-1",
            "ap-southeast-2",
            "ap-southeast-3",
            "ap-southeast-4",
            "ap-southeast-5",
            "ap-southeast-6",
            "ap-southeast-7",
            "ca-central-1",
            "ca-west-1",
            "eu-central-1",
            "eu-central-2",
            "eu-north-1",
            "eu-south-1",
            "eu-south-2",
            "eu-west-1",
            "eu-west-2",
            "eu-west-3",
            "il-central-1",
            "me-central-1",
            "me-south-1",
            "mx-central-1",
            "sa-east-1",
            "us-east-1",
            "us-east-2",
            "us-west-1",
            "us-west-2",
        ],
    ),
    ("aws-cn", &["cn-north-1", "cn-northwest-1"]),
    ("aws-us-gov", &["us-gov-east-1", "us-gov-west-1"]),
    ("aws-iso", &["us-iso-east-1", "us-iso-west-1"]),
    ("aws-iso-b", &["us-isob-east-1", "us-isob-west-1"]),
    ("aws-iso-e", &["eu-isoe-west-1"]),
    ("aws-iso-f", &["us-isof-east-1", "us-isof-south-1"]),
    ("aws-eusc", &["eusc-de-east-1"]),
];

const DIRECTIONS: &[&str] =
    &["central", "east", "north", "northeast", "northwest", "south", "southeast", "southwest", "west"];

/// What a text that should be a region turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Known,
    /// Formed like a region, but newer than this program.
    New,
    /// Not a region; why, and what is meant.
    Wrong(String),
}

pub(super) fn judge(region: &str) -> Verdict {
    if partition(region).is_some() {
        return Verdict::Known;
    }
    if formed_like_one(region) {
        return Verdict::New;
    }
    let all = KNOWN.iter().flat_map(|(_, regions)| regions.iter().copied());
    let zone = all.clone().find(|known| region.strip_prefix(known).is_some_and(|rest| rest.len() == 1));
    let meant = match zone.or_else(|| nearest(region, all)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "write one such as `us-west-2`".to_owned(),
    };
    let what = if zone.is_some() { "is an availability zone, not a region" } else { "is not a region of AWS" };
    Verdict::Wrong(format!("{} {what}; {meant}", quoted(region)))
}

/// The partition of a region that is known.
pub(super) fn partition(region: &str) -> Option<&'static str> {
    KNOWN.iter().find(|(_, regions)| regions.contains(&region)).map(|(partition, _)| *partition)
}

/// Whether there is a partition of this name.
pub(super) fn is_partition(name: &str) -> bool {
    KNOWN.iter().any(|(partition, _)| *partition == name)
}

/// An area such as `us` or `us-gov`, a direction, a digit: `us-west-3` is likely a new region, `us-wset-2` is not.
fn formed_like_one(region: &str) -> bool {
    let mut parts = region.rsplitn(3, '-');
    let (Some(number), Some(direction), Some(area)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    number.len() == 1
        && number.chars().all(|c| ('1'..='9').contains(&c))
        && DIRECTIONS.contains(&direction)
        && (2..=8).contains(&area.len())
        && area.split('-').all(|word| word.len() >= 2 && word.chars().all(|c| c.is_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_region_is_wrong_and_a_new_one_is_new() {
        assert_eq!(judge("us-west-2"), Verdict::Known);
        assert_eq!(judge("us-gov-west-1"), Verdict::Known);
        assert_eq!(judge("us-west-3"), Verdict::New);
        assert_eq!(judge("nz-north-1"), Verdict::New);
        let wrong = |region, message: &str| assert_eq!(judge(region), Verdict::Wrong(message.to_owned()));
        wrong("us-wset-2", "`us-wset-2` is not a region of AWS; did you mean `us-west-2`?");
        wrong("us-west-2a", "`us-west-2a` is an availability zone, not a region; did you mean `us-west-2`?");
        wrong("US-WEST-2", "`US-WEST-2` is not a region of AWS; did you mean `us-west-2`?");
        wrong("Oregon", "`Oregon` is not a region of AWS; write one such as `us-west-2`");
        wrong("", "`` is not a region of AWS; write one such as `us-west-2`");
    }
}
