//! Creates, updates and deletes subscriptions, and changes their status, for
//! `SubscriptionService`.

use std::time::Duration;

use postrider_domain::ids::{OrderedKey, SubscriptionId, TenantId};
use postrider_domain::limits;
use postrider_domain::subscription::{
    DeliveryOrdering, ExhaustedKeyPolicy, Subscription, SubscriptionConfig, SubscriptionStatus,
};
use postrider_domain::time::{StoppedClock, Timestamp};
use postrider_identity::AuditFields;
use postrider_proto::v1;
use postrider_store::WriteError;
use tonic::Status;

use crate::api::event_types::checks;
use crate::api::rpc::caller::Caller;
use crate::api::rpc::errors::{self, ErrorReason, FieldViolations, ResourceKind};
use crate::api::rpc::spans;
use crate::api::subscriptions::conversion::{apply, fields, region, status_from, with_secret};
use crate::api::subscriptions::handler::{SubscriptionApi, key};
use crate::api::subscriptions::moved_secrets::require_values_again;
use crate::api::subscriptions::receiver_credentials::refuse_expired;
use crate::api::subscriptions::regions::require_region;
use crate::api::subscriptions::stored::{
    UnchangedPolicy, change_subscription, delete_subscription, require_live_subscription,
};
use crate::api::subscriptions::warnings::with_warnings;
use crate::api::subscriptions::{fixed_fields, signing_keys};
use crate::api::tenants::stored::{read_tenant, require_live_tenant};
use crate::api::values::masks::UpdateMask;
use crate::api::values::time::span;
use crate::api::values::wiped::WipedRequest;
use crate::api::values::{names, validate};
use crate::audited_fields;
use crate::state::context::ReplicaContext;

/// A day for a receiver to take the new key over.
const DEFAULT_GRACE_PERIOD: Duration = Duration::from_secs(86_400);
/// Over a holiday; longer is two keys for good.
const MAX_GRACE_PERIOD: Duration = Duration::from_secs(7 * 86_400);

/// A request to set another status.
pub(in crate::api) struct StatusChange {
    pub status: SubscriptionStatus,
    pub name: String,
    pub etag: String,
    pub reason: String,
}

/// The tenant has as many as a tenant may have.
fn too_many(context: &ReplicaContext, tenant: &TenantId, most: usize) -> Status {
    const SETTING: &str = "api.max_subscriptions_per_tenant";
    context.metrics.limits().reached(SETTING);
    let name = names::of_tenant(tenant);
    let message = format!("{name} has {most} subscriptions ({SETTING})");
    errors::limit_reached(ErrorReason::TooManySubscriptions, message, SETTING)
}

impl SubscriptionApi {
    pub(in crate::api) async fn create(
        &self,
        request: WipedRequest<v1::CreateSubscriptionRequest>,
        caller: &Caller,
    ) -> Result<v1::Subscription, Status> {
        let given = errors::required("subscription", request.subscription.as_ref())?;
        let mut violations = FieldViolations::default();
        let tenant = violations.keep("parent", names::tenant(&request.parent));
        let id = violations.keep("subscription_id", chosen_id(&request.subscription_id));
        let known = tenant.as_ref();
        // The tenant decides whether http:// is allowed; without a tenant nothing is.
        let allow_insecure_urls = match known {
            Some(tenant) => require_live_tenant(&self.context, tenant).await?.allow_insecure_urls,
            None => false,
        };
        let now = self.context.clock.now();
        let new =
            new_subscription(tenant.zip(id), given, allow_insecure_urls, now, &mut violations);
        checks::require_known_types(&self.context, &given.event_types, &mut violations).await?;
        let new = violations.finish(new)?;
        spans::record_in_span("tenant", &new.tenant);
        spans::record_in_span("subscription", &new.id);
        require_region(&self.context, &new.tenant, &new.settings.region).await?;
        let key = new.key();
        let most = self.context.settings.api.max_subscriptions_per_tenant;
        let after = audited_fields::of_subscription(&new);
        let audit = caller.record(&key, now).with_changes(&AuditFields::none(), &after);
        let created = match self.context.tenants.create_subscription(new, most, &audit).await {
            Ok(created) => created,
            Err(WriteError::TooMany) => return Err(too_many(&self.context, &key.tenant, most)),
            // The tenant was deleted between the check and the write.
            Err(WriteError::NotFound) => {
                return Err(errors::deleted(ResourceKind::Tenant, &names::of_tenant(&key.tenant)));
            }
            Err(error) => return Err(errors::write(error, ResourceKind::Subscription, &key)),
        };
        spans::log_change(&caller.who, "subscription created", &key);
        let kind = signing_keys::main_kind(&created.settings.schemes).unwrap_or_default();
        let shown = with_warnings(self.show(&created), &created, &self.context);
        Ok(with_secret(shown, &created, kind))
    }

