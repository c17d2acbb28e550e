//! Signing keys: rotated, revoked, and a secret that is shown once.
//!
//! Fed by `route` and `edit`; feeds them pages. Guarantees that a secret stands in the answer to
//! the request that made it and nowhere else. Reloading that page sends the form again, with an
//! etag that no longer holds, so that it makes no other key.

use maud::{Markup, html};
use postrider_identity::Permission;
use postrider_proto::v1::{self, SigningKeyKind};

use super::actions;
use crate::console::answers::{Answer, Flash, Page};
use crate::console::components::forms::{self, Confirmation, TextField};
use crate::console::components::{tables, times};
use crate::console::failure::{FormErrors, PageFailure};
use crate::console::pages::crumbs;
use crate::console::values::typed_span;
use crate::console::visit::{Visit, id_of, path};

/// Of the page that asks, and of its form.
const KEY_PARAMETER: &str = "key_id";
const GRACE_FIELD: &str = "grace_period";
const DEFAULT_GRACE: &str = "24h";
const KINDS: [(&str, &str); 4] = [
    ("SIGNING_KEY_KIND_UNSPECIFIED", "As the signature needs it"),
    ("SIGNING_KEY_KIND_STANDARD", "Standard Webhooks (whsec_…)"),
    ("SIGNING_KEY_KIND_TEXT", "A text, as HMAC, Stripe and a secret in a header use it"),
    ("SIGNING_KEY_KIND_ED25519", "An ed25519 key, of which the public half is shown"),
];

/// What the form of a rotation has in it.
struct RotationForm {
    etag: String,
    grace: String,
    kind: String,
    secret: String,
}

/// The page after a secret was made: shown this once, with what is probably a mistake.
pub fn made(visit: &Visit, tenant: &str, subscription: &v1::Subscription, title: &str) -> Answer {
    let id = id_of(&subscription.name);
    let target = path(&["tenants", tenant, "subscriptions", id]);
    let body = html! {
        @if subscription.signing_secret.is_empty() {
            p { "There is no secret to keep: receivers verify with the public key." }
            (keys(visit, tenant, subscription))
        } @else {
            (forms::shown_once("Signing secret", &subscription.signing_secret))
        }
        @for warning in &subscription.warnings {
            p.warning role="status" { (warning.field) ": " (warning.description) }
        }
        div.buttons {
            a.button.primary href=(target) { "To the subscription" }
            @if visit.may_in(Permission::TestSubscriptions, tenant) {
                a.button href=(path(&["tenants", tenant, "subscriptions", id, "test"])) {
                    "Send a test"
                }
            }
        }
    };
    let page = Page::new(title, body);
    crumbs::in_list(visit, page, tenant, ("Subscriptions", "subscriptions")).into()
}

/// The keys in force, each with a way to revoke it.
pub fn keys(visit: &Visit, tenant: &str, subscription: &v1::Subscription) -> Markup {
    let id = id_of(&subscription.name);
    let target = path(&["tenants", tenant, "subscriptions", id, "revoke"]);
    let may = visit.may_in(Permission::WriteSigningKeys, tenant);
    let row = |key: &v1::SigningKey| {
        let kind = match key.kind() {
            SigningKeyKind::Standard => "Standard Webhooks",
            SigningKeyKind::Text => "Text",
            SigningKeyKind::Ed25519 => "ed25519",
            SigningKeyKind::Unspecified => "Unknown",
        };
        vec![
            html! { code { (key.id) } },
            html! { (kind) @if !key.public_key.is_empty() { " " code { (key.public_key) } } },
            times::time(key.create_time, visit.now),
            times::time(key.expire_time, visit.now),
            html! {
                @if may {
                    a.button href={ (target) "?" (KEY_PARAMETER) "=" (key.id) } { "Revoke" }
                }
            },
        ]
    };
    let rows: Vec<_> = subscription.signing_keys.iter().map(row).collect();
    let columns = ["Key", "Kind", "Since", "Signs until", "Actions"];
    tables::table("Signing keys", &columns, &rows, "It has no keys.")
}

/// The form of a rotation.
pub async fn show(visit: &Visit, tenant: &str, id: &str) -> Result<Answer, PageFailure> {
    let found = actions::find(visit, tenant, id).await?;
    visit.require(Permission::WriteSigningKeys, tenant)?;
    let form = RotationForm {
        etag: found.etag,
        grace: DEFAULT_GRACE.to_owned(),
        kind: String::new(),
        secret: String::new(),
    };
    Ok(rotation_page(visit, tenant, id, &form, &FormErrors::default()).await)
}

