//! `logs`: what is read from CloudWatch Logs, and how.

use crate::config::field::Section;
use crate::config::problem::Findings;
use crate::config::settings::Logs;

/// AWS answers 5 requests a second of one account in one region, and others ask there too.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>
const REQUESTS_PER_SECOND: u32 = 3;

pub(super) fn read(root: &Section<'_>, findings: &mut Findings) -> Logs {
    let section = root.section("logs", &["requests_per_second"], findings);
    let requests_per_second = section.integer("requests_per_second", 1..=1_000, findings);
    Logs { requests_per_second: requests_per_second.unwrap_or(REQUESTS_PER_SECOND) }
}
