//! What is too long for Datadog becomes several lines.

use serde_json::{Map, Value, json};

use crate::model::log::Line;

/// Attributes that every part repeats.
const REPEATED: [&str; 3] = ["error_class", "inference_id", "request_id"];

/// A line as parts whose messages have at most `most` bytes of JSON each, and at most `parts` of them: the last says how
/// much was cut off. The id of a further part is that of the line with `#2`, `#3` ..; its attribute `split` says which
/// part of how many it is. A line that fits is given back as it is.
#[must_use]
pub fn split(line: Line, most: usize, parts: usize) -> Vec<Line> {
    let most = most.max(64);
    if line.message.len() <= most / 6 || encoded(&line.message) <= most {
        return vec![line];
    }
    let mut texts = Vec::new();
    let mut rest = line.message.as_str();
    while !rest.is_empty() {
        if texts.len() + 1 == parts.max(1) {
            texts.push(cut(rest, most));
            break;
        }
        let (text, further) = rest.split_at(fitting(rest, most));
        texts.push(text.to_owned());
        rest = further;
    }
    let of = texts.len();
    let further: Map<String, Value> = REPEATED
        .iter()
        .filter_map(|name| line.attributes.get_key_value(*name))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    let Line { id, stream, at, status, attributes, origin, .. } = line;
    let mut first = Some(attributes);
    texts
        .into_iter()
        .zip(1..)
        .map(|(message, number)| {
            let mut attributes = first.take().unwrap_or_else(|| further.clone());
            attributes.insert("split".to_owned(), json!({"part": number, "of": of}));
            let id = if number == 1 { id.clone() } else { format!("{id}#{number}") };
            Line { id, stream: stream.clone(), at, status, message, attributes, origin: origin.clone() }
        })
        .collect()
}

/// As much of a text as fits in `most` bytes of JSON, with what is missing.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    if encoded(text) <= most {
        return text.to_owned();
    }
    let mark = |bytes: usize| format!(" [cut: {bytes} bytes more]");
    let kept = &text[..fitting(text, most.saturating_sub(mark(text.len()).len()))];
    format!("{kept}{}", mark(text.len() - kept.len()))
}

/// Bytes that one byte becomes in JSON, as `serde_json` writes it.
const fn encoded_byte(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0x00..=0x1f => 6,
        _ => 1,
    }
}

/// Bytes that a text becomes in JSON, without its quotation marks.
#[must_use]
pub fn encoded(text: &str) -> usize {
    text.bytes().map(encoded_byte).sum()
}

/// Bytes of a text, whole characters, that are at most `most` bytes of JSON; at least one character.
fn fitting(text: &str, most: usize) -> usize {
    let mut left = most;
    let mut end = 0;
    for byte in text.bytes() {
        let Some(less) = left.checked_sub(encoded_byte(byte)) else { break };
        left = less;
        end += 1;
    }
    let first = text.chars().next().map_or(0, char::len_utf8);
    text.floor_char_boundary(end).max(first)
}

#[cfg(test)]
mod tests;
