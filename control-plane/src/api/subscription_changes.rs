//! The half of SubscriptionService that creates and changes.

use std::time::Duration;

use postrider_domain::ids::{OrderedKey, SubscriptionId, TenantId};
use postrider_domain::limits;
use postrider_domain::subscription::{
    ExhaustedKeyPolicy, Ordering, Settings, Status as Wanted, Subscription,
};
use postrider_domain::time::{StoppedClock, Timestamp};
use postrider_proto::v1;
use postrider_store::WriteError;
use prost_types::FieldMask;
use tonic::Status;

use super::changes::Idle;
use super::convert::subscription::{apply, fields, status_from, with_secret};
use super::convert::time::span;
use super::errors::{self, Kind, Reason, Violations};
use super::masks::Mask;
use super::subscriptions::{Subscriptions, key};
use super::warnings::with_warnings;
use super::{catalogue, changes, elsewhere, names, observe, signing_keys, validate};

const DEFAULT_GRACE: Duration = Duration::from_secs(86_400);
const MAX_GRACE: Duration = Duration::from_secs(7 * 86_400);

/// A wish for another status.
pub(super) struct StatusChange {
    pub status: Wanted,
    pub name: String,
    pub etag: String,
    pub reason: String,
}

impl Subscriptions {
    pub(super) async fn create(
        &self,
        request: v1::CreateSubscriptionRequest,
        who: &str,
    ) -> Result<v1::Subscription, Status> {
        let Some(given) = request.subscription else {
            return Err(errors::invalid("subscription", "is missing"));
        };
        let mut violations = Violations::default();
        let tenant = violations.keep("parent", names::tenant(&request.parent));
        let id = violations.keep("subscription_id", chosen_id(&request.subscription_id));
        let known = tenant.as_ref();
        // Whether http:// is allowed is the tenant's; without one nothing is.
        let allow_insecure_urls = match known {
            Some(tenant) => changes::live_tenant(&self.flow, tenant).await?.allow_insecure_urls,
            None => false,
        };
        let now = self.flow.clock.now();
        let new =
            new_subscription(tenant.zip(id), &given, allow_insecure_urls, now, &mut violations);
        catalogue::known_types(&self.flow, &given.event_types, &mut violations).await?;
        let new = violations.finish(new)?;
        observe::note("tenant", &new.tenant);
        observe::note("subscription", &new.id);
        self.refuse_too_many(&new.tenant).await?;
        let key = new.key();
        let created = match self.flow.tenants.create_subscription(new).await {
            Ok(created) => created,
            // The tenant was deleted between the look at it and the write.
            Err(WriteError::NotFound) => {
                return Err(errors::deleted(Kind::Tenant, &names::of_tenant(&key.tenant)));
            }
            Err(error) => return Err(errors::write(error, Kind::Subscription, &key)),
        };
        observe::changed(who, "subscription created", &key);
        let kind = signing_keys::main_kind(&created.settings.schemes).unwrap_or_default();
        let shown = with_warnings(self.show(&created), &created, &self.flow);
        Ok(with_secret(shown, &created, kind))
    }

    async fn refuse_too_many(&self, tenant: &TenantId) -> Result<(), Status> {
        let snapshot = self.flow.tenants.snapshot(tenant).await.map_err(errors::store)?;
        let count = snapshot.map_or(0, |snapshot| snapshot.subscription_count());
        let most = self.flow.settings.api.max_subscriptions_per_tenant;
        if count < most {
            return Ok(());
        }
        let message = format!("a tenant can have {most} subscriptions");
        Err(errors::plain(Reason::TooManySubscriptions, message))
    }

    pub(super) async fn update(
        &self,
        request: v1::UpdateSubscriptionRequest,
        who: &str,
    ) -> Result<v1::Subscription, Status> {
        let Some(given) = request.subscription else {
            return Err(errors::invalid("subscription", "is missing"));
        };
        let mut violations = Violations::default();
        let named = violations.keep("subscription.name", names::subscription(&given.name));
        let elsewhere = elsewhere::SUBSCRIPTION;
        let mask =
            Mask::read(request.update_mask.as_ref(), &fields(&given), elsewhere, &mut violations);
        if mask.has("event_types") {
            catalogue::known_types(&self.flow, &given.event_types, &mut violations).await?;
        }
        let key = violations.finish(named)?;
        observe::note("tenant", &key.tenant);
        observe::note("subscription", &key.subscription);
        let allow_insecure_urls =
            mask.has("url") && changes::tenant(&self.flow, &key.tenant).await?.allow_insecure_urls;
        let now = self.flow.clock.now();
        let changed = changes::change_subscription(
            &self.flow,
            &key,
            &given.etag,
            Idle::Skip,
            |subscription| {
                let mut violations = Violations::default();
                if mask.is_whole() {
                    elsewhere::in_subscription(&given, subscription, now, &mut violations);
                }
                let settings = &mut subscription.settings;
                apply(settings, &given, &mask, allow_insecure_urls, &mut violations);
                signing_keys::suffice(subscription, now, &mut violations);
                violations.check()
            },
        )
        .await?;
        if changed.written {
            observe::changed(who, "subscription updated", &key);
        }
        // Also when nothing was written: the call that did may have ended in between.
        if (mask.has("ordering") || mask.has("exhausted_key_policy"))
            && !holds_keys(&changed.now.settings)
        {
            let released = self.flow.release_ordering_keys(&key).await;
            released.map_err(errors::store)?;
        }
        Ok(with_warnings(self.show(&changed.now), &changed.now, &self.flow))
    }

