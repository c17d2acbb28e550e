//! Masks a subscription's secrets in what its receiver answers.
//!
//! Fed by `template` with a subscription's settings, and by the agent with parts of
//! answers; feeds it the same without the secrets that the request carried. Guarantees that
//! a length stays as it was, that the case of letters does not matter, that a secret which
//! the end of a text cuts is masked too, and that the time grows with the text alone,
//! whatever the secrets are. Secrets are wiped when dropped and never printed.
//!
//! What is masked is what is sent: values of the subscription's own headers, static secrets,
//! passwords and access tokens, as they stand or with the escapes of JSON. What a receiver
//! encodes in another way (base64, percent signs, JSON within JSON, a hash), takes apart or
//! turns round is not found.

mod automaton;
mod escapes;

use std::fmt;

use postrider_proto::agent::v1 as wire;
use postrider_proto::agent::v1::signer::Scheme;
use postrider_proto::agent::v1::subscription_update::Authorization;
use zeroize::Zeroizing;

use self::automaton::SecretAutomaton;
use self::escapes::read_unescaped;
use crate::authorization::basic_value;

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
    /// `None` if there are more than can be looked for: then nothing is shown. The control
    /// plane permits half of that.
    secrets: Option<SecretAutomaton>,
}

impl fmt::Debug for EchoMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EchoMask")
    }
}

impl EchoMask {
    /// Takes the secrets that requests by these settings carry, in force or not.
    pub fn from_wire(update: &wire::SubscriptionUpdate) -> Self {
        let mut secrets = Vec::new();
        let mut add = |secret: &[u8], least: usize| {
            if secret.len() >= least {
                secrets.push(Zeroizing::new(secret.to_vec()));
            }
        };
        for header in &update.headers {
            add(&header.value, MIN_HEADER_VALUE_BYTES);
            // As in `Bearer TOKEN`: a receiver may show the token alone.
            if let Some(last) = header.value.rsplit(|byte| *byte == b' ').next() {
                add(last, MIN_HEADER_VALUE_BYTES);
            }
        }
        for signer in &update.signers {
            if let Some(Scheme::StaticSecret(_)) = &signer.scheme {
                for key in &signer.keys {
                    add(&key.secret, MIN_SECRET_BYTES);
                }
            }
        }
        if let Some(Authorization::Basic(basic)) = &update.authorization {
            add(basic.password.as_bytes(), MIN_SECRET_BYTES);
            if let Ok(value) = basic_value(&basic.username, &basic.password) {
                add(value.as_bytes(), MIN_SECRET_BYTES);
                // Without the scheme.
                add(value.as_bytes().get(b"Basic ".len()..).unwrap_or_default(), MIN_SECRET_BYTES);
            }
        }
        Self { secrets: SecretAutomaton::build(secrets) }
    }

