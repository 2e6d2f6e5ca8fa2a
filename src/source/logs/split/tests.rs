#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use serde_json::json;

use super::*;
use crate::source::logs::tests::read_one;

#[test]
fn parts_are_numbered_and_carry_the_ids() {
    let mut line = read_one(r#"{"message":"x","request_id":"r","a":1}"#).line;
    line.message = "é".repeat(100);
    let parts = split(line, 64, 3);
    let ids: Vec<&str> = parts.iter().map(|part| part.id.trim_start_matches('0')).collect();
    assert_eq!(ids, ["1", "1#2", "1#3"]);
    assert_eq!(parts[0].attributes["a"], json!(1));
    assert_eq!(parts[1].attributes["request_id"], json!("r"));
    assert_eq!(parts[1].attributes["split"], json!({"part": 2, "of": 3}));
    assert_eq!(parts[2].attributes.get("a"), None);
    assert_eq!(parts[2].message, format!("{} [cut: 30 bytes more]", "é".repeat(21)));
}

#[test]
fn what_fits_stays_as_it_is() {
    let line = read_one("short").line;
    assert_eq!(split(line.clone(), 64, 3), [line]);
}

#[test]
fn sizes_are_those_of_json() {
    for text in ["plain", "\u{0}\u{1f}\u{7f}", "\"\\\n\r\t\u{8}\u{c}/", "\u{202e}é\u{1f600}"] {
        assert_eq!(encoded(text) + 2, serde_json::to_string(text).expect("JSON").len(), "{text:?}");
    }
}