    pub(in crate::api) async fn update(
        &self,
        request: WipedRequest<v1::UpdateSubscriptionRequest>,
        caller: &Caller,
    ) -> Result<v1::Subscription, Status> {
        let given = errors::required("subscription", request.subscription.as_ref())?;
        let mut violations = FieldViolations::default();
        let named = violations.keep("subscription.name", names::subscription(&given.name));
        let elsewhere = fixed_fields::SUBSCRIPTION_FIELDS;
        let mask = UpdateMask::read(
            request.update_mask.as_ref(),
            &fields(given),
            elsewhere,
            &mut violations,
        );
        if mask.has("event_types") {
            checks::require_known_types(&self.context, &given.event_types, &mut violations).await?;
        }
        let key = violations.finish(named)?;
        spans::record_in_span("tenant", &key.tenant);
        spans::record_in_span("subscription", &key.subscription);
        if mask.has("region") {
            // What is no region is told with the other fields.
            let mut violations = FieldViolations::default();
            let region = region(&given.region, &mut violations);
            if violations.check().is_ok() {
                require_region(&self.context, &key.tenant, &region).await?;
            }
        }
        let allow_insecure_urls = (mask.has("url") || mask.has("credentials"))
            && read_tenant(&self.context, &key.tenant).await?.allow_insecure_urls;
        let now = self.context.clock.now();
        let changed = change_subscription(
            &self.context,
            &key,
            &given.etag,
            caller,
            UnchangedPolicy::Skip,
            |subscription| {
                let mut violations = FieldViolations::default();
                if mask.is_whole() {
                    fixed_fields::in_subscription(given, subscription, now, &mut violations);
                }
                let before = subscription.settings.clone();
                let settings = &mut subscription.settings;
                apply(settings, given, &mask, allow_insecure_urls, &mut violations);
                if mask.has("credentials") {
                    refuse_expired(given.credentials.as_ref(), settings, now, &mut violations);
                }
                let there = &*subscription;
                require_values_again(&before, there, given, &mask, now, &mut violations);
                signing_keys::require_key_for_each_scheme(subscription, now, &mut violations);
                violations.check()
            },
        )
        .await?;
        if changed.written {
            spans::log_change(&caller.who, "subscription updated", &key);
        }
        // Even if nothing was written: the call that wrote it may have failed before
        // this step.
        if (mask.has("ordering") || mask.has("exhausted_key_policy"))
            && !holds_keys(&changed.now.settings)
        {
            let released = self.flow.ordering_keys.release_ordering_keys(&key).await;
            released.map_err(errors::store)?;
        }
        Ok(with_warnings(self.show(&changed.now), &changed.now, &self.context))
    }

    pub(in crate::api) async fn delete(
        &self,
        request: v1::DeleteSubscriptionRequest,
        caller: &Caller,
    ) -> Result<v1::DeleteSubscriptionResponse, Status> {
        let key = key(&request.name)?;
        let cancelled = delete_subscription(&self.context, &key, &request.etag, caller).await?;
        spans::log_change(&caller.who, "subscription deleted", &key);
        let cancelled_deliveries = i64::try_from(cancelled).unwrap_or(i64::MAX);
        Ok(v1::DeleteSubscriptionResponse { cancelled_deliveries })
    }

