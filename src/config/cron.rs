//! Cron expressions as people write them, turned into what the `cron` crate means by them.
//!
//! The crate wants seconds, counts days of the week from Sunday = 1, and knows no Sunday = 7. Five-field cron counts
//! them from Sunday = 0, with 7 for Sunday too; so numbers are translated there. With six fields the habits differ
//! (Quartz starts at 1, Spring at 0), so there only names are taken.

use std::collections::BTreeSet;
use std::str::FromStr;

use chrono::DateTime;
use cron::Schedule;

use crate::config::echo::quoted;

/// Field names and what each takes, in the order of six fields.
const FIELDS: [(&str, &str); 6] = [
    ("second", "0 to 59"),
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of month", "1 to 31"),
    ("month", "1 to 12, or JAN to DEC"),
    ("day of week", "SUN to SAT"),
];

const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// A leap year's start: whatever never happens from here on, never happens.
pub(super) const REFERENCE: i64 = 1_704_067_200;

/// A schedule, and what may surprise about it.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) schedule: Schedule,
    pub(super) warning: Option<String>,
}

/// Reads five fields (minute first, second 0) or six (second first), in UTC.
pub(super) fn parse(text: &str) -> Result<Parsed, String> {
    let typed: Vec<&str> = text.split_whitespace().collect();
    let with_seconds = typed.len() == 6;
    let mut fields: Vec<String> = typed.iter().map(ToString::to_string).collect();
    match fields.len() {
        5 => fields.insert(0, "0".to_owned()),
        6 => {}
        count => {
            return Err(format!(
                "{} has {count} of five fields (minute, hour, day of month, month, day of week), or six with the \
                 second first; for example `*/5 * * * *`",
                quoted(text)
            ));
        }
    }
    for (index, field) in fields.iter().enumerate().take(5) {
        let mut alone = ["*"; 6];
        alone[index] = field;
        if Schedule::from_str(&alone.join(" ")).is_err() {
            let (name, takes) = FIELDS[index];
            return Err(format!("{}: the {name} {} takes {takes}", quoted(text), quoted(field)));
        }
    }
    fields[5] = days_of_week(&fields[5], with_seconds).map_err(|reason| format!("{}: {reason}", quoted(text)))?;
    let schedule =
        Schedule::from_str(&fields.join(" ")).map_err(|_| format!("{} is not a cron expression", quoted(text)))?;
    if DateTime::from_timestamp(REFERENCE, 0).is_none_or(|start| schedule.after(&start).next().is_none()) {
        return Err(format!("{} never happens", quoted(text)));
    }
    let restricted = |field: &str| field != "*" && field != "?";
    let warning = (restricted(&fields[3]) && restricted(&fields[5]))
        .then(|| "runs only when the day of month and the day of week both match".to_owned());
    Ok(Parsed { schedule, warning })
}

/// The field in the crate's numbers, 1 (Sunday) to 7.
fn days_of_week(field: &str, names_only: bool) -> Result<String, String> {
    let mut days = BTreeSet::new();
    for item in field.split(',') {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, step.parse().ok().filter(|step| (1..=7).contains(step))),
            None => (item, Some(1)),
        };
        let ends = match range.split_once('-') {
            _ if range == "*" || range == "?" => Some((0, 6)),
            Some((first, last)) => day(first, names_only)?.zip(day(last, names_only)?),
            None if item.contains('/') => day(range, names_only)?.zip(Some(6)),
            None => day(range, names_only)?.map(|day| (day, day)),
        };
        let (Some((first, last)), Some(step)) = (ends, step) else {
            return Err(format!("the day of week {} takes {}", quoted(item), FIELDS[5].1));
        };
        // FRI-MON goes over the end of the week, as does 5-7.
        let last = if last < first { last + 7 } else { last };
        days.extend((first..=last).step_by(step).map(|day| day % 7));
    }
    if days.len() == 7 {
        return Ok("*".to_owned());
    }
    Ok(days.iter().map(|day| (day + 1).to_string()).collect::<Vec<_>>().join(","))
}

