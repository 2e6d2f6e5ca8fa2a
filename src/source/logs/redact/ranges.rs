//! What was found in a text, and the text with one mark for each.

use std::ops::Range;

use regex::Regex;

use super::MARK;

/// Adds the ranges of a pattern that knows nothing of marks: one that fits the mark itself does not begin in it, else it
/// would take what stands after every mark.
pub(super) fn of_pattern(regex: &Regex, text: &str, ranges: &mut Vec<Range<usize>>) {
    let mut from = 0;
    while let Some(found) = (from <= text.len()).then(|| regex.captures_at(text, from)).flatten() {
        let Some(whole) = found.get(0) else { return };
        if let Some(end) = end_of_mark_around(text, whole.start()) {
            from = end;
            continue;
        }
        let start = found.name("before").map_or(whole.start(), |before| before.end());
        if !whole.is_empty() {
            ranges.push(start..whole.end());
        }
        from = if whole.is_empty() { next_char(text, whole.end()) } else { whole.end() };
    }
}

/// The text with one mark for whatever overlaps or touches; none when all that was found is behind marks already.
pub(super) fn marked(text: &str, mut ranges: Vec<Range<usize>>) -> Option<String> {
    if ranges.is_empty() {
        return None;
    }
    let marks: Vec<Range<usize>> = text.match_indices(MARK).map(|(at, mark)| at..at + mark.len()).collect();
    ranges.retain(|range| {
        let before = marks.partition_point(|mark| mark.start <= range.start);
        before == 0 || marks[before - 1].end < range.end
    });
    if ranges.is_empty() {
        return None;
    }
    ranges.extend(marks);
    ranges.sort_unstable_by_key(|range| range.start);
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    let mut ranges = ranges.into_iter().peekable();
    while let Some(mut range) = ranges.next() {
        while let Some(next) = ranges.next_if(|next| next.start <= range.end) {
            range.end = range.end.max(next.end);
        }
        out.push_str(&text[done..range.start]);
        out.push_str(MARK);
        done = range.end;
    }
    out.push_str(&text[done..]);
    Some(out)
}

/// The end of the mark that begins before `at` and goes beyond it.
fn end_of_mark_around(text: &str, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let start = (at.saturating_sub(MARK.len() - 1)..at).find(|start| bytes[*start..].starts_with(MARK.as_bytes()))?;
    Some(start + MARK.len())
}

fn next_char(text: &str, at: usize) -> usize {
    at + text[at..].chars().next().map_or(1, char::len_utf8)
}
