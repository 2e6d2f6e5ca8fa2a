//! E-mail addresses, cards and patterns of the settings, and all rules together.

use serde_json::json;

use super::*;
use crate::source::logs::redact::MARK;
use crate::source::logs::tests::START;

#[test]
fn more_goes_when_it_is_asked_for() {
    let rules = Rules { credentials: false, emails: true, cards: true, patterns: vec![r"cust-\d+".to_owned()] };
    let redaction = Redaction::new(&rules).expect("rules");
    let text = "me@example.com paid with 4111 1111 1111 1111, not 4111111111111112, as cust-17; password=x";
    assert_eq!(
        redaction.text(text),
        "[redacted] paid with [redacted], not 4111111111111112, as [redacted]; password=x"
    );
}

#[test]
fn numbers_go_as_their_digits_do() {
    let patterns = vec![r"\b[0-9]{9}\b".to_owned(), r"pin=\d+".to_owned()];
    let rules = Rules { credentials: true, emails: false, cards: true, patterns };
    let redaction = Redaction::new(&rules).expect("rules");
    let text = r#"{"ssn":123456789,"list":[{"card":4111111111111111.0},-4111111111111111],"n":17,"x":1.5,"pin":4}"#;
    let mut joined = joined([event(1, "s", text)]);
    let reading = read(joined.remove(0), &origin(), &redaction);
    assert_eq!(
        serde_json::Value::Object(reading.line.attributes),
        json!({"ssn": "[redacted]", "list": [{"card": "[redacted].0"}, "-[redacted]"], "n": 17, "x": 1.5, "pin": 4})
    );
    assert_eq!(reading.line.message, r#"n=17 [redacted] ssn="[redacted]" x=1.5"#);
    assert!(reading.redacted);
}

#[test]
fn no_rule_is_in_the_way_of_another() {
    let patterns = [r"user=\S+ dob=\S+", "salary report.*", r"\b\d{4}", "red.*"].map(str::to_owned).to_vec();
    let rules = Rules { credentials: true, emails: true, cards: true, patterns };
    let redaction = Redaction::new(&rules).expect("rules");
    for (text, clean) in [
        ("user=a@b.example dob=1970-01-01 visited", "[redacted] visited"),
        ("user=[redacted] dob=1970-01-01 visited", "[redacted] visited"),
        ("a salary report token=abcdefghijklmnop Bob earns 5000", "a [redacted]"),
        ("a salary report 4111111111111111 Bob\nx", "a [redacted]\nx"),
        // The mark makes the boundary of a word.
        ("x 12345678 y", "x [redacted] y"),
        // One mark for what touches, also a mark that was there.
        ("me@b.example[redacted] x", "[redacted] x"),
        ("password=hunter2 [redacted][redacted]", "password=[redacted] [redacted]"),
        // A pattern that fits the mark takes nothing after it.
        ("password=hunter2 then more", "password=[redacted] then more"),
    ] {
        assert_eq!(redaction.text(text), clean);
        assert_eq!(redaction.text(clean), clean);
    }
}

#[test]
fn patterns_have_limits() {
    let new = |patterns: Vec<String>| {
        Redaction::new(&Rules { patterns, ..Rules::default() }).map(|_| ()).expect_err("a bad pattern").to_string()
    };
    assert_eq!(new(vec!["x".to_owned(); 101]), "101 patterns, of which at most 100 are possible");
    assert_eq!(new(vec!["x".repeat(1_001)]), "pattern 1 has 1001 bytes, of which at most 1000 are possible");
    assert!(new(vec!["x".to_owned(), "(".to_owned()]).starts_with("pattern 2: regex parse error"));
    assert!(new(vec![r"\w{1000}{1000}".to_owned()]).starts_with("pattern 1: "));
}

#[test]
fn what_holds_nothing_is_not_copied() {
    for text in ["INFO: all is well", "key: value", "password= [redacted]", "", "[redacted][redacted]"] {
        assert!(matches!(redaction().text(text), std::borrow::Cow::Borrowed(same) if same == text), "{text}");
    }
}

#[test]
fn what_nobody_issues_is_no_card() {
    let redaction = Redaction::new(&Rules { cards: true, ..Rules::default() }).expect("rules");
    // All of them have the check digit.
    for text in [
        "at 1714557600009 and 1714557600017 ms",
        "1714557600000008 us",
        "0000000000000000",
        "5555555555554",
        "2205000000000009",
        "3100000000000003",
        "7000000000000005",
        "20240501100000",
        "4111-1111-111",
    ] {
        assert_eq!(redaction.text(text), text);
    }
    for card in [
        "4222222222222",
        "30569309025904",
        "371449635398431",
        "3714 496353 98431",
        "2223003122003222",
        "5555-5555-5555-4444",
        "6011111111111117",
        "4111 1111 1111 1111",
        "6304000000000000000",
    ] {
        assert_eq!(redaction.text(card), MARK, "{card}");
        let text = format!("1714557600000 {card} 12/27");
        assert_eq!(redaction.text(&text), "1714557600000 [redacted] 12/27", "{card}");
    }
}

/// None of a year's milliseconds that are tried is a card.
#[test]
fn times_are_no_cards() {
    let redaction = Redaction::new(&Rules { cards: true, ..Rules::default() }).expect("rules");
    for step in 0..10_000 {
        let text = format!("ts={}", START + step * 3_153_601);
        assert_eq!(redaction.text(&text), text);
    }
}