/// 0 (Sunday) to 6; none for what is no day.
fn day(text: &str, names_only: bool) -> Result<Option<usize>, String> {
    if let Ok(number) = text.parse::<usize>() {
        if names_only {
            return Err(
                "a number for a day of the week means different days in different crons; write SUN to SAT".into()
            );
        }
        return Ok((number <= 7).then_some(number % 7));
    }
    let word = text.to_ascii_lowercase();
    Ok(DAYS.iter().position(|name| word == *name || (word.ends_with("day") && word.starts_with(name))))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use chrono::Datelike;
    use proptest::prelude::*;

    use super::*;

    fn days(text: &str) -> Vec<String> {
        let start = DateTime::from_timestamp(REFERENCE, 0).unwrap();
        let mut days: Vec<_> = parse(text).unwrap().schedule.after(&start).take(7).map(|at| at.weekday()).collect();
        days.sort_by_key(chrono::Weekday::num_days_from_sunday);
        days.dedup();
        days.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn numbers_of_five_field_cron_mean_what_they_mean_everywhere() {
        assert_eq!(days("0 9 * * 0"), ["Sun"]);
        assert_eq!(days("0 9 * * 7"), ["Sun"]);
        assert_eq!(days("0 9 * * 1-5"), ["Mon", "Tue", "Wed", "Thu", "Fri"]);
        assert_eq!(days("0 9 * * 5-7"), ["Sun", "Fri", "Sat"]);
        assert_eq!(days("0 9 * * */2"), ["Sun", "Tue", "Thu", "Sat"]);
        assert_eq!(days("0 9 * * MON,fri"), ["Mon", "Fri"]);
        assert_eq!(days("0 0 9 * * FRI-MON"), ["Sun", "Mon", "Fri", "Sat"]);
        assert_eq!(days("0 0 9 ? * Sunday"), ["Sun"]);
        assert_eq!(days("0 9 * * ?").len(), 7);
    }

    #[test]
    fn five_fields_start_at_second_0_and_six_where_they_say() {
        let start = DateTime::from_timestamp(REFERENCE, 0).unwrap();
        let next = |text| parse(text).unwrap().schedule.after(&start).next().unwrap().timestamp() - REFERENCE;
        assert_eq!(next("*/5 * * * *"), 300);
        assert_eq!(next("30 */5 * * * *"), 30);
    }

    #[test]
    fn a_bad_field_is_named() {
        let wrong = |text, what: &str| {
            let message = parse(text).unwrap_err();
            assert!(message.contains(what), "{text}: {message}");
        };
        wrong("61 * * * *", "the minute `61` takes 0 to 59");
        wrong("0 61 * * * *", "the minute `61` takes 0 to 59");
        wrong("x * * * * *", "the second `x` takes 0 to 59");
        wrong("* * 0 * *", "the day of month `0` takes 1 to 31");
        wrong("* * * FOO *", "the month `FOO` takes 1 to 12, or JAN to DEC");
        wrong("* * * * FOO", "the day of week `FOO` takes SUN to SAT");
        wrong("* * * * 8", "the day of week `8` takes SUN to SAT");
        wrong("* * * * 1/0", "the day of week `1/0` takes SUN to SAT");
        wrong("0 * * * * 1", "write SUN to SAT");
        wrong("* * *", "has 3 of five fields");
        wrong("@hourly", "has 1 of five fields");
        wrong("0 0 30 2 *", "never happens");
    }

    #[test]
    fn both_kinds_of_day_are_worth_a_warning() {
        assert!(parse("0 0 1 * MON").unwrap().warning.is_some());
        assert!(parse("0 0 1 * *").unwrap().warning.is_none());
    }

    proptest! {
        #[test]
        fn for_all_texts_parsing_returns(text in "([0-9*/,?A-Za-z-]{1,6} ?){0,7}") {
            let _ = parse(&text);
        }
    }
}
