//! Values that may stand in a file or come from standard input.

use std::io::Read;

use anyhow::Context as _;

use crate::exits::CliError;

/// More than any request may have, so that a wrong file does not fill the memory.
const MAX_INPUT_BYTES: u64 = 64 << 20;

/// The text itself, the bytes of `@FILE`, or with `-` those of standard input.
pub fn read_input(text: &str) -> Result<Vec<u8>, CliError> {
    if text == "-" {
        return bounded(std::io::stdin().lock(), "standard input");
    }
    match text.strip_prefix('@') {
        Some(path) => {
            let file = std::fs::File::open(path)
                .map_err(|error| CliError::Usage(format!("cannot read {path}: {error}")))?;
            bounded(file, path)
        }
        None => Ok(text.as_bytes().to_vec()),
    }
}

fn bounded(from: impl Read, name: &str) -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    let read = from.take(MAX_INPUT_BYTES + 1).read_to_end(&mut bytes);
    let read = read.with_context(|| format!("cannot read {name}"))?;
    if u64::try_from(read).is_ok_and(|read| read > MAX_INPUT_BYTES) {
        return Err(CliError::Usage(format!("{name} has more than {MAX_INPUT_BYTES} bytes")));
    }
    Ok(bytes)
}

/// The same as text.
pub(super) fn read_text(text: &str) -> Result<String, CliError> {
    String::from_utf8(read_input(text)?)
        .map_err(|_| CliError::Usage("a text must be UTF-8".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_itself_or_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        std::fs::write(&path, b"\xff\n").unwrap();
        assert_eq!(read_input("{}").unwrap(), b"{}");
        let named = format!("@{}", path.display());
        assert_eq!(read_input(&named).unwrap(), b"\xff\n");
        assert!(read_text(&named).is_err());
        assert!(matches!(read_input("@/nothing/here"), Err(CliError::Usage(_))));
    }
}
