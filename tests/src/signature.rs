//! Checks the signatures of webhooks without any of Postrider's code.
//!
//! Fed by requests as a receiver had them; feeds tests with a yes or a reason.
//! Guarantees an independent eye: the first check is written from the text of
//! the Standard Webhooks 1.0.0 specification, the second is the published
//! library of Rust, and [`capture`] hands the same webhook to those of Python
//! and JavaScript.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::receiver::Received;

/// The specification leaves the tolerance to the receiver; its libraries use this.
pub const TIME_TOLERANCE: Duration = Duration::from_mins(5);
/// The specification's bounds of a symmetric key.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The key in a `whsec_` secret.
pub fn key(secret: &str) -> Result<Vec<u8>> {
    let encoded = secret.strip_prefix("whsec_").context("a symmetric secret begins with whsec_")?;
    let key = STANDARD.decode(encoded).context("a secret is base64")?;
    ensure!(KEY_BYTES.contains(&key.len()), "a key of {} bytes", key.len());
    Ok(key)
}

/// The `v1` signature of a message, with its prefix.
pub fn sign(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&key(secret)?)?;
    mac.update(id.as_bytes());
    mac.update(b".");
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

/// Checks a webhook by the specification: headers, timestamp and one signature
/// among those given that this secret made.
pub fn verify(request: &Received, secret: &str) -> Result<()> {
    let id = request.webhook_id();
    ensure!(!id.is_empty(), "no webhook-id");
    ensure!(!id.contains('.'), "a webhook-id with a full stop: {id}");
    let timestamp = request.header("webhook-timestamp");
    let sent: u64 = timestamp.parse().context("webhook-timestamp is seconds")?;
    ensure!(sent.to_string() == timestamp, "timestamp written as {timestamp}");
    let sent = UNIX_EPOCH + Duration::from_secs(sent);
    let apart = match request.wall.duration_since(sent) {
        Ok(late) => late,
        Err(early) => early.duration(),
    };
    ensure!(apart <= TIME_TOLERANCE, "the timestamp is {apart:?} away");
    let wanted = sign(secret, id, timestamp, &request.body)?;
    let given = request.header("webhook-signature");
    if !given.split(' ').any(|signature| signature == wanted) {
        bail!("none of the signatures {given:?} is {wanted}");
    }
    Ok(())
}

/// Checks a webhook with the published library.
pub fn verify_published(request: &Received, secret: &str) -> Result<()> {
    let webhook = standardwebhooks::Webhook::new(secret)?;
    Ok(webhook.verify(&request.body, &request.headers)?)
}

/// Both checks.
pub fn assert_signed(request: &Received, secret: &str) -> Result<()> {
    verify(request, secret).context("by the specification")?;
    verify_published(request, secret).context("by the published library")
}

/// Writes a webhook for the verifiers of other languages, `NAME.json`, as it was
/// received; they also see that they refuse it with one byte changed.
pub fn capture(folder: &Path, name: &str, request: &Received, secret: &str) -> Result<()> {
    let headers: serde_json::Map<_, _> = ["webhook-id", "webhook-timestamp", "webhook-signature"]
        .iter()
        .map(|header| ((*header).to_owned(), request.header(header).into()))
        .collect();
    let webhook = serde_json::json!({
        "secret": secret,
        "headers": headers,
        "body_base64": STANDARD.encode(&request.body),
    });
    let file = folder.join(format!("{name}.json"));
    fs::create_dir_all(folder)?;
    fs::write(&file, webhook.to_string()).with_context(|| format!("write {}", file.display()))
}

/// Seconds since the epoch, as `webhook-timestamp` has them.
pub fn timestamp(at: SystemTime) -> Result<String> {
    Ok(at.duration_since(UNIX_EPOCH)?.as_secs().to_string())
}
