//! Webhooks for the snippets that receivers copy, in five languages.
//!
//! Fed by requests as a receiver had them; feeds `examples/receivers/verify.*`
//! with tables of the form of their `vectors.json`, one for each webhook, through
//! the folder of captures. Guarantees that a snippet has to accept the webhook at
//! the time it came and to refuse it with one byte more.

use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use postrider_tests::receiver::Received;
use serde_json::{Value, json};

/// Writes `receivers/NAME.json` in the folder of captures.
pub fn capture(folder: &Path, name: &str, request: &Received, secret: &str) -> Result<()> {
    let more = [&request.body[..], b" "].concat();
    let vectors = [
        standard_v1(name, true, request, secret, &request.body)?,
        standard_v1(&format!("{name}, one byte more"), false, request, secret, &more)?,
    ];
    let folder = folder.join("receivers");
    let file = folder.join(format!("{name}.json"));
    fs::create_dir_all(&folder)?;
    fs::write(&file, json!({ "vectors": vectors }).to_string())
        .with_context(|| format!("write {}", file.display()))
}

fn standard_v1(
    name: &str,
    valid: bool,
    request: &Received,
    secret: &str,
    body: &[u8],
) -> Result<Value> {
    Ok(json!({
        "scheme": "standard_v1",
        "name": name,
        "valid": valid,
        "keys": [secret],
        "signatures": [request.header("webhook-signature")],
        "id": request.webhook_id(),
        "timestamp": request.header("webhook-timestamp"),
        "body_base64": STANDARD.encode(body),
        "now": request.wall.duration_since(UNIX_EPOCH)?.as_secs(),
    }))
}