async fn rotation_page(
    visit: &Visit,
    tenant: &str,
    id: &str,
    form: &RotationForm,
    errors: &FormErrors,
) -> Answer {
    let owned = |(value, words): &(&str, &str)| ((*value).to_owned(), (*words).to_owned());
    let kinds: Vec<(String, String)> = KINDS.iter().map(owned).collect();
    let grace = TextField {
        name: GRACE_FIELD,
        label: "The old key goes on signing for",
        value: &form.grace,
        hint: "0s, which ends it at once, to 7d. Until then every webhook has a signature by each.",
        ..TextField::default()
    };
    let secret = TextField {
        name: "signing_secret",
        label: "New secret",
        value: &form.secret,
        hint: "Of your own choice. Leave it empty, and one is made and shown once.",
        ..TextField::default()
    };
    let fields = html! {
        (forms::problems(errors, &[GRACE_FIELD, "kind", "signing_secret"]))
        input type="hidden" name="etag" value=(form.etag);
        (forms::text_field(grace, errors))
        (forms::text_field(secret, errors))
        (forms::select_field(("kind", "Kind", ""), &kinds, &form.kind, errors))
        div.buttons {
            button.primary type="submit" { "Rotate" }
            a.button href=(path(&["tenants", tenant, "subscriptions", id])) { "Cancel" }
        }
    };
    let target = path(&["tenants", tenant, "subscriptions", id, "rotate"]);
    let page = Page::new("Rotate the secret", forms::form(visit, &target, fields));
    let name = crumbs::subscription_name(visit, tenant, id).await;
    let page = crumbs::in_named_subscription(visit, page, tenant, (id, &name));
    if errors.is_empty() { page } else { page.with_errors() }.into()
}

pub async fn rotate(visit: &Visit, tenant: &str, id: &str) -> Result<Answer, PageFailure> {
    let text = |name: &str| visit.request.form(name).trim().to_owned();
    let form = RotationForm {
        etag: text("etag"),
        grace: text(GRACE_FIELD),
        kind: text("kind"),
        secret: text("signing_secret"),
    };
    visit.require(Permission::WriteSigningKeys, tenant)?;
    let mut errors = FormErrors::default();
    let grace_period = match form.grace.as_str() {
        "" => None,
        grace => typed_span(grace).map_err(|problem| errors.add(GRACE_FIELD, problem)).ok(),
    };
    if !errors.is_empty() {
        return Ok(rotation_page(visit, tenant, id, &form, &errors).await);
    }
    let request = v1::RotateSigningSecretRequest {
        name: format!("tenants/{tenant}/subscriptions/{id}"),
        grace_period,
        signing_secret: form.secret.clone(),
        etag: form.etag.clone(),
        kind: SigningKeyKind::from_str_name(&form.kind).unwrap_or_default().into(),
    };
    match visit.calls.subscriptions().rotate_signing_secret(request).await {
        Ok(rotated) => {
            let subscription = rotated.into_inner().subscription.unwrap_or_default();
            Ok(made(visit, tenant, &subscription, "The new secret"))
        }
        Err(status) if status.code() == tonic::Code::InvalidArgument => {
            let errors = FormErrors::of(&status, "");
            Ok(rotation_page(visit, tenant, id, &form, &errors).await)
        }
        Err(status) => Err(status.into()),
    }
}

/// Asks before a key is revoked, which ends it at once.
pub async fn ask_to_revoke(visit: &Visit, tenant: &str, id: &str) -> Result<Answer, PageFailure> {
    let found = actions::find(visit, tenant, id).await?;
    visit.require(Permission::WriteSigningKeys, tenant)?;
    let key_id = visit.request.query(KEY_PARAMETER);
    if !found.signing_keys.iter().any(|key| key.id == key_id) {
        return Err(PageFailure::NotFound);
    }
    let told = html! {
        p {
            "The key " code { (key_id) } " of " strong { (actions::name_of(&found)) } " signs \
             nothing from now on: receivers that know no other key refuse what comes. This cannot \
             be undone."
        }
    };
    let asked = Confirmation {
        action: &path(&["tenants", tenant, "subscriptions", id, "revoke"]),
        back: &path(&["tenants", tenant, "subscriptions", id]),
        hidden: &[("etag", found.etag.as_str()), (KEY_PARAMETER, key_id)],
        yes: "Revoke",
        no: "Keep it",
    };
    let body = forms::confirmation(visit, asked, told);
    let page = Page::new("Revoke this signing key?", body);
    Ok(crumbs::in_subscription(visit, page, tenant, &found).into())
}

pub async fn revoke(visit: &Visit, tenant: &str, id: &str) -> Result<Answer, PageFailure> {
    let request = v1::RevokeSigningKeyRequest {
        name: format!("tenants/{tenant}/subscriptions/{id}"),
        key_id: visit.request.form(KEY_PARAMETER).to_owned(),
        etag: visit.request.form("etag").to_owned(),
    };
    visit.calls.subscriptions().revoke_signing_key(request).await?;
    Ok(Answer::See(path(&["tenants", tenant, "subscriptions", id]), Some(Flash::Revoked)))
}
