//! Is this webhook genuine? One function for each way to sign one.
//!
//! Fed by a request's headers and by the exact bytes of its body; feeds a receiver
//! with true or false. Guarantees that secrets and signatures are compared in
//! constant time, that a signed time is at most five minutes away from `now`, and
//! that an empty key never verifies anything. Copy all down to the runner at the
//! end. Needs the crates base64, ed25519-dalek, hmac, sha2 and subtle.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;

const TOLERANCE_SECONDS: u64 = 300;

#[derive(Clone, Copy)]
pub enum Hash {
    Sha256,
    Sha512,
}

#[derive(Clone, Copy)]
pub enum Encoding {
    Hex,
    Base64,
}

/// How an HMAC of one's own is written.
#[derive(Clone, Copy)]
pub struct HmacFormat<'a> {
    /// Stands before the signature, as "sha256=".
    pub prefix: &'a str,
    pub hash: Hash,
    pub encoding: Encoding,
}

// In all of them: `keys` are those that you hold, more than one while you change
// over; a header that is not there is ""; `lines` are all lines of one header;
// `now` is the seconds since UNIX_EPOCH.

/// Standard Webhooks, "whsec_" keys: webhook-id, webhook-timestamp, webhook-signature.
pub fn verify_standard_v1(
    keys: &[&str],
    id: &str,
    timestamp: &str,
    signature: &str,
    body: &[u8],
    now: u64,
) -> bool {
    let Some(message) = standard_message(id, timestamp, body, now) else {
        return false;
    };
    let secrets = keys.iter().filter_map(|key| decode(key.strip_prefix("whsec_")?));
    // The specification's least length, so that no empty or cut-off key is used.
    let usable = secrets.filter(|secret| secret.len() >= 24);
    let expected: Vec<_> = usable
        .filter_map(|secret| mac(Hash::Sha256, &secret, &message))
        .map(|digest| format!("v1,{}", encode(Encoding::Base64, &digest)))
        .collect();
    matches(&expected, &signature.split(' ').collect::<Vec<_>>())
}

/// Standard Webhooks, public keys "whpk_": the same three headers.
pub fn verify_standard_v1a(
    keys: &[&str],
    id: &str,
    timestamp: &str,
    signature: &str,
    body: &[u8],
    now: u64,
) -> bool {
    let Some(message) = standard_message(id, timestamp, body, now) else {
        return false;
    };
    let given = signature.split(' ').filter_map(|text| decode(text.strip_prefix("v1a,")?));
    let given: Vec<_> = given.collect();
    let mut public = keys.iter().filter_map(|key| decode(key.strip_prefix("whpk_")?));
    public.any(|key| given.iter().any(|given| verify_ed25519(&key, given, &message)))
}

/// Stripe's format, "t=…,v1=…": stripe-signature, or the header that was chosen.
pub fn verify_stripe(keys: &[&str], signature: &str, body: &[u8], now: u64) -> bool {
    let parts = || signature.split(',').map(str::trim);
    let times: Vec<_> = parts().filter_map(|part| part.strip_prefix("t=")).collect();
    let [time] = times[..] else {
        return false;
    };
    if !fresh(time, now) {
        return false;
    }
    let message = [time.as_bytes(), b".", body].concat();
    let given: Vec<_> = parts().filter_map(|part| part.strip_prefix("v1=")).collect();
    let format = HmacFormat { prefix: "", hash: Hash::Sha256, encoding: Encoding::Hex };
    matches(&hmacs(keys, &message, format), &given)
}

/// An HMAC of the body. It holds for ever and under any id: deduplicate by what the body names.
pub fn verify_hmac(keys: &[&str], lines: &[&str], format: HmacFormat<'_>, body: &[u8]) -> bool {
    matches(&hmacs(keys, body, format), &header_values(lines))
}

/// An HMAC of "{timestamp}{separator}{body}", the timestamp in a header of its own.
pub fn verify_timestamped_hmac(
    keys: &[&str],
    timestamp: &str,
    lines: &[&str],
    separator: &str,
    format: HmacFormat<'_>,
    body: &[u8],
    now: u64,
) -> bool {
    if !fresh(timestamp, now) {
        return false;
    }
    let message = [timestamp.as_bytes(), separator.as_bytes(), body].concat();
    matches(&hmacs(keys, &message, format), &header_values(lines))
}

/// The secret itself. It proves nothing about the body: only over TLS, and only if you must.
pub fn verify_static_secret(keys: &[&str], lines: &[&str], prefix: &str) -> bool {
    let usable = keys.iter().filter(|key| !key.is_empty());
    let expected: Vec<_> = usable.map(|key| format!("{prefix}{key}")).collect();
    matches(&expected, &header_values(lines))
}

/// What Standard Webhooks sign. A full stop in the id would let its parts be shifted.
fn standard_message(id: &str, timestamp: &str, body: &[u8], now: u64) -> Option<Vec<u8>> {
    let usable = !id.is_empty() && !id.contains('.') && fresh(timestamp, now);
    usable.then(|| [format!("{id}.{timestamp}.").as_bytes(), body].concat())
}

