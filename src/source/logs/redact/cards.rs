//! Numbers of cards.

use std::ops::Range;

use regex::Regex;

/// <https://www.iso.org/standard/70484.html>: 12 to 19 digits; nobody issues fewer than 13.
pub(super) const CARD: &str = r"\b[0-9](?:[ -]?[0-9]){12,18}\b";

/// Adds the cards of a text. Other numbers may stand before one and after it: `12:30 4111 1111 1111 1111 12/27`.
pub(super) fn find(regex: &Regex, text: &str, ranges: &mut Vec<Range<usize>>) {
    let mut from = 0;
    while let Some(found) = regex.find_at(text, from) {
        let gaps = found.as_str().match_indices([' ', '-']).map(|(at, _)| found.start() + at);
        let ends = std::iter::once(found.end()).chain(gaps.clone().rev());
        let card = ends.map(|end| found.start()..end).find(|range| is_card(&text[range.clone()]));
        from = card.as_ref().map_or_else(|| gaps.clone().next().unwrap_or(found.end()), |card| card.end);
        ranges.extend(card);
    }
}

fn is_card(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    is_issued(&digits) && has_check_digit(&digits)
}

/// Else one of ten times in milliseconds were a card.
/// <https://en.wikipedia.org/wiki/Payment_card_number#Issuer_identification_number_(IIN)>
fn is_issued(digits: &[u32]) -> bool {
    let Some(first) = digits.first_chunk::<4>() else { return false };
    let first = first.iter().fold(0, |number, digit| number * 10 + digit);
    match digits.len() {
        13 => first / 1_000 == 4,
        14..=19 => matches!(first, 2_200..=2_204 | 2_221..=2_720 | 3_000..=3_099 | 3_400..=3_999 | 4_000..=6_999),
        _ => false,
    }
}

/// Luhn's. <https://www.iso.org/standard/70484.html>
fn has_check_digit(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| if at % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { *digit })
        .sum();
    sum.is_multiple_of(10)
}
