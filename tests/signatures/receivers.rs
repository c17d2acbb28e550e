//! Webhooks for the snippets that receivers copy, in five languages.
//!
//! Fed by requests as a receiver had them; feeds `examples/receivers/verify.*`
//! with tables of the form of their `vectors.json`, one for each webhook, through
//! the folder of captures. Guarantees that a snippet has to accept the webhook
//! with each key in force at the time it came, and to refuse it with every other
//! key, with one byte more, and later than its time allows.

use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use postrider_tests::receiver::Received;
use serde_json::{Value, json};

/// Beyond the five minutes that the snippets allow.
const LATE_SECONDS: u64 = 600;

/// How a webhook is signed, as the snippets are told.
#[derive(Clone, Debug)]
pub struct Form {
    /// The scheme, as the tables call it.
    pub scheme: &'static str,
    pub header: &'static str,
    /// The header that carries the time; absent where it is not signed by itself.
    pub timestamp: Option<&'static str>,
    /// What the function of the scheme takes besides: prefix, hash, and so on.
    pub more: Value,
}

impl Form {
    pub fn standard(scheme: &'static str) -> Self {
        let timestamp = Some("webhook-timestamp");
        Self { scheme, header: "webhook-signature", timestamp, more: json!({}) }
    }

    fn signs_time(&self) -> bool {
        self.timestamp.is_some() || self.scheme == "stripe"
    }

    fn signs_body(&self) -> bool {
        self.scheme != "static_secret"
    }

    /// The header's lines, in the order in which they came.
    pub fn lines<'a>(&self, request: &'a Received) -> Vec<&'a str> {
        let lines = request.headers.get_all(self.header).iter();
        lines.map(|line| line.to_str().unwrap()).collect()
    }
}

/// Writes `receivers/NAME.json` in the folder of captures: the webhook with each
/// of the keys in force, and with each of those that are not.
pub fn capture(
    folder: &Path,
    name: &str,
    request: &Received,
    form: &Form,
    (in_force, others): (&[&str], &[&str]),
) -> Result<()> {
    let now = request.wall.duration_since(UNIX_EPOCH)?.as_secs();
    let more = [&request.body[..], b" "].concat();
    let mut vectors = Vec::new();
    for key in in_force {
        vectors.push(vector(name, true, form, request, (key, &request.body, now)));
        if form.signs_body() {
            let name = format!("{name}, one byte more");
            vectors.push(vector(&name, false, form, request, (key, &more, now)));
        }
        if form.signs_time() {
            let name = format!("{name}, too late");
            let late = (*key, &request.body[..], now + LATE_SECONDS);
            vectors.push(vector(&name, false, form, request, late));
        }
    }
    for key in others {
        let name = format!("{name}, another key");
        vectors.push(vector(&name, false, form, request, (key, &request.body, now)));
    }
    let folder = folder.join("receivers");
    let file = folder.join(format!("{name}.json"));
    fs::create_dir_all(&folder)?;
    fs::write(&file, json!({ "vectors": vectors }).to_string())
        .with_context(|| format!("write {}", file.display()))
}

fn vector(
    name: &str,
    valid: bool,
    form: &Form,
    request: &Received,
    (key, body, now): (&str, &[u8], u64),
) -> Value {
    let mut vector = json!({
        "scheme": form.scheme,
        "name": name,
        "valid": valid,
        "keys": [key],
        "signatures": form.lines(request),
        "id": request.webhook_id(),
        "timestamp": form.timestamp.map(|header| request.header(header)).unwrap_or_default(),
        "body_base64": STANDARD.encode(body),
        "now": now,
    });
    if let (Some(vector), Some(more)) = (vector.as_object_mut(), form.more.as_object()) {
        vector.extend(more.clone());
    }
    vector
}
