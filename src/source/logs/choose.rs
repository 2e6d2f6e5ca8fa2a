//! Which lines are worth their price.

use std::collections::BTreeMap;

use globset::{Glob, GlobMatcher};
use regex::Regex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::lambda::Lambda;
use super::read::Reading;
pub use crate::config::settings::Keep;
use crate::config::settings::{LogRule, Logs};
use crate::model::log::Status;

const DAY: i64 = 24 * 60 * 60;

/// Which lines are kept.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The first that fits decides; a line that none fits is kept.
    pub rules: Vec<Rule>,
    /// Whether Lambda's `INIT_START`, `START`, `END` and `REPORT` are kept; reports of failures always are.
    pub lambda: bool,
    /// Bytes a day that a pipeline may send; above it errors only.
    pub daily_bytes: Option<u64>,
}

impl Default for Rules {
    fn default() -> Self {
        Self { rules: Vec::new(), lambda: true, daily_bytes: None }
    }
}

/// Lines, by what is given, and what becomes of them.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Names of pipelines.
    pub pipeline: Option<GlobMatcher>,
    /// Names of environments.
    pub environment: Option<GlobMatcher>,
    /// Names of stages.
    pub stage: Option<GlobMatcher>,
    /// This level and those below.
    pub at_most: Option<Status>,
    /// What is somewhere in the message.
    pub pattern: Option<Regex>,
    /// How many of them are kept.
    pub keep: Keep,
}

/// Whose a line is, by its tags.
#[derive(Debug, Clone, Copy, Default)]
pub struct Whose<'a> {
    /// The tag `pipeline`.
    pub pipeline: &'a str,
    /// The tag `environment`.
    pub environment: &'a str,
    /// The tag `stage`.
    pub stage: &'a str,
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It is sent.
    Kept,
    /// A rule excludes it.
    Excluded,
    /// It is not in the share that is kept.
    Sampled,
    /// It is one of Lambda's own.
    Lifecycle,
    /// The pipeline has had its bytes of the day.
    OverCap,
}

impl Verdict {
    /// As a tag's value.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Excluded => "excluded",
            Self::Sampled => "sampled",
            Self::Lifecycle => "lifecycle",
            Self::OverCap => "over_cap",
        }
    }
}

impl Rules {
    /// Those of a configuration, whose patterns have been tried. One that cannot be used all the same keeps its lines.
    #[must_use]
    pub fn of(settings: &Logs) -> Self {
        let rules = settings.rules.iter().filter_map(Rule::of).collect();
        Self { rules, lambda: settings.lambda_lines, daily_bytes: settings.daily_bytes }
    }

    /// What becomes of a line, its pipeline's bytes aside. The same whenever the line is read again.
    #[must_use]
    pub fn verdict(&self, reading: &Reading, whose: Whose<'_>) -> Verdict {
        let line = &reading.line;
        let is_error = line.status.is_error();
        let is_own =
            matches!(reading.lambda, Some(Lambda::Init | Lambda::Start(_) | Lambda::End(_) | Lambda::Report(_)));
        if is_own && !self.lambda && !is_error {
            return Verdict::Lifecycle;
        }
        let rule = self.rules.iter().find(|rule| rule.fits(reading, whose));
        match rule.map_or(Keep::All, |rule| rule.keep) {
            Keep::All => Verdict::Kept,
            Keep::None => Verdict::Excluded,
            Keep::Share(share) if is_error || is_in_share(&line.id, share) => Verdict::Kept,
            Keep::Share(_) => Verdict::Sampled,
        }
    }
}

impl Rule {
    fn of(rule: &LogRule) -> Option<Self> {
        let glob = |text: &Option<String>| match text {
            Some(text) => Glob::new(&as_in_tags(text)).ok().map(|glob| Some(glob.compile_matcher())),
            None => Some(None),
        };
        let pattern = match &rule.pattern {
            Some(text) => Some(Regex::new(text).ok()?),
            None => None,
        };
        Some(Self {
            pipeline: glob(&rule.pipeline)?,
            environment: glob(&rule.environment)?,
            stage: glob(&rule.stage)?,
            at_most: rule.level,
            pattern,
            keep: rule.keep,
        })
    }

    fn fits(&self, reading: &Reading, whose: Whose<'_>) -> bool {
        let line = &reading.line;
        let names =
            [(&self.pipeline, whose.pipeline), (&self.environment, whose.environment), (&self.stage, whose.stage)];
        names.iter().all(|(names, name)| names.as_ref().is_none_or(|names| names.is_match(name)))
            && self.at_most.is_none_or(|most| line.status <= most)
            && self.pattern.as_ref().is_none_or(|pattern| pattern.is_match(&line.message))
    }
}

/// A glob over names as people type them, over names as tags have them: `Fax Intake` is `fax_intake` there.
fn as_in_tags(glob: &str) -> String {
    let in_tags = |c: char| if c.is_alphanumeric() || "-_:./*?[]{},!\\".contains(c) { c } else { '_' };
    glob.to_lowercase().chars().map(in_tags).collect()
}

/// Whether an id is among a share of all ids: the same in every process, today and after an update.
#[must_use]
pub fn is_in_share(id: &str, share: f64) -> bool {
    let hash = Sha256::digest(id.as_bytes());
    let number = hash.iter().take(4).fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    f64::from(number) / (f64::from(u32::MAX) + 1.0) < share
}

/// Bytes that pipelines sent today; kept in the state, so that a restart gives nobody a second day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Days since 1970, UTC.
    day: i64,
    bytes: BTreeMap<String, u64>,
}

/// That a pipeline had its bytes of a day, told once a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crossing {
    /// Its name.
    pub pipeline: String,
    /// What it may send a day, in bytes.
    pub cap: u64,
}

impl Account {
    /// Takes a line of `bytes` into account at `now` (Unix seconds), when it fits below `cap` or is an error. The first
    /// line that does not fit is told of: from there to the end of the day (UTC) its pipeline sends errors only.
    pub fn take(
        &mut self,
        pipeline: &str,
        bytes: u64,
        is_error: bool,
        cap: Option<u64>,
        now: i64,
    ) -> (Verdict, Option<Crossing>) {
        let day = now.div_euclid(DAY);
        // A clock that is set back does not give a second day, unless it had been days ahead.
        if day > self.day || day < self.day - 1 {
            *self = Self { day, bytes: BTreeMap::new() };
        }
        if !self.bytes.contains_key(pipeline) {
            self.bytes.insert(pipeline.to_owned(), 0);
        }
        let Some(sent) = self.bytes.get_mut(pipeline) else { return (Verdict::Kept, None) };
        let Some(cap) = cap else {
            *sent = sent.saturating_add(bytes);
            return (Verdict::Kept, None);
        };
        let was_over = *sent > cap;
        if !was_over && sent.saturating_add(bytes) <= cap {
            *sent += bytes;
            return (Verdict::Kept, None);
        }
        // Above the cap from now on, also for lines that are small enough to fit.
        *sent = if is_error { sent.saturating_add(bytes) } else { *sent }.max(cap.saturating_add(1));
        let crossing = (!was_over).then(|| Crossing { pipeline: pipeline.to_owned(), cap });
        (if is_error { Verdict::Kept } else { Verdict::OverCap }, crossing)
    }

    /// What a pipeline sent on the day of its last line, in bytes.
    #[must_use]
    pub fn sent(&self, pipeline: &str) -> u64 {
        self.bytes.get(pipeline).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
