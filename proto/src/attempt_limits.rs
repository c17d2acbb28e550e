//! What may be told about an attempt: bounds that the agent keeps and the control plane
//! does not rely on.
//!
//! Fed by both sides with what a receiver, or an agent, wrote; feeds the result's
//! message at one side and history at the other. Guarantees that a text is printable,
//! fits its bound and is cut between characters.

/// Longest `AttemptResult.error`, in bytes.
pub const MAX_ERROR_BYTES: usize = 1024;
/// Most of a response's body that is kept, in bytes.
pub const MAX_EXCERPT_BYTES: usize = 64 * 1024;
/// Most headers of a response that are kept.
pub const MAX_REPORTED_HEADERS: usize = 128;
/// Most bytes of those headers' names and values together.
pub const MAX_REPORTED_HEADERS_BYTES: usize = 32 * 1024;
/// Longest `AttemptResult.retry_after`, in bytes.
pub const MAX_RETRY_AFTER_BYTES: usize = 128;

/// Ends a text that was cut.
const CUT_MARK: &str = "…";

/// The text as people may see it: unprintable characters replaced, and cut to
/// [`MAX_ERROR_BYTES`]. A text that is fine is returned as it is.
pub fn printable_error(text: String) -> String {
    if text.len() <= MAX_ERROR_BYTES && !text.contains(is_unprintable) {
        return text;
    }
    let mut kept = String::with_capacity(text.len().min(MAX_ERROR_BYTES));
    for character in text.chars() {
        let shown = if is_unprintable(character) { char::REPLACEMENT_CHARACTER } else { character };
        if kept.len() + shown.len_utf8() > MAX_ERROR_BYTES {
            while kept.len() + CUT_MARK.len() > MAX_ERROR_BYTES {
                kept.pop();
            }
            kept.push_str(CUT_MARK);
            break;
        }
        kept.push(shown);
    }
    kept
}

/// Whether a character is not seen, or changes in which direction others are: control
/// characters, line and paragraph separators, and Unicode's embeddings, overrides and
/// isolates. Joiners and marks that languages are written with are printable.
pub const fn is_unprintable(character: char) -> bool {
    matches!(character,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a response's status is one that HTTP has (RFC 9110, section 15).
pub fn is_http_status(status: u32) -> bool {
    (100..=599).contains(&status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_fine_stays_as_it_is() {
        let text = "the connection was closed: café".to_owned();
        assert_eq!(printable_error(text.clone()), text);
    }

    #[test]
    fn what_cannot_be_printed_is_replaced() {
        assert_eq!(
            printable_error("a\u{7}b\0c\n\u{9b}".to_owned()),
            "a\u{fffd}b\u{fffd}c\u{fffd}\u{fffd}"
        );
        for hidden in "\u{202e}\u{2066}\u{2028}\u{2029}".chars() {
            assert_eq!(printable_error(format!("a{hidden}b")), "a\u{fffd}b", "{hidden:?}");
        }
        let shown =
            "žluťoučký 支払い تم إغلاق الاتصال\u{200f} می\u{200c}خواهم 🧾 e\u{301} \u{a0} \u{fffd}"
                .to_owned();
        assert_eq!(printable_error(shown.clone()), shown);
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        for length in [MAX_ERROR_BYTES - 2, MAX_ERROR_BYTES, MAX_ERROR_BYTES + 1, 65_289] {
            for piece in ["x", "é", "\u{1}", "🧾"] {
                let text = piece.repeat(length);
                let kept = printable_error(text.clone());
                assert!(kept.len() <= MAX_ERROR_BYTES, "{length} of {piece:?}: {}", kept.len());
                assert!(!kept.contains(is_unprintable));
                assert!(kept == text || kept.ends_with(CUT_MARK) || piece == "\u{1}");
            }
        }
    }

    #[test]
    fn only_three_digits_of_http_are_a_status() {
        for status in [100, 200, 599] {
            assert!(is_http_status(status));
        }
        for status in [0, 99, 600, 999, u32::MAX] {
            assert!(!is_http_status(status));
        }
    }
}
