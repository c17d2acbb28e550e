//! Answers as JSON and as YAML, for programs.

use anyhow::Context as _;
use serde::Serialize;

use crate::exits::CliError;
use crate::terminal::{safe_json, safe_yaml};

/// JSON with a line for each field.
pub(super) fn pretty_json<T: Serialize + ?Sized>(value: &T) -> Result<String, CliError> {
    Ok(safe_json(&serde_json::to_string_pretty(value).context("the answer as JSON")?))
}

/// JSON on one line, for what has no end.
pub(super) fn json_line<T: Serialize + ?Sized>(value: &T) -> Result<String, CliError> {
    Ok(safe_json(&serde_json::to_string(value).context("the answer as JSON")?))
}

/// A YAML document.
pub(super) fn yaml<T: Serialize>(value: &T) -> Result<String, CliError> {
    let text = serde_saphyr::to_string(value).context("the answer as YAML")?;
    Ok(safe_yaml(text.trim_end()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_have_no_raw_control_characters() {
        let value = json!({"a": "x\u{1b}[31m\u{9b}\u{202e}", "b": [1, "yes"]});
        for text in
            [pretty_json(&value).unwrap(), json_line(&value).unwrap(), yaml(&value).unwrap()]
        {
            assert!(!text.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{text:?}");
        }
        assert_eq!(json_line(&json!({"b": 1})).unwrap(), "{\"b\":1}");
    }
}