/// Whether it is whole seconds, near enough to `now` that nobody kept the request for later.
fn fresh(timestamp: &str, now: u64) -> bool {
    let digits = timestamp.len() <= 15 && timestamp.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = timestamp.parse::<u64>();
    digits && seconds.is_ok_and(|seconds| now.abs_diff(seconds) <= TOLERANCE_SECONDS)
}

/// The signatures that would be right, one for each key.
fn hmacs(keys: &[&str], message: &[u8], format: HmacFormat<'_>) -> Vec<String> {
    let digests = keys.iter().filter_map(|key| mac(format.hash, key.as_bytes(), message));
    let encoded = digests.map(|digest| encode(format.encoding, &digest));
    encoded.map(|signature| format!("{}{signature}", format.prefix)).collect()
}

/// One value for each key in force; on the way, lines may have been joined by commas.
fn header_values<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let joined = lines.iter().filter(|line| line.contains(','));
    let parts = joined.flat_map(|line| line.split(',').map(str::trim));
    lines.iter().copied().chain(parts).collect()
}

/// Whether one of these is one of those; the time it takes tells nothing of where they differ.
fn matches(expected: &[String], given: &[&str]) -> bool {
    let same = |item: &str, other: &str| bool::from(item.as_bytes().ct_eq(other.as_bytes()));
    expected.iter().any(|expected| given.iter().any(|other| same(expected, other)))
}

fn verify_ed25519(key: &[u8], signature: &[u8], message: &[u8]) -> bool {
    let key = <[u8; 32]>::try_from(key).ok().and_then(|key| VerifyingKey::from_bytes(&key).ok());
    let signature = Signature::from_slice(signature).ok();
    let (Some(key), Some(signature)) = (key, signature) else {
        return false;
    };
    key.verify_strict(message, &signature).is_ok()
}

/// None with an empty key, by which anybody could have signed.
fn mac(hash: Hash, key: &[u8], message: &[u8]) -> Option<Vec<u8>> {
    if key.is_empty() {
        return None;
    }
    Some(match hash {
        Hash::Sha256 => {
            let mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
            mac.chain_update(message).finalize().into_bytes().to_vec()
        }
        Hash::Sha512 => {
            let mac = Hmac::<Sha512>::new_from_slice(key).ok()?;
            mac.chain_update(message).finalize().into_bytes().to_vec()
        }
    })
}

fn encode(encoding: Encoding, digest: &[u8]) -> String {
    match encoding {
        Encoding::Hex => digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        Encoding::Base64 => STANDARD.encode(digest),
    }
}

/// Base64 in its one right form.
fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

// --- The runner, which you need not copy: verify VECTORS.json… ------------------

use std::error::Error;
use std::process::ExitCode;
use std::{env, fs};

use serde::Deserialize;

#[derive(Deserialize)]
struct Table {
    vectors: Vec<Vector>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Vector {
    name: String,
    valid: bool,
    scheme: String,
    keys: Vec<String>,
    id: String,
    timestamp: String,
    signatures: Vec<String>,
    separator: String,
    prefix: String,
    hash: String,
    encoding: String,
    body_base64: String,
    now: u64,
}

impl Vector {
    fn format(&self) -> Result<HmacFormat<'_>, Box<dyn Error>> {
        let hash = match self.hash.as_str() {
            "sha256" => Hash::Sha256,
            "sha512" => Hash::Sha512,
            other => return Err(format!("no hash {other}").into()),
        };
        let encoding = match self.encoding.as_str() {
            "hex" => Encoding::Hex,
            "base64" => Encoding::Base64,
            other => return Err(format!("no encoding {other}").into()),
        };
        Ok(HmacFormat { prefix: &self.prefix, hash, encoding })
    }

    fn judge(&self) -> Result<bool, Box<dyn Error>> {
        let Self { id, timestamp, separator, prefix, now, .. } = self;
        let keys: Vec<_> = self.keys.iter().map(String::as_str).collect();
        let lines: Vec<_> = self.signatures.iter().map(String::as_str).collect();
        let signature = lines.first().copied().unwrap_or_default();
        let body = STANDARD.decode(&self.body_base64)?;
        Ok(match self.scheme.as_str() {
            "standard_v1" => verify_standard_v1(&keys, id, timestamp, signature, &body, *now),
            "standard_v1a" => verify_standard_v1a(&keys, id, timestamp, signature, &body, *now),
            "stripe" => verify_stripe(&keys, signature, &body, *now),
            "hmac" => verify_hmac(&keys, &lines, self.format()?, &body),
            "timestamped_hmac" => {
                let format = self.format()?;
                verify_timestamped_hmac(&keys, timestamp, &lines, separator, format, &body, *now)
            }
            "static_secret" => verify_static_secret(&keys, &lines, prefix),
            other => return Err(format!("no scheme {other}").into()),
        })
    }
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let (mut passed, mut failed) = (0, 0);
    for file in env::args().skip(1) {
        let table: Table = serde_json::from_slice(&fs::read(file)?)?;
        for vector in table.vectors {
            if vector.judge()? == vector.valid {
                passed += 1;
            } else {
                failed += 1;
                println!("FAILED {}: {}", vector.scheme, vector.name);
            }
        }
    }
    println!("{passed} passed");
    Ok(ExitCode::from(u8::from(failed > 0 || passed == 0)))
}