    pub(super) async fn delete(
        &self,
        request: v1::DeleteSubscriptionRequest,
        who: &str,
    ) -> Result<v1::DeleteSubscriptionResponse, Status> {
        let key = key(&request.name)?;
        let cancelled = changes::delete_subscription(&self.flow, &key, &request.etag).await?;
        observe::changed(who, "subscription deleted", &key);
        let cancelled_deliveries = i64::try_from(cancelled).unwrap_or(i64::MAX);
        Ok(v1::DeleteSubscriptionResponse { cancelled_deliveries })
    }

    pub(super) async fn set_status(
        &self,
        wanted: StatusChange,
        who: &str,
    ) -> Result<v1::Subscription, Status> {
        let mut violations = Violations::default();
        let named = violations.keep("name", names::subscription(&wanted.name));
        validate::reason(&wanted.reason, &mut violations);
        let key = violations.finish(named)?;
        observe::note("tenant", &key.tenant);
        observe::note("subscription", &key.subscription);
        let now = self.flow.clock.now();
        // What is enabled again is to be tried at once: agents and owners see that by
        // the new version.
        let idle = match wanted.status {
            Wanted::Enabled => Idle::Write,
            Wanted::Paused | Wanted::Disabled => Idle::Skip,
        };
        let changed =
            changes::change_subscription(&self.flow, &key, &wanted.etag, idle, |subscription| {
                subscription.set_status(wanted.status, wanted.reason.as_str(), now);
                Ok(())
            })
            .await?;
        let what = match wanted.status {
            Wanted::Enabled => "subscription enabled",
            Wanted::Paused => "subscription paused",
            Wanted::Disabled => "subscription disabled",
        };
        if changed.written {
            observe::changed(who, what, &key);
        }
        Ok(self.show(&changed.now))
    }

    pub(super) async fn rotate(
        &self,
        request: v1::RotateSigningSecretRequest,
        who: &str,
    ) -> Result<v1::RotateSigningSecretResponse, Status> {
        let mut violations = Violations::default();
        let named = violations.keep("name", names::subscription(&request.name));
        let grace = match &request.grace_period {
            None => DEFAULT_GRACE,
            Some(grace) => span(grace).unwrap_or(Duration::MAX),
        };
        if grace > MAX_GRACE {
            violations.add("grace_period", "must be 0 s to 7 d");
        }
        let kind = signing_keys::asked_kind(request.kind, &mut violations);
        let key = violations.finish(named)?;
        observe::note("tenant", &key.tenant);
        observe::note("subscription", &key.subscription);
        let now = self.flow.clock.now();
        let changed = changes::change_subscription(
            &self.flow,
            &key,
            &request.etag,
            Idle::Write,
            |subscription| {
                signing_keys::rotate(subscription, kind, &request.signing_secret, grace, now)
            },
        )
        .await?;
        observe::changed(who, "signing secret rotated", &key);
        let kind = kind.or_else(|| signing_keys::main_kind(&changed.now.settings.schemes));
        let kind = kind.unwrap_or_default();
        let subscription = Some(with_secret(self.show(&changed.now), &changed.now, kind));
        Ok(v1::RotateSigningSecretResponse { subscription })
    }

    pub(super) async fn release_key(
        &self,
        request: v1::ReleaseOrderingKeyRequest,
        who: &str,
    ) -> Result<v1::ReleaseOrderingKeyResponse, Status> {
        let mut violations = Violations::default();
        let named = violations.keep("name", names::subscription(&request.name));
        if request.ordering_key.is_empty() {
            violations.add("ordering_key", "is missing");
        }
        let most = limits::MAX_ORDERING_KEY_BYTES.max(limits::MAX_ACCOUNT_BYTES);
        validate::bytes("ordering_key", &request.ordering_key, most, &mut violations);
        let subscription = violations.finish(named)?;
        observe::note("tenant", &subscription.tenant);
        observe::note("subscription", &subscription.subscription);
        changes::live_subscription(&self.flow, &subscription).await?;
        let key = OrderedKey { subscription, key: request.ordering_key };
        let released = self.flow.release_ordering_key(key.clone()).await.map_err(errors::store)?;
        if released {
            observe::changed(who, "ordering key released", &key.subscription);
        }
        Ok(v1::ReleaseOrderingKeyResponse { released })
    }

