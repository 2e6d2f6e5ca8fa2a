//! `GetMetricData` for benchmarks: the points are encoded once a request and copied behind every id, and of the request nothing is
//! read but the ids and the span of time.

use chrono::{DateTime, Utc};

use crate::sim::values;

/// Seconds after its start at which a minute of a uniform endpoint is shown.
const SHOWN_AFTER: i64 = 60;

/// Reads CBOR (RFC 8949) front to back, without building anything.
struct Reader<'a> {
    rest: &'a [u8],
}

/// The head of an item: its major type and its argument, `None` for an indefinite length.
struct Head {
    major: u8,
    argument: Option<u64>,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn head(&mut self) -> Option<Head> {
        let first = self.take(1)?[0];
        let low = first & 0x1f;
        let argument = match low {
            0..=23 => Some(u64::from(low)),
            24..=27 => {
                let bytes = self.take(1 << (low - 24))?;
                Some(bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)))
            }
            31 => None,
            _ => return None,
        };
        Some(Head { major: first >> 5, argument })
    }

    /// Is another element of a list of `length` there, `seen` of which are read? Steps over the break of an indefinite one.
    fn more(&mut self, length: Option<u64>, seen: u64) -> Option<bool> {
        match length {
            Some(length) => Some(seen < length),
            None if *self.rest.first()? == 0xff => {
                self.take(1)?;
                Some(false)
            }
            None => Some(true),
        }
    }

    /// A text of definite length.
    fn text(&mut self) -> Option<&'a [u8]> {
        let head = self.head()?;
        let length = usize::try_from(head.argument?).ok()?;
        if head.major != 3 {
            return None;
        }
        self.take(length)
    }

    /// A moment under tag 1, in Unix seconds.
    #[expect(clippy::cast_possible_truncation, reason = "seconds of this era fit, fractions do not matter")]
    fn moment(&mut self) -> Option<i64> {
        let tag = self.head()?;
        if tag.major != 6 {
            return None;
        }
        let width = self.rest.first()? & 0x1f;
        let head = self.head()?;
        let bits = head.argument?;
        match (head.major, width) {
            (0, _) => i64::try_from(bits).ok(),
            (7, 27) => Some(f64::from_bits(bits) as i64),
            (7, 26) => Some(f32::from_bits(u32::try_from(bits).ok()?) as i64),
            _ => None,
        }
    }

    fn skip(&mut self) -> Option<()> {
        let head = self.head()?;
        match head.major {
            2 | 3 => match head.argument {
                Some(length) => self.take(usize::try_from(length).ok()?).map(|_| ()),
                None => self.skip_elements(None, 1),
            },
            4 => self.skip_elements(head.argument, 1),
            5 => self.skip_elements(head.argument, 2),
            6 => self.skip(),
            _ => Some(()),
        }
    }

    fn skip_elements(&mut self, length: Option<u64>, each: u64) -> Option<()> {
        let mut seen = 0;
        while self.more(length, seen)? {
            for _ in 0..each {
                self.skip()?;
            }
            seen += 1;
        }
        Some(())
    }

    /// Calls `entry` with every key of a map; it reads or skips the value.
    fn map(&mut self, mut entry: impl FnMut(&mut Self, &'a [u8]) -> Option<()>) -> Option<()> {
        let head = self.head()?;
        if head.major != 5 {
            return None;
        }
        let mut seen = 0;
        while self.more(head.argument, seen)? {
            let key = self.text()?;
            entry(self, key)?;
            seen += 1;
        }
        Some(())
    }
}

/// What is read of a request.
#[derive(Default)]
struct Asked<'a> {
    ids: Vec<&'a [u8]>,
    /// Unix seconds.
    start: i64,
    end: i64,
    ascending: bool,
}

fn read(body: &[u8]) -> Option<Asked<'_>> {
    let mut asked = Asked::default();
    let mut reader = Reader { rest: body };
    reader.map(|reader, key| {
        match key {
            b"MetricDataQueries" => {
                let length = reader.head()?.argument;
                while reader.more(length, asked.ids.len() as u64)? {
                    reader.map(|reader, key| {
                        if key == b"Id" {
                            asked.ids.push(reader.text()?);
                            return Some(());
                        }
                        reader.skip()
                    })?;
                }
            }
            b"StartTime" => asked.start = reader.moment()?,
            b"EndTime" => asked.end = reader.moment()?,
            b"ScanBy" => asked.ascending = reader.text()? == b"TimestampAscending",
            _ => reader.skip()?,
        }
        Some(())
    })?;
    Some(asked)
}

