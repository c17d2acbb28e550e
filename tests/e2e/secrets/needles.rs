//! Looks for secrets where none may stand.
//!
//! Fed by a test with the secrets that it used; feeds it with every place that holds one.
//! Guarantees that a secret is found in plain, in base64 and in hexadecimal digits,
//! wherever in a file it begins.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Shorter texts would be found by chance.
const MIN_NEEDLE_BYTES: usize = 12;

/// A form of a secret that must not be found.
struct Needle {
    secret: String,
    bytes: Vec<u8>,
}

/// All secrets of a test, in every form.
#[derive(Default)]
pub struct Needles(Vec<Needle>);

impl Needles {
    /// A secret as its customer writes it, and the bytes that it stands for.
    pub fn add(&mut self, text: &str) {
        self.add_bytes(text, text.as_bytes());
        for prefix in ["whsec_", "whsk_"] {
            if let Some(encoded) = text.strip_prefix(prefix) {
                self.add_bytes(text, encoded.as_bytes());
                if let Ok(bytes) = STANDARD.decode(encoded) {
                    self.add_bytes(text, &bytes);
                }
            }
        }
    }

    fn add_bytes(&mut self, secret: &str, bytes: &[u8]) {
        assert!(bytes.len() >= MIN_NEEDLE_BYTES, "{secret} is too short to be looked for");
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut forms = vec![bytes.to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()];
        // Base64 of a text in which the secret begins at the first, second or third of
        // three bytes; what depends on its neighbours is left out.
        for before in 0..3 {
            let padded = [&vec![0; before][..], bytes].concat();
            let whole = padded.len() / 3 * 4;
            let first = [0, 2, 3][before];
            forms.push(STANDARD.encode(padded).as_bytes()[first..whole].to_vec());
        }
        // As programs print bytes: `[83, 69, …]`.
        let listed: Vec<_> = bytes.iter().map(u8::to_string).collect();
        forms.push(listed.join(", ").into_bytes());
        let needle = |bytes| Needle { secret: secret.to_owned(), bytes };
        self.0.extend(forms.into_iter().map(needle));
    }

    /// The secrets that stand in some bytes.
    pub fn found_in(&self, place: &str, haystack: &[u8]) -> Vec<String> {
        let there = |needle: &&Needle| contains(haystack, &needle.bytes);
        let told = |needle: &Needle| {
            format!("{place}: {} as {}", needle.secret, String::from_utf8_lossy(&needle.bytes))
        };
        self.0.iter().filter(there).map(told).collect()
    }

    /// The secrets that stand in the files of a folder and the folders in it.
    pub fn found_below(&self, folder: &Path) -> Vec<String> {
        let files = files_below(folder);
        assert!(!files.is_empty(), "{} has no files", folder.display());
        let search = |file: &PathBuf| {
            // A file that went meanwhile holds nothing.
            let bytes = fs::read(file).unwrap_or_default();
            self.found_in(&file.display().to_string(), &bytes)
        };
        files.iter().flat_map(search).collect()
    }
}

/// Whether a text stands in the files of a folder: that they are the ones meant.
pub fn stands_below(folder: &Path, text: &str) -> bool {
    bytes_stand_below(folder, text.as_bytes())
}

/// Whether these bytes stand in the files of a folder.
pub fn bytes_stand_below(folder: &Path, bytes: &[u8]) -> bool {
    files_below(folder).iter().any(|file| holds(file, bytes))
}

/// Whether these bytes stand in a file.
pub fn holds(file: &Path, bytes: &[u8]) -> bool {
    contains(&fs::read(file).unwrap_or_default(), bytes)
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() => files.push(entry.path()),
                _ => {}
            }
        }
    }
    files
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(haystack, needle).is_some()
}

#[test]
fn every_form_of_a_secret_is_found() {
    let mut needles = Needles::default();
    needles.add("correct horse battery");
    let raw = b"correct horse battery";
    for before in ["", "x", "xy", "xyz"] {
        let text = [before.as_bytes(), raw, b"!"].concat();
        assert_eq!(needles.found_in("", STANDARD.encode(text).as_bytes()).len(), 1, "{before}");
    }
    assert_eq!(needles.found_in("", format!("{raw:?}").as_bytes()).len(), 1);
    assert_eq!(needles.found_in("", b"..correct horse battery..").len(), 1);
    assert!(needles.found_in("", b"correct horse").is_empty());
}