    pub(super) async fn revoke(
        &self,
        request: v1::RevokeSigningKeyRequest,
        who: &str,
    ) -> Result<v1::Subscription, Status> {
        let mut violations = Violations::default();
        let named = violations.keep("name", names::subscription(&request.name));
        if request.key_id.is_empty() {
            violations.add("key_id", "is missing");
        }
        let key = violations.finish(named)?;
        observe::note("tenant", &key.tenant);
        observe::note("subscription", &key.subscription);
        let now = self.flow.clock.now();
        let changed = changes::change_subscription(
            &self.flow,
            &key,
            &request.etag,
            Idle::Write,
            |subscription| signing_keys::revoke(subscription, &request.key_id, now),
        )
        .await?;
        observe::changed(who, "signing key revoked", &key);
        Ok(self.show(&changed.now))
    }
}

/// Whether a subscription's keys can be held.
fn holds_keys(settings: &Settings) -> bool {
    settings.ordering == Ordering::PerKey && settings.exhausted_key == ExhaustedKeyPolicy::Hold
}

/// The caller's id, or one made here when he gave none.
fn chosen_id(given: &str) -> Result<SubscriptionId, postrider_domain::ids::IdError> {
    if given.is_empty() {
        Ok(SubscriptionId::from_stored(format!("sub-{:024x}", rand::random::<u128>() >> 32)))
    } else {
        given.parse()
    }
}

/// A subscription as it is first stored; every violation is noted even when its
/// name is not known.
fn new_subscription(
    named: Option<(TenantId, SubscriptionId)>,
    given: &v1::Subscription,
    allow_insecure_urls: bool,
    now: Timestamp,
    violations: &mut Violations,
) -> Option<Subscription> {
    let everything = FieldMask { paths: vec!["*".to_owned()] };
    let mask = Mask::read(Some(&everything), &fields(given), &[], violations);
    let mut settings = Settings::default();
    apply(&mut settings, given, &mask, allow_insecure_urls, violations);
    let status = v1::SubscriptionStatus::try_from(given.status);
    if status.is_err() {
        violations.add("subscription.status", "must be ENABLED, PAUSED or DISABLED");
    }
    let field = "subscription.signing_secret";
    let keys =
        signing_keys::initial(&settings.schemes, &given.signing_secret, field, now, violations);
    let (tenant, id) = named?;
    let mut subscription = Subscription {
        tenant,
        id,
        status: Wanted::Enabled,
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
    let status = status.ok().and_then(status_from).unwrap_or(Wanted::Enabled);
    subscription.set_status(status, "", now);
    Some(subscription)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tonic_types::StatusExt;

    use super::super::convert::fixtures::{self, NOW};
    use super::*;

    #[test]
    fn made_ids_are_valid_and_differ() {
        let one = chosen_id("").unwrap();
        assert!(one.as_str().parse::<SubscriptionId>().is_ok(), "{one}");
        assert_ne!(one, chosen_id("").unwrap());
        assert!(chosen_id("Bad").is_err());
    }

    #[test]
    fn a_new_subscription_takes_its_status_and_secret() {
        let named = || Some(("acme".parse().unwrap(), "erp".parse().unwrap()));
        let mut given = v1::Subscription {
            url: "https://example.com".into(),
            event_types: vec!["*".into()],
            signing_secret: fixtures::subscription().signing_keys[0]
                .secret
                .to_standard_webhooks()
                .to_string(),
            ..Default::default()
        };
        given.set_status(v1::SubscriptionStatus::Paused);
        let mut violations = Violations::default();
        let new = new_subscription(named(), &given, false, NOW, &mut violations).unwrap();
        assert!(violations.is_empty());
        assert_eq!((new.status, new.paused_clock.since), (Wanted::Paused, Some(NOW)));
        assert_eq!(new.signing_keys[0].secret, fixtures::subscription().signing_keys[0].secret);
        given.signing_secret = "whsec_x".into();
        given.status = 17;
        let refused = new_subscription(named(), &given, false, NOW, &mut violations);
        let fields = violations.finish(refused).unwrap_err();
        let fields = fields.get_details_bad_request().unwrap().field_violations;
        let fields: Vec<_> = fields.into_iter().map(|violation| violation.field).collect();
        assert_eq!(fields, ["subscription.status", "subscription.signing_secret"]);
    }
}
