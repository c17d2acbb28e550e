//! Files that pages load: the style sheet, the script and the operator's logo.
//!
//! Fed by the files beside this one and by the settings; feeds browsers. Guarantees that a
//! file's path changes with its bytes, so that browsers keep it for good, and that nothing in a
//! logo runs.

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderValue, Response};
use http_body_util::Full;
use sha2::{Digest, Sha256};
use tonic::body::Body;

use crate::settings::{CONSOLE_PATH, ConsoleSettings, rgb};

const STYLE_SHEET: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/console.js");
/// Below the console's path.
pub const FILES_FOLDER: &str = "files";
/// Hexadecimal digits of a hash in a path: nobody meets another file's by chance.
const HASH_DIGITS: usize = 16;
/// Largest logo.
const MAX_LOGO_BYTES: usize = 64 * 1024;
/// The hash in its name is of its bytes.
const KEPT: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// An SVG that somebody opens by itself is a document.
const LOGO_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");

#[derive(Clone, Debug)]
struct StaticFile {
    name: String,
    kind: &'static str,
    bytes: Bytes,
    policy: Option<HeaderValue>,
}

impl StaticFile {
    fn new(stem: &str, end: &str, kind: &'static str, bytes: Bytes) -> Self {
        let hash = hex::encode(Sha256::digest(&bytes));
        let hash = hash.get(..HASH_DIGITS).unwrap_or_default();
        Self { name: format!("{stem}-{hash}.{end}"), kind, bytes, policy: None }
    }

