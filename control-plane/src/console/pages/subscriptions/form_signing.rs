//! How webhooks are signed, as a part of the form of a subscription.
//!
//! Fed by `form_page`; feeds it markup. Fields of a way that is not chosen are hidden by the style
//! sheet, and are not read.

use maud::{Markup, html};

use super::form_values::{FormValues, KEPT_SCHEMES, SIGNING_FIELD};
use crate::console::components::forms::{self, TextField};
use crate::console::failure::FormErrors;

type SigningChoice = (&'static str, &'static str);

const WAYS: [SigningChoice; 7] = [
    ("v1", "Standard Webhooks: HMAC with a shared secret (v1)"),
    ("v1a", "Standard Webhooks: ed25519, which receivers verify with a public key (v1a)"),
    ("both", "Standard Webhooks: both (v1 and v1a)"),
    ("hmac", "HMAC in a header of your choice"),
    ("stripe", "As Stripe signs"),
    ("static", "The secret itself in a header; proves nothing about the body"),
    ("none", "Not at all"),
];
const HASHES: [SigningChoice; 2] =
    [("HMAC_HASH_SHA256", "SHA-256"), ("HMAC_HASH_SHA512", "SHA-512")];
const ENCODINGS: [SigningChoice; 2] =
    [("SIGNATURE_ENCODING_HEX", "Hexadecimal"), ("SIGNATURE_ENCODING_BASE64", "Base64")];
const ROTATIONS: [SigningChoice; 2] = [
    ("KEY_ROTATION_EACH_KEY", "The header once for each key"),
    ("KEY_ROTATION_NEWEST_KEY", "The newest key alone"),
];
const SECRET_OF_NEW: &str = "A secret of your own choice. Leave it empty, and one is made and \
                             shown once.";
const SECRET_OF_OLD: &str = "Needed only where the URL comes to name another host and the secret \
                             itself is sent: type the one in force again. To get another, rotate \
                             it.";

/// The section. A new subscription has no schemes that could be kept.
pub fn section(values: &FormValues, errors: &FormErrors, is_new: bool) -> Markup {
    let mut ways = choices(&WAYS);
    if values.text(SIGNING_FIELD) == KEPT_SCHEMES && !is_new {
        ways.insert(0, (KEPT_SCHEMES.to_owned(), "As it is: several ways together".to_owned()));
    }
    let secret = TextField {
        name: "signing_secret",
        label: "Secret",
        value: values.text("signing_secret"),
        hint: if is_new { SECRET_OF_NEW } else { SECRET_OF_OLD },
        ..TextField::default()
    };
    let signing = (SIGNING_FIELD, "Signature", "How receivers recognise what is yours.");
    html! {
        fieldset.part.signing {
            legend { "Signing" }
            @if let Some(problem) = errors.of_field("signature_schemes") {
                p.error { (problem) }
            }
            (forms::select_field(signing, &ways, values.text(SIGNING_FIELD), errors))
            div.when-hmac { (hmac(values, errors)) }
            div.when-static { (static_secret(values, errors)) }
            div.when-stripe {
                (text(values, errors, "signature_schemes[0].stripe.header", "Header",
                    "Empty: stripe-signature"))
            }
            div.when-secret { (forms::text_field(secret, errors)) }
        }
    }
}

fn hmac(values: &FormValues, errors: &FormErrors) -> Markup {
    html! {
        div.fields {
            (text(values, errors, "signature_schemes[0].hmac.header", "Header", "As x-signature"))
            (text(values, errors, "signature_schemes[0].hmac.prefix", "Before the signature",
                "As sha256="))
            (select(values, errors, ("signature_schemes[0].hmac.hash", "Hash"), &HASHES))
            (select(values, errors, ("signature_schemes[0].hmac.encoding", "Written as"), &ENCODINGS))
            (text(values, errors, "signature_schemes[0].hmac.timestamp.header", "Header of the time",
                "Empty: the time is not signed"))
            (text(values, errors, "signature_schemes[0].hmac.timestamp.separator",
                "Between time and body", ""))
            (select(values, errors, ("signature_schemes[0].hmac.rotation", "While keys change"),
                &ROTATIONS))
        }
    }
}

fn static_secret(values: &FormValues, errors: &FormErrors) -> Markup {
    html! {
        div.fields {
            (text(values, errors, "signature_schemes[0].static_secret.header", "Header", ""))
            (text(values, errors, "signature_schemes[0].static_secret.prefix", "Before the secret",
                "As Bearer and a space"))
            (select(values, errors,
                ("signature_schemes[0].static_secret.rotation", "While keys change"), &ROTATIONS))
        }
    }
}

fn text(values: &FormValues, errors: &FormErrors, name: &str, label: &str, hint: &str) -> Markup {
    let field = TextField { name, label, value: values.text(name), hint, ..TextField::default() };
    forms::text_field(field, errors)
}

fn select(
    values: &FormValues,
    errors: &FormErrors,
    (name, label): (&str, &str),
    among: &[SigningChoice],
) -> Markup {
    forms::select_field((name, label, ""), &choices(among), values.text(name), errors)
}

fn choices(among: &[SigningChoice]) -> Vec<(String, String)> {
    among.iter().map(|(value, words)| ((*value).to_owned(), (*words).to_owned())).collect()
}
