//! Reads a text with the escapes of JSON.
//!
//! What has to be escaped is little (RFC 8259, section 7); what is escaped is more, by
//! each library in its own way: `/` by PHP, `<`, `>` and `&` by Go, `=` and `'` too by
//! Gson, and all but ASCII by Python and PHP. So every escape is read. `\x` and two digits
//! is none of JSON's: the debug data of an HTTP/2 connection that ended is told with it.

use std::ops::Range;

/// Why the beginning of a text is not read as an escape.
enum UnreadEscape {
    /// It is none.
    Literal,
    /// The end of the text cuts it.
    Cut,
}

/// What an escape stands for.
enum EscapedValue {
    Byte(u8),
    Character(char),
}

/// Gives each byte that the text stands for, in order, and where it is written. It ends
/// before an escape that the end of the text cuts.
pub fn read_unescaped(text: &[u8], mut give: impl FnMut(u8, Range<usize>)) {
    let mut at = 0;
    while let Some(rest) = text.get(at..)
        && let Some(first) = rest.first()
    {
        let (value, length) = match read_escape(rest) {
            Ok(read) => read,
            Err(UnreadEscape::Literal) => (EscapedValue::Byte(*first), 1),
            Err(UnreadEscape::Cut) => return,
        };
        let place = at..at + length;
        at = place.end;
        match value {
            EscapedValue::Byte(byte) => give(byte, place),
            EscapedValue::Character(character) => {
                for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                    give(byte, place.clone());
                }
            }
        }
    }
}

/// Reads the escape at the beginning of a text; gives its length too.
fn read_escape(text: &[u8]) -> Result<(EscapedValue, usize), UnreadEscape> {
    if text.first() != Some(&b'\\') {
        return Err(UnreadEscape::Literal);
    }
    let byte = match *text.get(1).ok_or(UnreadEscape::Cut)? {
        b'u' => {
            let (character, length) = read_utf16(text)?;
            return Ok((EscapedValue::Character(character), length));
        }
        b'x' => {
            let byte = read_digits(text, *b"\\x", 2)?;
            let byte = u8::try_from(byte).map_err(|_| UnreadEscape::Literal)?;
            return Ok((EscapedValue::Byte(byte), 4));
        }
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        itself @ (b'"' | b'\'' | b'\\' | b'/') => itself,
        _ => return Err(UnreadEscape::Literal),
    };
    Ok((EscapedValue::Byte(byte), 2))
}

/// Reads `\u` and four digits; or twice that, for a character that takes two in UTF-16.
fn read_utf16(text: &[u8]) -> Result<(char, usize), UnreadEscape> {
    let high = read_digits(text, *b"\\u", 4)?;
    if let Some(character) = char::from_u32(high) {
        return Ok((character, 6));
    }
    let low = read_digits(text.get(6..).unwrap_or_default(), *b"\\u", 4)?;
    let (0xd800..0xdc00, 0xdc00..0xe000) = (high, low) else {
        return Err(UnreadEscape::Literal);
    };
    let character = char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00));
    character.map(|character| (character, 12)).ok_or(UnreadEscape::Literal)
}

/// Reads a mark and so many hexadecimal digits.
fn read_digits(text: &[u8], mark: [u8; 2], digits: usize) -> Result<u32, UnreadEscape> {
    let length = mark.len() + digits;
    let there = text.get(..length).unwrap_or(text);
    let (begins, number) = there.split_at(there.len().min(mark.len()));
    if !mark.starts_with(begins) {
        return Err(UnreadEscape::Literal);
    }
    let mut value = 0;
    for digit in number {
        let digit = char::from(*digit).to_digit(16).ok_or(UnreadEscape::Literal)?;
        value = value * 16 + digit;
    }
    if there.len() < length { Err(UnreadEscape::Cut) } else { Ok(value) }
}