    fn path(&self) -> String {
        format!("{CONSOLE_PATH}/{FILES_FOLDER}/{}", self.name)
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct StaticFiles {
    style_sheet: StaticFile,
    script: StaticFile,
    logo: Option<StaticFile>,
}

impl StaticFiles {
    /// Reads the logo. An error says what is wrong with it.
    pub fn new(settings: &ConsoleSettings) -> anyhow::Result<Self> {
        let style = format!("{}{STYLE_SHEET}", brand(settings));
        let logo = match settings.logo_file.as_str() {
            "" => None,
            path => {
                let read = std::fs::read(path).with_context(|| format!("cannot read {path}"));
                Some(read.and_then(logo).context("console.logo_file")?)
            }
        };
        Ok(Self {
            style_sheet: StaticFile::new("style", "css", "text/css; charset=utf-8", style.into()),
            script: StaticFile::new(
                "console",
                "js",
                "text/javascript; charset=utf-8",
                Bytes::from_static(SCRIPT.as_bytes()),
            ),
            logo,
        })
    }

    pub fn style_sheet(&self) -> String {
        self.style_sheet.path()
    }

    pub fn script(&self) -> String {
        self.script.path()
    }

    pub fn logo(&self) -> Option<String> {
        self.logo.as_ref().map(StaticFile::path)
    }

    /// The file of a name.
    pub fn find(&self, name: &str) -> Option<Response<Body>> {
        let files = [Some(&self.style_sheet), Some(&self.script), self.logo.as_ref()];
        let file = files.into_iter().flatten().find(|file| file.name == name)?;
        let mut answer = Response::new(Body::new(Full::new(file.bytes.clone())));
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(file.kind));
        headers.insert(CACHE_CONTROL, KEPT);
        if let Some(policy) = &file.policy {
            headers.insert(CONTENT_SECURITY_POLICY, policy.clone());
        }
        Some(answer)
    }
}

/// A logo by what its bytes begin with.
fn logo(bytes: Vec<u8>) -> anyhow::Result<StaticFile> {
    ensure!(bytes.len() <= MAX_LOGO_BYTES, "it has more than {MAX_LOGO_BYTES} bytes");
    let head = bytes.trim_ascii_start();
    let (end, kind) = if bytes.starts_with(b"\x89PNG\r\n") {
        ("png", "image/png")
    } else if bytes.starts_with(b"\xff\xd8\xff") {
        ("jpg", "image/jpeg")
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(&b"WEBP"[..]) {
        ("webp", "image/webp")
    } else if head.starts_with(b"<svg") || head.starts_with(b"<?xml") {
        ("svg", "image/svg+xml")
    } else {
        bail!("it is neither PNG, JPEG, WebP nor SVG");
    };
    let file = StaticFile::new("logo", end, kind, bytes.into());
    Ok(StaticFile { policy: Some(LOGO_POLICY), ..file })
}

/// The operator's colours, as the style sheet uses them.
fn brand(settings: &ConsoleSettings) -> String {
    let (light, dark) = (&settings.accent_color, &settings.accent_color_dark);
    format!(
        ":root{{--accent:{light};--on-accent:{}}}\
         @media(prefers-color-scheme:dark){{:root{{--accent:{dark};--on-accent:{}}}}}\n",
        on_color(light),
        on_color(dark)
    )
}

/// Black or white, whichever is read better on a colour (WCAG 2, relative luminance).
fn on_color(color: &str) -> &'static str {
    let part = |value: u8| {
        let value = f64::from(value) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    let [red, green, blue] = rgb(color).unwrap_or_default().map(part);
    let luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    let (on_white, on_black) = (1.05 / (luminance + 0.05), (luminance + 0.05) / 0.05);
    if on_white >= on_black { "#fff" } else { "#000" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    /// The limit for all that a page loads, without its data.
    const MAX_TOTAL_BYTES: usize = 100_000;

    fn files(flags: &[(&str, &str)]) -> anyhow::Result<StaticFiles> {
        let flags: Vec<_> =
            flags.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        StaticFiles::new(&Settings::load(None, &flags).unwrap().console)
    }

    fn name(path: &str) -> &str {
        path.rsplit('/').next().unwrap()
    }

    #[test]
    fn a_file_is_found_by_the_hash_of_its_bytes() {
        let (plain, red) = (files(&[]).unwrap(), files(&[("console.accent_color", "#aa0000")]));
        let red = red.unwrap();
        assert_ne!(plain.style_sheet(), red.style_sheet());
        assert_eq!(plain.script(), red.script());
        let found = plain.find(name(&plain.style_sheet())).unwrap();
        assert_eq!(found.headers()[CONTENT_TYPE], "text/css; charset=utf-8");
        assert!(found.headers()[CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        assert!(plain.find(name(&red.style_sheet())).is_none());
        assert!(plain.logo().is_none() && plain.find("style.css").is_none());
    }

    #[test]
    fn all_files_are_light_and_load_nothing_from_elsewhere() {
        assert!(STYLE_SHEET.len() + SCRIPT.len() < MAX_TOTAL_BYTES / 2);
        for file in [STYLE_SHEET, SCRIPT] {
            assert!(!file.contains("http:") && !file.contains("https:"));
            assert!(!file.contains("@import") && !file.contains("url("));
        }
    }

    #[test]
    fn a_logo_is_a_picture_and_runs_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("logo");
        let with = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            files(&[("console.logo_file", path.to_str().unwrap())])
        };
        let svg = with(b"\n<svg xmlns='x'><script>alert(1)</script></svg>").unwrap();
        let found = svg.find(name(&svg.logo().unwrap())).unwrap();
        assert_eq!(found.headers()[CONTENT_TYPE], "image/svg+xml");
        assert!(found.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().ends_with("sandbox"));
        assert!(with(b"\x89PNG\r\n\x1a\n").is_ok());
        for bad in [&b"<html>"[..], b"", &[b'x'; MAX_LOGO_BYTES + 1]] {
            assert!(format!("{:#}", with(bad).unwrap_err()).contains("console.logo_file"));
        }
    }

    #[test]
    fn text_on_the_operators_colours_can_be_read() {
        assert_eq!((on_color("#000000"), on_color("#ffffff")), ("#fff", "#000"));
        assert_eq!((on_color("#1d4ed8"), on_color("#93b4ff")), ("#fff", "#000"));
    }
}
