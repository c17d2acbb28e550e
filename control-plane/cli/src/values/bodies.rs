//! Bodies of requests and answers, as text.
//!
//! JSON is laid out by its own characters: it is not parsed and written again, which would
//! change numbers, order and keys that stand twice.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::IgnoredAny;

use crate::terminal::many_lines;

/// Most bytes that are shown of a body that is no text.
const MAX_BINARY_BYTES: usize = 48;
const INDENT_SPACES: usize = 2;

/// A body for the terminal.
pub fn body_text(body: &[u8]) -> String {
    match std::str::from_utf8(body) {
        Ok(text) => many_lines(&laid_out(text)),
        Err(_) => {
            let shown = body.get(..MAX_BINARY_BYTES).unwrap_or(body);
            let more = if shown.len() < body.len() { "…" } else { "" };
            format!("{} bytes, no text: {}{more}", body.len(), STANDARD.encode(shown))
        }
    }
}

/// Whether a text is one JSON value.
pub fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// JSON with a line for each member; any other text as it is.
pub fn laid_out(text: &str) -> String {
    if !is_json(text) {
        return text.to_owned();
    }
    let mut layout = JsonLayout { text: String::with_capacity(text.len() * 2), depth: 0 };
    let (mut is_text, mut is_escaped, mut is_opened) = (false, false, false);
    for c in text.chars() {
        if is_text {
            layout.text.push(c);
            is_text = is_escaped || c != '"';
            is_escaped = c == '\\' && !is_escaped;
            continue;
        }
        if c.is_ascii_whitespace() {
            continue;
        }
        let is_closing = matches!(c, '}' | ']');
        if is_closing {
            layout.depth = layout.depth.saturating_sub(1);
        }
        // Empty ones stay on their line.
        if is_opened != is_closing {
            layout.next_line();
        }
        is_opened = matches!(c, '{' | '[');
        match c {
            '{' | '[' => {
                layout.text.push(c);
                layout.depth += 1;
            }
            ',' => {
                layout.text.push(c);
                layout.next_line();
            }
            ':' => layout.text.push_str(": "),
            '"' => {
                layout.text.push(c);
                is_text = true;
            }
            c => layout.text.push(c),
        }
    }
    layout.text
}

struct JsonLayout {
    text: String,
    depth: usize,
}

impl JsonLayout {
    fn next_line(&mut self) {
        self.text.push('\n');
        self.text.push_str(&" ".repeat(self.depth * INDENT_SPACES));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_laid_out_and_not_changed() {
        let json = r#"{"b":1e400,"a":{},"a":[ ],"t":"x: {\"y\"}, \\","l":[1,{"n":null}]}"#;
        assert_eq!(
            body_text(json.as_bytes()),
            "{\n  \"b\": 1e400,\n  \"a\": {},\n  \"a\": [],\n  \"t\": \"x: {\\\"y\\\"}, \\\\\",\n  \
             \"l\": [\n    1,\n    {\n      \"n\": null\n    }\n  ]\n}"
        );
    }

    #[test]
    fn other_text_is_left_alone_and_bytes_are_encoded() {
        assert_eq!(body_text(b"{not json"), "{not json");
        assert_eq!(body_text(b""), "");
        assert_eq!(body_text(b"\xff\x00"), "2 bytes, no text: /wA=");
        assert!(body_text(&[0xff; 100]).ends_with('…'));
    }

    #[test]
    fn hostile_bodies_are_escaped() {
        assert_eq!(body_text("\u{1b}]0;x\u{7}".as_bytes()), "\\u{1b}]0;x\\u{7}");
    }
}
