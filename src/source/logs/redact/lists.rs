//! Lists, objects and calls that stand where a value is expected: `passwords: ['a', 'b']`.

/// Bytes that may be looked at in vain in one text: brackets that nobody closes cost a text no square of its length.
pub(super) const MOST_IN_VAIN: usize = 1024 * 1024;
/// Bytes that end a value without quotation marks which goes on after a bracket.
const AFTER: &[u8] = b" \t\r\n,;:)]}>&|'\"\\";

/// The end of what begins with a bracket, whatever is in it. Quotation marks may be escaped, as in JSON in a text of
/// JSON. Takes from `left` what was looked at when nothing closes the bracket.
pub(super) fn closed(text: &str, open: usize, left: &mut usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let most = bytes.len().min(open.saturating_add(*left));
    let (mut depth, mut slashes, mut quoted) = (0_usize, 0, None);
    for at in open..most {
        match (bytes[at], quoted) {
            (b'\\', _) => {
                slashes += 1;
                continue;
            }
            // In quotation marks with n backslashes, others have more, and a backslash of the value has twice as many.
            (b'"' | b'\'', Some((mark, of))) if bytes[at] == mark && slashes % (2 * (of + 1)) == of => quoted = None,
            (b'"', None) => quoted = Some((b'"', slashes)),
            (b'\'', None) if !is_apostrophe(bytes, at - slashes) => quoted = Some((b'\'', slashes)),
            (b'[' | b'{' | b'(', None) => depth += 1,
            (b']' | b'}' | b')', None) => {
                depth -= 1;
                if depth == 0 {
                    return Some(goes_on(bytes, at + 1));
                }
            }
            _ => {}
        }
        slashes = 0;
    }
    *left -= most - open;
    None
}

/// The end of the line.
pub(super) fn line(text: &str, from: usize) -> usize {
    text[from..].find(['\r', '\n']).map_or(text.len(), |length| from + length)
}

/// The end of a value without quotation marks.
pub(super) fn word(text: &str, from: usize) -> usize {
    word_of(text.as_bytes(), from)
}

/// Whether a mark stands in or after a word, and does not quote. `b'x'` is a quotation.
fn is_apostrophe(bytes: &[u8], at: usize) -> bool {
    let is_word = |back: usize| at.checked_sub(back).is_some_and(|at| bytes[at].is_ascii_alphanumeric());
    is_word(1) && (is_word(2) || !matches!(bytes[at - 1], b'b' | b'r' | b'u'))
}

/// `(a)b` is one value.
fn goes_on(bytes: &[u8], at: usize) -> usize {
    if bytes.get(at).is_none_or(|byte| AFTER.contains(byte)) {
        return at;
    }
    word_of(bytes, at)
}

fn word_of(bytes: &[u8], at: usize) -> usize {
    let is_after = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'\\');
    bytes[at..].iter().position(is_after).map_or(bytes.len(), |length| at + length)
}
