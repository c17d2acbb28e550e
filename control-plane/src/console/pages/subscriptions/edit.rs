//! Creating and changing a subscription.
//!
//! Fed by `route` with requests; feeds the API with what the form tells, and shows the form again
//! with what is wrong. Guarantees that a form which is sent twice makes one subscription, that a
//! change counts only for what was shown (etag), and that a secret is shown once, in the answer
//! to the request that made it.

use postrider_identity::Permission;
use postrider_proto::v1;
use tonic::{Code, Status};

use super::actions::{self, CREATE_PATH};
use super::event_choice::EventChoice;
use super::form_page::{self, SubscriptionForm};
use super::form_reading::{self, UPDATED_FIELDS};
use super::form_values::FormValues;
use super::secrets;
use crate::console::answers::{Answer, Flash, Page};
use crate::console::failure::{FormErrors, PageFailure};
use crate::console::pages::crumbs;
use crate::console::visit::{Visit, path};

/// Before fields in what the API says of them.
const FIELD_PREFIX: &str = "subscription.";

/// The form of a new subscription.
pub async fn offer(visit: &Visit, tenant: &str) -> Result<Answer, PageFailure> {
    // As the server makes one; given here, so that it is the same if the form is sent again.
    let id = format!("sub-{:024x}", rand::random::<u128>() >> 32);
    form_of_new(visit, tenant, id, FormValues::of_new(), &FormErrors::default()).await
}

pub async fn create(visit: &Visit, tenant: &str) -> Result<Answer, PageFailure> {
    let id = visit.request.form("subscription_id").to_owned();
    let values = FormValues::sent(&visit.request);
    let mut errors = FormErrors::default();
    let subscription = form_reading::read(&values, &mut errors);
    if is_drawn_only(visit) || !errors.is_empty() {
        return form_of_new(visit, tenant, id, values, &errors).await;
    }
    let request = v1::CreateSubscriptionRequest {
        parent: format!("tenants/{tenant}"),
        subscription_id: id.clone(),
        subscription: Some(subscription),
    };
    let created = visit.calls.subscriptions().create_subscription(request).await;
    match created.map(tonic::Response::into_inner) {
        Ok(created) => Ok(secrets::made(visit, tenant, &created, "Your new subscription")),
        // The form was sent before; its secret was shown then.
        Err(status) if status.code() == Code::AlreadyExists => {
            Ok(Answer::See(path(&["tenants", tenant, "subscriptions", &id]), None))
        }
        Err(status) => {
            let errors = form_errors(status)?;
            form_of_new(visit, tenant, id, values, &errors).await
        }
    }
}

async fn form_of_new(
    visit: &Visit,
    tenant: &str,
    id: String,
    mut values: FormValues,
    errors: &FormErrors,
) -> Result<Answer, PageFailure> {
    // Nothing else here asks for the tenant, which may not be there.
    let request = v1::GetTenantRequest { name: format!("tenants/{tenant}") };
    visit.calls.tenants().get_tenant(request).await?;
    visit.require(Permission::WriteSubscriptions, tenant)?;
    let events = EventChoice::read(visit).await?;
    events.settle(&mut values);
    let form = SubscriptionForm {
        action: path(&["tenants", tenant, CREATE_PATH]),
        back: path(&["tenants", tenant, "subscriptions"]),
        hidden: ("subscription_id", id),
        is_new: true,
        may_set_status: true,
        values: &values,
        errors,
    };
    let page = Page::new("Create a subscription", form_page::show(visit, &form, &events));
    let page = crumbs::in_list(visit, page, tenant, ("Subscriptions", "subscriptions"));
    Ok(if errors.is_empty() { page } else { page.with_errors() }.into())
}

/// The form of one that is there.
pub async fn show(visit: &Visit, tenant: &str, id: &str) -> Result<Answer, PageFailure> {
    let found = actions::find(visit, tenant, id).await?;
    let values = FormValues::of(&found);
    form_of(visit, tenant, id, found.etag, values, &FormErrors::default()).await
}

pub async fn save(visit: &Visit, tenant: &str, id: &str) -> Result<Answer, PageFailure> {
    let etag = visit.request.form("etag").to_owned();
    let values = FormValues::sent(&visit.request);
    let mut errors = FormErrors::default();
    let mut given = form_reading::read(&values, &mut errors);
    if is_drawn_only(visit) || !errors.is_empty() {
        return form_of(visit, tenant, id, etag, values, &errors).await;
    }
    given.name = format!("tenants/{tenant}/subscriptions/{id}");
    given.etag.clone_from(&etag);
    match change(visit, tenant, given, &values).await {
        Ok(()) => {
            let target = path(&["tenants", tenant, "subscriptions", id]);
            Ok(Answer::See(target, Some(Flash::Saved)))
        }
        Err(status) => {
            let errors = form_errors(status)?;
            form_of(visit, tenant, id, etag, values, &errors).await
        }
    }
}

/// Changes the settings, and then the status if another one is wanted.
async fn change(
    visit: &Visit,
    tenant: &str,
    given: v1::Subscription,
    values: &FormValues,
) -> Result<(), Status> {
    let mut paths: Vec<String> = UPDATED_FIELDS.iter().map(|field| (*field).to_owned()).collect();
    if !given.signature_schemes.is_empty() {
        paths.push("signature_schemes".to_owned());
    }
    let request = v1::UpdateSubscriptionRequest {
        subscription: Some(given),
        update_mask: Some(prost_types::FieldMask { paths }),
    };
    let changed = visit.calls.subscriptions().update_subscription(request).await?.into_inner();
    let wanted = form_reading::status(values);
    if wanted == changed.status() || !visit.may_in(Permission::SetSubscriptionStatus, tenant) {
        return Ok(());
    }
    actions::set_status(visit, changed.name, changed.etag, wanted).await
}

async fn form_of(
    visit: &Visit,
    tenant: &str,
    id: &str,
    etag: String,
    mut values: FormValues,
    errors: &FormErrors,
) -> Result<Answer, PageFailure> {
    visit.require(Permission::WriteSubscriptions, tenant)?;
    let events = EventChoice::read(visit).await?;
    events.settle(&mut values);
    let form = SubscriptionForm {
        action: path(&["tenants", tenant, "subscriptions", id, "edit"]),
        back: path(&["tenants", tenant, "subscriptions", id]),
        hidden: ("etag", etag),
        is_new: false,
        may_set_status: visit.may_in(Permission::SetSubscriptionStatus, tenant),
        values: &values,
        errors,
    };
    let page = Page::new("Edit the subscription", form_page::show(visit, &form, &events));
    let name = crumbs::subscription_name(visit, tenant, id).await;
    let page = crumbs::in_named_subscription(visit, page, tenant, (id, &name));
    Ok(if errors.is_empty() { page } else { page.with_errors() }.into())
}

/// Whether the form is only to be shown again, with its timetable.
fn is_drawn_only(visit: &Visit) -> bool {
    visit.request.form("do") == "draw"
}

/// What is wrong with a form; other failures are pages of their own.
fn form_errors(status: Status) -> Result<FormErrors, PageFailure> {
    let is_of_form = [
        Code::InvalidArgument,
        Code::FailedPrecondition,
        Code::ResourceExhausted,
        Code::Aborted,
        Code::Unavailable,
    ];
    if is_of_form.contains(&status.code()) {
        Ok(FormErrors::of(&status, FIELD_PREFIX))
    } else {
        Err(status.into())
    }
}
