//! Masks a subscription's secrets in what its receiver answers.
//!
//! Fed by `template` with a subscription's settings, and by the agent with parts of
//! answers; gives them back without the secrets that the request carried. Guarantees that
//! a length stays as it was, that the case of letters does not matter, and that a secret
//! which the end of a text cuts is masked too. Secrets are wiped when dropped and never
//! printed.
//!
//! What is masked is what is sent: values of the subscription's own headers and static
//! secrets, as they stand or as JSON writes them. What a receiver encodes in another way
//! (base64, percent signs, a hash), takes apart or turns round is not found.

use std::fmt;

use postrider_proto::agent::v1 as wire;
use postrider_proto::agent::v1::signer::Scheme;
use zeroize::Zeroizing;

/// Shorter values of headers stay: they are words such as `true`, which answers are full
/// of, and no secrets.
const MIN_HEADER_VALUE_BYTES: usize = 8;
/// Shorter static secrets stay, for the same reason; and so do shorter beginnings at the
/// end of a text.
const MIN_SECRET_BYTES: usize = 4;
/// Keeps the length, and may stand in the name of a header.
const MASK_BYTE: u8 = b'*';

/// The secrets of one subscription's requests.
pub struct EchoMask {
    secrets: Vec<Zeroizing<Vec<u8>>>,
    /// With which bytes, in lower case, one of them begins.
    begins: [bool; 256],
}

impl fmt::Debug for EchoMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EchoMask({})", self.secrets.len())
    }
}

impl EchoMask {
    /// Takes the secrets that requests by these settings carry, in force or not.
    pub fn from_wire(update: &wire::SubscriptionUpdate) -> Self {
        let mut mask = Self { secrets: Vec::new(), begins: [false; 256] };
        for header in &update.headers {
            mask.add(&header.value, MIN_HEADER_VALUE_BYTES);
            // As in `Bearer TOKEN`: a receiver may show the token alone.
            if let Some(last) = header.value.rsplit(|byte| *byte == b' ').next() {
                mask.add(last, MIN_HEADER_VALUE_BYTES);
            }
        }
        for signer in &update.signers {
            if let Some(Scheme::StaticSecret(_)) = &signer.scheme {
                for key in &signer.keys {
                    mask.add(&key.secret, MIN_SECRET_BYTES);
                }
            }
        }
        mask
    }

    /// Adds a secret, and the ways in which JSON writes it.
    fn add(&mut self, secret: &[u8], least: usize) {
        if secret.len() < least {
            return;
        }
        for escaped in [&b""[..], b"\"\\", b"\"\\/"] {
            let form = Zeroizing::new(with_backslashes(secret, escaped));
            if let Some(first) = form.first()
                && let Some(begins) = self.begins.get_mut(usize::from(first.to_ascii_lowercase()))
                && !self.secrets.contains(&form)
            {
                *begins = true;
                self.secrets.push(form);
            }
        }
    }

    /// Masks the secrets in a text.
    pub fn mask(&self, text: &mut [u8]) {
        if self.secrets.is_empty() {
            return;
        }
        // Found in the whole text first: one may overlap another.
        let mut found = Vec::new();
        for at in 0..text.len() {
            let length = text.get(at..).map_or(0, |rest| self.length_at_start(rest));
            if length > 0 {
                found.push(at..at + length);
            }
        }
        for range in found {
            if let Some(secret) = text.get_mut(range) {
                secret.fill(MASK_BYTE);
            }
        }
    }

    /// How much of a text's beginning is a secret, or the beginning of one that the text's
    /// end cuts.
    fn length_at_start(&self, text: &[u8]) -> usize {
        let begins = |first: &u8| self.begins.get(usize::from(first.to_ascii_lowercase()));
        if !text.first().and_then(begins).is_some_and(|begins| *begins) {
            return 0;
        }
        let lengths = self.secrets.iter().map(|secret| {
            let same = |(secret, text): &(&u8, &u8)| secret.eq_ignore_ascii_case(text);
            let length = secret.iter().zip(text).take_while(same).count();
            let is_cut = length == text.len() && length >= MIN_SECRET_BYTES;
            if length == secret.len() || is_cut { length } else { 0 }
        });
        lengths.max().unwrap_or_default()
    }
}

/// The secret with a backslash before each of some bytes.
fn with_backslashes(secret: &[u8], escaped: &[u8]) -> Vec<u8> {
    // With room for all of it, so that nothing is left behind by a move.
    let mut written = Vec::with_capacity(secret.len() * 2);
    for byte in secret {
        if escaped.contains(byte) {
            written.push(b'\\');
        }
        written.push(*byte);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(value: &'static str) -> wire::Header {
        wire::Header { name: "x-one".to_owned(), value: value.into() }
    }

    fn static_secret(secrets: &[&'static str]) -> wire::Signer {
        let key = |secret: &&'static str| wire::SignerKey {
            secret: bytes::Bytes::from_static(secret.as_bytes()),
            expires_in: None,
        };
        wire::Signer {
            keys: secrets.iter().map(key).collect(),
            scheme: Some(Scheme::StaticSecret(wire::StaticSecret {
                header: "X-Secret".to_owned(),
                prefix: "Key ".to_owned(),
                ..Default::default()
            })),
        }
    }

    fn mask(headers: &[wire::Header], signers: &[wire::Signer]) -> EchoMask {
        EchoMask::from_wire(&wire::SubscriptionUpdate {
            headers: headers.to_vec(),
            signers: signers.to_vec(),
            ..Default::default()
        })
    }

    fn masked(mask: &EchoMask, text: &str) -> String {
        let mut text = text.as_bytes().to_vec();
        mask.mask(&mut text);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn an_echo_is_masked_wherever_it_stands() {
        let mask = mask(&[header("Bearer abcd/1234")], &[static_secret(&["old-one", "hush"])]);
        for (text, shown) in [
            ("you sent Bearer abcd/1234!", "you sent ****************!"),
            ("token=abcd/1234", "token=*********"),
            ("ABCD/1234", "*********"),
            (r#"{"token":"abcd\/1234"}"#, r#"{"token":"**********"}"#),
            ("x-secret: Key hush, Key old-one", "x-secret: Key ****, Key *******"),
            ("hushhush", "********"),
            ("nothing of it", "nothing of it"),
            ("", ""),
        ] {
            assert_eq!(masked(&mask, text), shown);
        }
        assert!(!format!("{mask:?}").contains("hush"));
    }

    #[test]
    fn what_the_end_cuts_is_masked_too() {
        let mask = mask(&[header("abcdefgh-1234")], &[]);
        assert_eq!(masked(&mask, "you sent abcdefgh-12"), "you sent ***********");
        assert_eq!(masked(&mask, "you sent abcd"), "you sent ****");
        assert_eq!(masked(&mask, "you sent abc"), "you sent abc");
        assert_eq!(masked(&mask, "abcdefgh-12 and more"), "abcdefgh-12 and more");
    }

    #[test]
    fn secrets_may_overlap() {
        let mask = mask(&[header("abcdefgh"), header("efghijkl")], &[]);
        assert_eq!(masked(&mask, "-abcdefghijkl-"), "-************-");
    }

    #[test]
    fn short_words_and_keys_that_only_sign_stay() {
        let signs = wire::Signer {
            scheme: Some(Scheme::StandardWebhooksV1(Default::default())),
            ..static_secret(&["signing-key"])
        };
        let mask = mask(&[header("true"), header("")], &[static_secret(&["abc"]), signs]);
        let text = r#"{"ok":true,"abc":"signing-key"}"#;
        assert_eq!(masked(&mask, text), text);
    }
}
