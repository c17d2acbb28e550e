//! Text for a terminal: nothing that came from elsewhere can command it.
//!
//! Control characters (of both sets), and those that turn a text's direction, are shown
//! escaped. Colours are only where a person reads.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};

/// Whether a terminal could take a character for something else than what it shows.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn escaped(text: &str, is_kept: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if is_kept(c) || !is_unsafe(c) => shown.push(c),
            '\n' | '\r' | '\t' => shown.extend(c.escape_default()),
            c => shown.extend(c.escape_unicode()),
        }
    }
    shown
}

/// A text on one line.
pub fn one_line(text: &str) -> String {
    escaped(text, |_| false)
}

/// A text with its lines and tabs.
pub fn many_lines(text: &str) -> String {
    escaped(text, |c| c == '\n' || c == '\t')
}

/// JSON that was serialized, with the escapes of JSON for what is unsafe in its texts.
pub fn safe_json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        if is_unsafe(c) && c != '\n' {
            // All of them have four digits. Writing to a string cannot fail.
            let _ = write!(shown, "\\u{:04x}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// YAML that was serialized: it has no escapes outside of quotation marks, so what is
/// unsafe is replaced.
pub fn safe_yaml(yaml: &str) -> String {
    yaml.replace(|c| is_unsafe(c) && c != '\n', "\u{fffd}")
}

/// What a text means, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextTone {
    Good,
    Warning,
    Bad,
    Heading,
}

/// Colours, or none.
#[derive(Clone, Copy, Debug)]
pub struct ColorChoice {
    is_on: bool,
}

impl ColorChoice {
    /// "always", "never", or where standard output is a terminal and `NO_COLOR` is not set.
    pub fn of(wanted: &str) -> Self {
        let is_on = match wanted {
            "always" => true,
            "never" => false,
            _ => {
                let is_refused = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
                io::stdout().is_terminal() && !is_refused
            }
        };
        Self { is_on }
    }

    /// The text in the colour of its tone.
    pub fn paint(self, tone: TextTone, text: &str) -> String {
        let code = match tone {
            TextTone::Good => "32",
            TextTone::Warning => "33",
            TextTone::Bad => "31",
            TextTone::Heading => "1",
        };
        if self.is_on { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\u{1b}[31mb\u{9b}2Jc\u{202e}d\r\n\te\u{7f}\0";

    #[test]
    fn hostile_text_is_escaped() {
        assert_eq!(one_line(HOSTILE), "a\\u{1b}[31mb\\u{9b}2Jc\\u{202e}d\\r\\n\\te\\u{7f}\\u{0}");
        assert_eq!(many_lines("a\r\n\tb\u{1b}"), "a\\r\n\tb\\u{1b}");
        assert_eq!(one_line("Zürich ✓ 日本"), "Zürich ✓ 日本");
    }

    #[test]
    fn json_stays_json() {
        let json = serde_json::to_string(HOSTILE).unwrap();
        let shown = safe_json(&json);
        assert!(!shown.contains(is_unsafe), "{shown:?}");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), HOSTILE);
    }

    #[test]
    fn yaml_has_nothing_unsafe() {
        assert_eq!(safe_yaml("a: \u{202e}b\n\u{9b}"), "a: \u{fffd}b\n\u{fffd}");
    }

    #[test]
    fn colours_are_a_choice() {
        assert_eq!(ColorChoice::of("never").paint(TextTone::Bad, "x"), "x");
        assert_eq!(ColorChoice::of("always").paint(TextTone::Bad, "x"), "\u{1b}[31mx\u{1b}[0m");
    }
}