    pub(in crate::api) async fn set_status(
        &self,
        wanted: StatusChange,
        caller: &Caller,
    ) -> Result<v1::Subscription, Status> {
        let mut violations = FieldViolations::default();
        let named = violations.keep("name", names::subscription(&wanted.name));
        validate::reason(&wanted.reason, &mut violations);
        let key = violations.finish(named)?;
        spans::record_in_span("tenant", &key.tenant);
        spans::record_in_span("subscription", &key.subscription);
        let now = self.context.clock.now();
        // Enabling also asks for an attempt at once; agents and owners learn it from
        // the new version.
        let idle = match wanted.status {
            SubscriptionStatus::Enabled => UnchangedPolicy::Write,
            SubscriptionStatus::Paused | SubscriptionStatus::Disabled => UnchangedPolicy::Skip,
        };
        let changed =
            change_subscription(&self.context, &key, &wanted.etag, caller, idle, |subscription| {
                subscription.set_status(wanted.status, wanted.reason.as_str(), now);
                Ok(())
            })
            .await?;
        let what = match wanted.status {
            SubscriptionStatus::Enabled => "subscription enabled",
            SubscriptionStatus::Paused => "subscription paused",
            SubscriptionStatus::Disabled => "subscription disabled",
        };
        if changed.written {
            spans::log_change(&caller.who, what, &key);
        }
        Ok(self.show(&changed.now))
    }

    pub(in crate::api) async fn rotate(
        &self,
        request: WipedRequest<v1::RotateSigningSecretRequest>,
        caller: &Caller,
    ) -> Result<v1::RotateSigningSecretResponse, Status> {
        let mut violations = FieldViolations::default();
        let named = violations.keep("name", names::subscription(&request.name));
        let grace = match &request.grace_period {
            None => DEFAULT_GRACE_PERIOD,
            Some(grace) => span(grace).unwrap_or(Duration::MAX),
        };
        if grace > MAX_GRACE_PERIOD {
            violations.add("grace_period", "must be 0 s to 7 d");
        }
        let kind = signing_keys::read_key_kind(request.kind, &mut violations);
        let key = violations.finish(named)?;
        spans::record_in_span("tenant", &key.tenant);
        spans::record_in_span("subscription", &key.subscription);
        let now = self.context.clock.now();
        let changed = change_subscription(
            &self.context,
            &key,
            &request.etag,
            caller,
            UnchangedPolicy::Write,
            |subscription| {
                signing_keys::rotate_keys(subscription, kind, &request.signing_secret, grace, now)
            },
        )
        .await?;
        spans::log_change(&caller.who, "signing secret rotated", &key);
        let kind = kind.or_else(|| signing_keys::main_kind(&changed.now.settings.schemes));
        let kind = kind.unwrap_or_default();
        let shown = with_warnings(self.show(&changed.now), &changed.now, &self.context);
        let subscription = Some(with_secret(shown, &changed.now, kind));
        Ok(v1::RotateSigningSecretResponse { subscription })
    }

