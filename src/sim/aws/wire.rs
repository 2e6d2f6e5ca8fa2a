//! One dynamic value for both encodings: JSON, where a moment is a number, and CBOR, where it carries tag 1.

use chrono::{DateTime, Utc};
use ciborium::value::{Integer, Value as Cbor};
use serde_json::{Map, Value, json};

/// The key of the one-entry object that marks a moment until the encoding is known.
const MOMENT: &str = "$epoch_seconds";

/// A moment in an answer, to be written as [`to_json`] or [`to_cbor`] does.
pub(super) fn moment(at: DateTime<Utc>) -> Value {
    seconds(at.timestamp_millis())
}

/// The same from Unix milliseconds.
fn seconds(millis: i64) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this era fit a double")]
    let seconds = millis as f64 / 1000.0;
    json!({ MOMENT: seconds })
}

/// The moments of `value` as epoch seconds.
pub(super) fn to_json(value: Value) -> Value {
    match value {
        Value::Object(mut map) => match map.remove(MOMENT) {
            Some(seconds) => seconds,
            None => map.into_iter().map(|(k, v)| (k, to_json(v))).collect(),
        },
        Value::Array(list) => list.into_iter().map(to_json).collect(),
        plain => plain,
    }
}

/// The CBOR of `value`, its moments under tag 1 (RFC 8949, 3.4.2).
pub(super) fn to_cbor(value: Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to memory has no way to fail.
    let _ = ciborium::into_writer(&cbor_of(value), &mut bytes);
    bytes
}

fn cbor_of(value: Value) -> Cbor {
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(bool) => Cbor::Bool(bool),
        Value::String(text) => Cbor::Text(text),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Cbor::Integer(Integer::from(whole)),
            None => Cbor::Float(number.as_f64().unwrap_or_default()),
        },
        Value::Array(list) => Cbor::Array(list.into_iter().map(cbor_of).collect()),
        Value::Object(mut map) => match map.remove(MOMENT) {
            Some(seconds) => Cbor::Tag(1, Box::new(Cbor::Float(seconds.as_f64().unwrap_or_default()))),
            None => Cbor::Map(map.into_iter().map(|(k, v)| (Cbor::Text(k), cbor_of(v))).collect()),
        },
    }
}

/// A CBOR request as the dynamic value, moments as epoch seconds; `None` when it is not CBOR.
pub(super) fn from_cbor(bytes: &[u8]) -> Option<Value> {
    if bytes.is_empty() {
        return Some(Value::Object(Map::new()));
    }
    Some(json_of(ciborium::from_reader(bytes).ok()?))
}

fn json_of(value: Cbor) -> Value {
    match value {
        Cbor::Integer(whole) => i64::try_from(whole).map_or(Value::Null, Value::from),
        Cbor::Float(number) => json!(number),
        Cbor::Text(text) => Value::String(text),
        Cbor::Bool(bool) => Value::Bool(bool),
        Cbor::Tag(_, inner) => json_of(*inner),
        Cbor::Array(list) => list.into_iter().map(json_of).collect(),
        Cbor::Map(map) => map.into_iter().filter_map(|(k, v)| Some((k.into_text().ok()?, json_of(v)))).collect(),
        _ => Value::Null,
    }
}

/// The text under `key`, empty when there is none.
pub(super) fn text<'a>(input: &'a Value, key: &str) -> &'a str {
    input[key].as_str().unwrap_or_default()
}

/// The moment under `key` in Unix milliseconds: epoch seconds, or the text form that some clients send in JSON.
pub(super) fn millis(input: &Value, key: &str) -> Option<i64> {
    match &input[key] {
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds of this era fit")]
        Value::Number(seconds) => Some((seconds.as_f64()? * 1000.0).round() as i64),
        Value::String(text) => Some(DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis()),
        _ => None,
    }
}

/// The whole number under `key`.
pub(super) fn whole(input: &Value, key: &str) -> Option<usize> {
    usize::try_from(input[key].as_u64()?).ok()
}

/// The list under `key`, empty when there is none.
pub(super) fn list<'a>(input: &'a Value, key: &str) -> &'a [Value] {
    input[key].as_array().map_or(&[], Vec::as_slice)
}

/// One page of `all` from the position that `token` names, and the position of the next page.
///
/// # Errors
/// The token itself, when it is none of ours.
pub(super) fn page<'a, T>(all: &'a [T], token: &str, size: usize) -> Result<(&'a [T], Option<String>), String> {
    let from = match token.strip_prefix("page-") {
        None if token.is_empty() => 0,
        Some(number) => number.parse().map_err(|_| token.to_owned())?,
        None => return Err(token.to_owned()),
    };
    let rest = all.get(from..).unwrap_or_default();
    let found = &rest[..rest.len().min(size.max(1))];
    let next = from + found.len();
    Ok((found, (next < all.len()).then(|| format!("page-{next}"))))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_moment_is_a_number_in_json_and_tagged_in_cbor() {
        let at = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let value = json!({"At": moment(at), "N": [1, 2.5]});
        assert_eq!(to_json(value.clone()), json!({"At": 1_700_000_000.0, "N": [1, 2.5]}));
        let bytes = to_cbor(value.clone());
        assert!(bytes.windows(2).any(|w| w[0] == 0xc1 && w[1] >> 5 == 7), "tag 1, a float");
        assert_eq!(from_cbor(&bytes).unwrap(), to_json(value));
    }

    #[test]
    fn pages_tile_the_list() {
        let all = [1, 2, 3, 4, 5];
        let (first, token) = page(&all, "", 2).unwrap();
        assert_eq!((first, token.as_deref()), (&all[..2], Some("page-2")));
        let (last, none) = page(&all, "page-4", 2).unwrap();
        assert_eq!((last, none), (&all[4..], None));
        assert!(page(&all, "bogus", 2).is_err());
    }
}