    /// Takes secrets of another kind: an access token, what a client proves itself with.
    pub fn of_secrets<'s>(secrets: impl IntoIterator<Item = &'s [u8]>) -> Self {
        let long = secrets.into_iter().filter(|secret| secret.len() >= MIN_SECRET_BYTES);
        let secrets = long.map(|secret| Zeroizing::new(secret.to_vec())).collect();
        Self { secrets: SecretAutomaton::build(secrets) }
    }

    /// Masks the secrets in a text.
    pub fn mask(&self, text: &mut [u8]) {
        let Some(secrets) = &self.secrets else {
            text.fill(MASK_BYTE);
            return;
        };
        if secrets.is_empty() {
            return;
        }
        // Found in the whole text first: one may overlap another. Read in both ways, since
        // a backslash may also be one of a secret's own.
        let mut search = secrets.search();
        for (at, byte) in text.iter().enumerate() {
            search.push(*byte, at..at + 1);
        }
        let mut found = search.finish(text.len(), MIN_SECRET_BYTES);
        if text.contains(&b'\\') {
            let mut search = secrets.search();
            read_unescaped(text, |byte, place| search.push(byte, place));
            found.extend(search.finish(text.len(), MIN_SECRET_BYTES));
        }
        for range in found {
            if let Some(secret) = text.get_mut(range) {
                secret.fill(MASK_BYTE);
            }
        }
    }

    /// The same for words, which stay words: a character of which a part is masked is
    /// replaced.
    pub fn mask_words(&self, words: String) -> String {
        let mut bytes = words.into_bytes();
        self.mask(&mut bytes);
        String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::automaton::MAX_SECRETS_BYTES;
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
    fn a_password_is_masked_in_both_forms() {
        let basic = wire::BasicAuthorization {
            username: "acme".to_owned(),
            password: "hush-hush".to_owned(),
        };
        let mask = EchoMask::from_wire(&wire::SubscriptionUpdate {
            authorization: Some(Authorization::Basic(basic)),
            ..Default::default()
        });
        assert_eq!(masked(&mask, "hush-hush of acme"), "********* of acme");
        assert_eq!(masked(&mask, "Basic YWNtZTpodXNoLWh1c2g="), "*".repeat(26));
        assert_eq!(masked(&mask, "YWNtZTpodXNoLWh1c2g="), "*".repeat(20));
        let token = EchoMask::of_secrets([&b"token-1"[..], b""]);
        assert_eq!(masked(&token, "it was token-1"), "it was *******");
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

    #[test]
    fn escapes_of_any_library_are_read() {
        let mask = mask(&[header(r#"k=<a>&'b'/"c\d"#), header("pässwörd-🧾")], &[]);
        for written in [
            r#"k=<a>&'b'/"c\d"#,
            r#"k=<a>&'b'/\"c\\d"#,
            r#"k=<a>&'b'\/\"c\\d"#,
            r#"k=\u003ca\u003e\u0026'b'/\"c\\d"#,
            r#"K\u003D\u003CA\u003E\u0026\u0027B\u0027/\u0022C\u005cD"#,
            "pässwörd-🧾",
            r"p\u00e4ssw\u00F6rd-\ud83e\uDDFE",
            r"p\xc3\xa4ssw\xC3\xB6rd-\xf0\x9f\xa7\xbe",
        ] {
            let stars = "*".repeat(written.len());
            assert_eq!(masked(&mask, &format!("{{{written}}}")), format!("{{{stars}}}"));
            // Nor is more shown where the end cuts it.
            for end in (15..written.len()).filter(|end| written.is_char_boundary(*end)) {
                assert_eq!(masked(&mask, &written[..end]), stars[..end], "{written}");
            }
        }
        for other in [r"\u00", r"\ud83e!", r"\ud83e\u0041", r"\udc00", r"\q\x4", r"a\", "\\"] {
            assert_eq!(masked(&mask, other), other);
        }
    }

    #[test]
    fn a_backslash_may_be_the_secrets_own() {
        let mask = mask(&[header(r"ab\u0041cd")], &[]);
        assert_eq!(masked(&mask, r"-ab\u0041cd-"), "-**********-");
        assert_eq!(masked(&mask, r"-ab\\u0041cd-"), "-***********-");
    }

    #[test]
    fn words_stay_words() {
        let part = wire::Header { name: "x".to_owned(), value: (&b"\xa9 secret"[..]).into() };
        let mask = mask(&[part], &[]);
        assert_eq!(mask.mask_words("é secret, é".to_owned()), "\u{fffd}********, é");
        assert_eq!(mask.mask_words("é".to_owned()), "é");
    }

    /// The worst that the control plane permits: secrets that differ in their last byte,
    /// and answers that begin all of them everywhere, or have one of them everywhere. It
    /// takes 0.1 s; each compared with each, half a minute for one text.
    #[test]
    fn the_longest_search_ends_soon() {
        let same = "a".repeat(1023);
        let start = Instant::now();
        for (lasts, is_first_masked) in [('b'..='q', false), ('a'..='p', true)] {
            let header = |last| {
                let value = format!("{same}{last}").into();
                wire::Header { name: "x-one".to_owned(), value }
            };
            let mask = mask(&lasts.map(header).collect::<Vec<_>>(), &[]);
            for piece in ["a", r"\x61", r"\u0061"] {
                let masked = masked(&mask, &piece.repeat(64 * 1024 / piece.len()));
                assert_eq!(masked.starts_with('*'), is_first_masked);
                assert!(masked.ends_with('*'));
            }
        }
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }

    #[test]
    fn what_is_too_much_to_be_looked_for_is_not_shown() {
        let sized = |bytes| {
            let value = "s".repeat(bytes).into();
            mask(&[wire::Header { name: "x-one".to_owned(), value }], &[])
        };
        assert_eq!(masked(&sized(MAX_SECRETS_BYTES), "nothing of it"), "nothing of it");
        assert_eq!(masked(&sized(MAX_SECRETS_BYTES + 1), "nothing"), "*******");
    }

    proptest! {
        /// The automaton finds what a comparison of each with each finds.
        #[test]
        fn everything_is_found(
            secrets in prop::collection::vec("[abAB]{8,12}", 0..6),
            text in "[abAB]{0,80}",
        ) {
            let header = |value: &String| {
                wire::Header { name: "x-one".to_owned(), value: value.clone().into() }
            };
            let headers: Vec<_> = secrets.iter().map(header).collect();
            let mut shown = text.clone().into_bytes();
            for secret in &secrets {
                for at in 0..text.len() {
                    let length = secret.len().min(text.len() - at);
                    let there = &text[at..at + length];
                    if length >= MIN_SECRET_BYTES && secret[..length].eq_ignore_ascii_case(there) {
                        shown[at..at + length].fill(MASK_BYTE);
                    }
                }
            }
            prop_assert_eq!(masked(&mask(&headers, &[]), &text).into_bytes(), shown);
        }
    }
}