    pub(in crate::api) async fn release_key(
        &self,
        request: v1::ReleaseOrderingKeyRequest,
        caller: &Caller,
    ) -> Result<v1::ReleaseOrderingKeyResponse, Status> {
        let mut violations = FieldViolations::default();
        let named = violations.keep("name", names::subscription(&request.name));
        if request.ordering_key.is_empty() {
            violations.add("ordering_key", "is missing");
        }
        let most = limits::MAX_ORDERING_KEY_BYTES.max(limits::MAX_ACCOUNT_BYTES);
        validate::bytes("ordering_key", &request.ordering_key, most, &mut violations);
        let subscription = violations.finish(named)?;
        spans::record_in_span("tenant", &subscription.tenant);
        spans::record_in_span("subscription", &subscription.subscription);
        require_live_subscription(&self.context, &subscription).await?;
        let key = OrderedKey { subscription, key: request.ordering_key };
        let mut held = AuditFields::none();
        held.text("held_ordering_key", &key.key);
        let audit = caller.record(&key.subscription, self.context.clock.now());
        let audit = audit.with_changes(&held, &AuditFields::none());
        let released = self
            .flow
            .ordering_keys
            .release_ordering_key(key.clone(), &audit)
            .await
            .map_err(errors::store)?;
        if released {
            spans::log_change(&caller.who, "ordering key released", &key.subscription);
        }
        Ok(v1::ReleaseOrderingKeyResponse { released })
    }

    pub(in crate::api) async fn revoke(
        &self,
        request: v1::RevokeSigningKeyRequest,
        caller: &Caller,
    ) -> Result<v1::Subscription, Status> {
        let mut violations = FieldViolations::default();
        let named = violations.keep("name", names::subscription(&request.name));
        if request.key_id.is_empty() {
            violations.add("key_id", "is missing");
        }
        let key = violations.finish(named)?;
        spans::record_in_span("tenant", &key.tenant);
        spans::record_in_span("subscription", &key.subscription);
        let now = self.context.clock.now();
        let changed = change_subscription(
            &self.context,
            &key,
            &request.etag,
            caller,
            UnchangedPolicy::Write,
            |subscription| signing_keys::revoke_key(subscription, &request.key_id, now),
        )
        .await?;
        spans::log_change(&caller.who, "signing key revoked", &key);
        Ok(self.show(&changed.now))
    }
}

/// Whether exhausted deliveries hold ordering keys of this subscription.
fn holds_keys(settings: &SubscriptionConfig) -> bool {
    settings.ordering == DeliveryOrdering::PerKey
        && settings.exhausted_key == ExhaustedKeyPolicy::Hold
}

/// The caller's id, or a generated one.
fn chosen_id(given: &str) -> Result<SubscriptionId, postrider_domain::ids::IdError> {
    if given.is_empty() {
        Ok(SubscriptionId::from_stored(format!("sub-{:024x}", rand::random::<u128>() >> 32)))
    } else {
        given.parse()
    }
}

/// Builds a new subscription. Collects every violation, even if the name is invalid.
pub(in crate::api) fn new_subscription(
    named: Option<(TenantId, SubscriptionId)>,
    given: &v1::Subscription,
    allow_insecure_urls: bool,
    now: Timestamp,
    violations: &mut FieldViolations,
) -> Option<Subscription> {
    let mask = UpdateMask::everything(&fields(given));
    let mut settings = SubscriptionConfig::default();
    apply(&mut settings, given, &mask, allow_insecure_urls, violations);
    refuse_expired(given.credentials.as_ref(), &settings, now, violations);
    let status = v1::SubscriptionStatus::try_from(given.status);
    if status.is_err() {
        violations.add("subscription.status", "must be ENABLED, PAUSED or DISABLED");
    }
    let field = "subscription.signing_secret";
    let keys = signing_keys::create_initial_keys(
        &settings.schemes,
        &given.signing_secret,
        field,
        now,
        violations,
    );
    let (tenant, id) = named?;
    let mut subscription = Subscription {
        tenant,
        id,
        status: SubscriptionStatus::Enabled,
        status_reason: String::new(),
        settings,
        signing_keys: keys,
        paused_clock: StoppedClock::default(),
        revision: 1,
        request_revision: 1,
        create_time: now,
        update_time: now,
        delete_time: None,
    };
    let status = status.ok().and_then(status_from).unwrap_or(SubscriptionStatus::Enabled);
    subscription.set_status(status, "", now);
    Some(subscription)
}

#[cfg(test)]
#[path = "changes_tests.rs"]
mod tests;
