//! `--since`: from when on history is wanted, as it is typed.

use std::str::FromStr;

use chrono::{DateTime, Days, FixedOffset, NaiveDate, NaiveTime, SecondsFormat, TimeZone, Utc};

use super::super::zone_name;
use crate::cli::CommandError;
use crate::state::ledger::KEPT_DAYS;

/// A day, which begins in the zone of the report, or an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli::dora) enum Since {
    Day(NaiveDate),
    Instant(DateTime<Utc>),
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        // Chrono reads `2026-1-5` and `+2026-01-05` too.
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|day| day.to_string() == text);
        let instant = || DateTime::parse_from_rfc3339(text).ok().map(|instant| instant.to_utc());
        day.map(Self::Day)
            .or_else(|| instant().map(Self::Instant))
            .ok_or_else(|| "write a day such as 2026-03-01, or an instant such as 2026-03-01T06:00:00Z".to_owned())
    }
}

impl Since {
    /// The instant that is meant.
    ///
    /// # Errors
    /// When it has not come yet, or lies before what the ledger keeps.
    pub(super) fn instant(self, zone: FixedOffset, now: DateTime<Utc>) -> Result<DateTime<Utc>, CommandError> {
        let begins = |day: NaiveDate| zone.from_local_datetime(&day.and_time(NaiveTime::MIN)).single();
        let meant = match self {
            Self::Day(day) => begins(day).map_or(DateTime::<Utc>::MIN_UTC, |begin| begin.to_utc()),
            Self::Instant(instant) => instant,
        };
        if meant > now {
            let words = format!(
                "`--since {}` has not come yet: it is {} now",
                self.typed(),
                now.to_rfc3339_opts(SecondsFormat::Secs, true)
            );
            return Err(CommandError::Usage(words));
        }
        // The day that holds the oldest instant has begun too early.
        let oldest = now.with_timezone(&zone).date_naive() - Days::new(KEPT_DAYS.unsigned_abs() - 1);
        if begins(oldest).is_some_and(|oldest| meant < oldest) {
            let words = format!(
                "`--since {}` is too early: the ledger keeps {KEPT_DAYS} days, so that {oldest} ({}) is the earliest",
                self.typed(),
                zone_name(zone)
            );
            return Err(CommandError::Usage(words));
        }
        Ok(meant)
    }

    fn typed(self) -> String {
        match self {
            Self::Day(day) => day.to_string(),
            Self::Instant(instant) => instant.to_rfc3339_opts(SecondsFormat::Secs, true),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn meant(text: &str, zone: &str) -> Result<String, String> {
        let now = "2026-09-08T16:00:00Z".parse().unwrap();
        let instant = text.parse::<Since>()?.instant(zone.parse().unwrap(), now);
        instant.map(|instant| instant.to_rfc3339_opts(SecondsFormat::Secs, true)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_day_begins_in_the_zone_of_the_report_and_an_instant_says_its_own() {
        assert_eq!(meant("2026-03-01", "+00:00").unwrap(), "2026-03-01T00:00:00Z");
        assert_eq!(meant("2026-03-01", "-08:00").unwrap(), "2026-03-01T08:00:00Z");
        assert_eq!(meant("2026-03-01T06:00:00+02:00", "-08:00").unwrap(), "2026-03-01T04:00:00Z");
        assert_eq!(meant("2026-09-08", "+00:00").unwrap(), "2026-09-08T00:00:00Z");
    }

    #[test]
    fn what_cannot_be_meant_says_what_can() {
        insta::assert_snapshot!(meant("2026-09-09", "+00:00").unwrap_err(), @"`--since 2026-09-09` has not come yet: it is 2026-09-08T16:00:00Z now");
        insta::assert_snapshot!(meant("2025-08-01", "-08:00").unwrap_err(), @"`--since 2025-08-01` is too early: the ledger keeps 400 days, so that 2025-08-05 (-08:00) is the earliest");
        assert_eq!(meant("2025-08-05", "-08:00").unwrap(), "2025-08-05T08:00:00Z");
        for text in ["", "yesterday", "90d", "2026-3-1", "01.03.2026", "2026-02-30", "2026-03-01T06:00:00"] {
            assert!(meant(text, "+00:00").unwrap_err().starts_with("write a day"), "{text}");
        }
    }
}
