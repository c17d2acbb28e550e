//! Removes insignificant whitespace from JSON.
//!
//! Some receivers serialise JSON again before they verify a signature; they need the
//! compact form. Nothing but whitespace outside strings is removed (RFC 8259, section
//! 2): order, numbers, escapes and repeated keys stay byte for byte. One pass, no
//! parsing into values, so depth and number size do not matter. Input that is not JSON
//! loses whitespace by the same rule and nothing else.
//!
//! Keeps the invariant `payload-bytes-kept`.

/// What RFC 8259 lets stand between tokens.
const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The runs of a text between the whitespace that is outside its strings.
struct CompactRuns<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for CompactRuns<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let start = self.rest.iter().position(|byte| !is_space(*byte))?;
        let rest = self.rest.get(start..)?;
        let (run, rest) = rest.split_at_checked(run_bytes(rest))?;
        self.rest = rest;
        Some(run)
    }
}

/// How long the text goes on without whitespace outside strings.
fn run_bytes(text: &[u8]) -> usize {
    let mut in_string = false;
    let mut escaped = false;
    for (at, byte) in text.iter().enumerate() {
        match (in_string, escaped, *byte) {
            (true, true, _) => escaped = false,
            (true, false, b'\\') => escaped = true,
            (_, false, b'"') => in_string = !in_string,
            (false, _, byte) if is_space(byte) => return at,
            _ => {}
        }
    }
    text.len()
}

/// Adds the text in its compact form.
pub fn append_compact(json: &[u8], out: &mut Vec<u8>) {
    for run in (CompactRuns { rest: json }) {
        out.extend_from_slice(run);
    }
}

/// Whether the text is compact already.
pub fn is_compact(json: &[u8]) -> bool {
    run_bytes(json) == json.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    fn compact(json: &str) -> String {
        let mut out = Vec::new();
        append_compact(json.as_bytes(), &mut out);
        assert_eq!(is_compact(json.as_bytes()), out == json.as_bytes(), "{json:?}");
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn only_whitespace_outside_strings_goes() {
        for (given, wanted) in [
            ("{\"a\" : 1.0,\n \"b\":\"\\u0041 Zoë \" }", "{\"a\":1.0,\"b\":\"\\u0041 Zoë \"}"),
            (" [ 1E2 ,\t-0.10 , 12345678901234567890 ]\r\n", "[1E2,-0.10,12345678901234567890]"),
            (
                "{\"b\": 1, \"a\": 2, \"a\": 3, \"10\": 4, \"9\": 5}",
                "{\"b\":1,\"a\":2,\"a\":3,\"10\":4,\"9\":5}",
            ),
            (r#"[ "\" x \\" , "y \\\" z" ]"#, r#"["\" x \\","y \\\" z"]"#),
            ("{}", "{}"),
            (" \" \" ", "\" \""),
            (" null ", "null"),
            ("", ""),
            ("  ", ""),
        ] {
            assert_eq!(compact(given), wanted);
        }
    }

    /// Some JSON with whitespace between its tokens, and the same without.
    fn spaced() -> impl Strategy<Value = (String, String)> {
        let space = || proptest::string::string_regex("[ \t\r\n]{0,3}").unwrap();
        let part = proptest::sample::select(vec![
            " ",
            "\\\"",
            "\\\\",
            "\\n",
            "\\u0020",
            "\\ud83d\\ude00",
            "é",
            "[",
            "{",
            ":",
            ",",
        ]);
        let text = proptest::collection::vec(part, 0..6);
        let text = text.prop_map(|parts| format!("\"{}\"", parts.concat()));
        let word = vec!["0", "-0.10", "1E2", "1e-7", "9007199254740993", "true", "false", "null"];
        let word = proptest::sample::select(word).prop_map(str::to_owned);
        let leaf = prop_oneof![text.clone(), word].prop_map(|leaf| (leaf.clone(), leaf));
        let value = leaf.prop_recursive(5, 40, 5, move |inner| {
            let item = (space(), inner, space()).prop_map(|(before, (json, short), after)| {
                (format!("{before}{json}{after}"), short)
            });
            let item = item.boxed();
            let member = (space(), text.clone(), space(), item.clone()).prop_map(
                |(before, name, after, (json, short))| {
                    (format!("{before}{name}{after}:{json}"), format!("{name}:{short}"))
                },
            );
            let list = proptest::collection::vec(item, 0..5);
            let object = proptest::collection::vec(member, 0..5);
            prop_oneof![
                (list, space()).prop_map(|(all, space)| between('[', all, &space, ']')),
                (object, space()).prop_map(|(all, space)| between('{', all, &space, '}')),
            ]
        });
        (space(), value, space())
            .prop_map(|(before, (json, short), after)| (format!("{before}{json}{after}"), short))
    }

    fn between(
        open: char,
        all: Vec<(String, String)>,
        space: &str,
        close: char,
    ) -> (String, String) {
        let empty = if all.is_empty() { space } else { "" };
        let (json, short): (Vec<_>, Vec<_>) = all.into_iter().unzip();
        let (json, short) = (json.join(","), short.join(","));
        (format!("{open}{empty}{json}{close}"), format!("{open}{short}{close}"))
    }

    proptest! {
        #[test]
        fn whitespace_between_tokens_goes_and_all_else_stays((json, short) in spaced()) {
            // The text is JSON, whose value the parser keeps as it stands.
            let parsed: &RawValue = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(compact(parsed.get()), short.as_str());
            prop_assert_eq!(compact(&json), short.as_str());
            prop_assert_eq!(compact(&short), short.as_str());
        }

        #[test]
        fn what_is_no_json_does_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut out = Vec::new();
            append_compact(&bytes, &mut out);
            prop_assert!(out.len() <= bytes.len());
        }
    }
}