/// Writes the head of an item.
fn head(out: &mut Vec<u8>, major: u8, length: usize) {
    let bytes = (length as u64).to_be_bytes();
    match length {
        0..=23 => out.push(major << 5 | bytes[7]),
        24..=0xff => out.extend([major << 5 | 0x18, bytes[7]]),
        0x100..=0xffff => out.extend([major << 5 | 0x19, bytes[6], bytes[7]]),
        _ => {
            out.push(major << 5 | 0x1a);
            out.extend(&bytes[4..]);
        }
    }
}

fn text(out: &mut Vec<u8>, text: &[u8]) {
    head(out, 3, text.len());
    out.extend(text);
}

/// Everything of a result behind its id.
fn points(asked: &Asked<'_>, now: DateTime<Utc>) -> Vec<u8> {
    let first = asked.start.div_euclid(60) * 60;
    let end = asked.end.min(now.timestamp() - SHOWN_AFTER + 1);
    let mut minutes: Vec<_> = (first..end).step_by(60).collect();
    if !asked.ascending {
        minutes.reverse();
    }
    let mut out = Vec::new();
    text(&mut out, b"Label");
    text(&mut out, b"uniform");
    text(&mut out, b"Timestamps");
    head(&mut out, 4, minutes.len());
    for minute in &minutes {
        head(&mut out, 6, 1);
        head(&mut out, 0, usize::try_from(*minute).unwrap_or_default());
    }
    text(&mut out, b"Values");
    head(&mut out, 4, minutes.len());
    for minute in &minutes {
        out.push(0xfb);
        out.extend(values::uniform(*minute).to_be_bytes());
    }
    text(&mut out, b"StatusCode");
    text(&mut out, b"Complete");
    out
}

/// The answer to a request in CBOR; `None` when it cannot be read.
pub(super) fn get_metric_data(body: &[u8], now: DateTime<Utc>) -> Option<Vec<u8>> {
    let asked = read(body)?;
    let points = points(&asked, now);
    let mut out = Vec::with_capacity(asked.ids.len() * (points.len() + 16) + 32);
    head(&mut out, 5, 1);
    text(&mut out, b"MetricDataResults");
    head(&mut out, 4, asked.ids.len());
    for id in &asked.ids {
        head(&mut out, 5, 5);
        text(&mut out, b"Id");
        text(&mut out, id);
        out.extend(&points);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::{super::wire, *};

    #[test]
    fn every_id_gets_the_minutes_of_the_span() {
        let at = |s| DateTime::from_timestamp(s, 0).unwrap();
        let queries: Vec<_> =
            (0..300).map(|n| json!({"MetricStat": {"Period": 60, "Stat": "Sum"}, "Id": format!("q{n}")})).collect();
        let request = wire::to_cbor(json!({
            "StartTime": wire::moment(at(1_700_000_040)),
            "MetricDataQueries": queries,
            "EndTime": wire::moment(at(1_700_000_940)),
        }));
        let answer = get_metric_data(&request, at(1_700_100_000)).unwrap();
        let answer = wire::from_cbor(&answer).unwrap();
        let results = wire::list(&answer, "MetricDataResults");
        assert_eq!(results.len(), 300);
        let last = &results[299];
        assert_eq!(last["Id"], "q299");
        assert_eq!(last["StatusCode"], "Complete");
        assert_eq!(wire::list(last, "Values").len(), 15);
        assert_eq!(last["Timestamps"][0], json!(1_700_000_880));
        assert_eq!(last["Values"][0], json!(values::uniform(1_700_000_880)));
    }

    #[test]
    fn indefinite_lengths_are_read() {
        let mut request = vec![0xbf];
        text(&mut request, b"StartTime");
        request.extend([0xc1, 0x18, 60]);
        text(&mut request, b"MetricDataQueries");
        request.extend([0x81, 0xbf]);
        text(&mut request, b"Id");
        text(&mut request, b"q");
        request.extend([0xff, 0xff]);
        let asked = read(&request).unwrap();
        assert_eq!((asked.start, asked.ids), (60, vec![&b"q"[..]]));
        assert!(read(&request[..request.len() - 1]).is_none(), "cut short");
    }
}
