//! Ids that a line carries: of the request, and of the asynchronous inference.

use std::sync::LazyLock;

use regex::Regex;

/// How far into a line an id is looked for, in bytes.
const WITHIN: usize = 4_096;
/// Longest id. <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointAsync.html>
pub const LONGEST: usize = 64;
/// What the last part of a stream is called in which SageMaker itself writes about asynchronous inferences.
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/logging-cloudwatch.html>
const DATA_LOG: &str = "/data-log";

static BRACKETED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^[^\[]{0,40}\[sagemaker logs\]:? \[([^\[\]\s]{1,64})\]").ok());

/// What a line carries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ids {
    /// Of the request.
    pub request: Option<String>,
    /// Of the inference.
    pub inference: Option<String>,
}

/// Whether SageMaker itself writes the stream, about asynchronous inferences.
#[must_use]
pub fn is_data_log(stream: &str) -> bool {
    stream.ends_with(DATA_LOG)
}

/// What `SageMaker` says of an inference, after its id.
#[must_use]
pub fn after_id(text: &str) -> &str {
    let found = BRACKETED.as_ref().and_then(|regex| regex.find(text));
    found.map_or(text, |found| &text[found.end()..])
}

impl Ids {
    /// Those of a text, the first of each.
    #[must_use]
    pub fn of_text(text: &str, stream: &str) -> Self {
        let text = &text[..text.floor_char_boundary(WITHIN)];
        let mut ids = Self::default();
        if is_data_log(stream) {
            let found = BRACKETED.as_ref().and_then(|regex| regex.captures(text));
            ids.inference = found.map(|found| found[1].to_owned());
        }
        for at in memchr::memchr2_iter(b'i', b'I', text.as_bytes()) {
            let Some((is_request, id)) = named(text, at) else { continue };
            let place = if is_request { &mut ids.request } else { &mut ids.inference };
            if place.is_none() {
                *place = Some(id.to_owned());
            }
        }
        ids
    }
}

/// Whether it is that of a request, and the id that is named by the word at `at`: `request_id=x`, `"InferenceId": "x"`.
/// No regular expression: it is asked for every letter that may begin such a word.
fn named(text: &str, at: usize) -> Option<(bool, &str)> {
    let (before, rest) = text.as_bytes().split_at(at);
    if !rest.get(1)?.eq_ignore_ascii_case(&b'd') {
        return None;
    }
    let before =
        before.strip_suffix(b"_").or(before.strip_suffix(b"-")).or(before.strip_suffix(b" ")).unwrap_or(before);
    let ends =
        |name: &[u8]| before.len() >= name.len() && before[before.len() - name.len()..].eq_ignore_ascii_case(name);
    let is_request = ends(b"request");
    if !is_request && !ends(b"inference") {
        return None;
    }
    let rest = text.get(at + 2..)?.trim_start_matches(['"', '\'', '\\']).trim_start_matches(' ');
    let rest = rest.strip_prefix([':', '='])?.trim_start_matches(' ').trim_start_matches(['"', '\'', '\\']);
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "_.:/+-".contains(c))).unwrap_or(rest.len());
    let id = rest[..end].trim_end_matches(['.', ':']);
    (1..=LONGEST).contains(&id.len()).then_some((is_request, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_where_they_are_named() {
        for (text, stream, request, inference) in [
            ("RequestId: 8f5c0b9e-1 Error: Runtime exited", "s", Some("8f5c0b9e-1"), None),
            ("done request_id=abc, inference-id: \"in-1\"", "s", Some("abc"), Some("in-1")),
            ("Inference ID: x.1", "s", None, Some("x.1")),
            ("the request is old; an inference is an idea", "s", None, None),
            (
                "2024-05-01T10:00:00.1:[sagemaker logs] [in-2] Inference request succeeded",
                "v/i/data-log",
                None,
                Some("in-2"),
            ),
            ("2024-05-01T10:00:00.1:[sagemaker logs] [in-2] Inference request succeeded", "v/i", None, None),
            ("request_id=", "s", None, None),
        ] {
            let ids = Ids::of_text(text, stream);
            assert_eq!((ids.request.as_deref(), ids.inference.as_deref()), (request, inference), "{text}");
        }
    }
}
