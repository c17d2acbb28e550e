//! What tests do to subscriptions.
//!
//! Fed by an [`Api`]; feeds tests with the subscription as it is afterwards. Guarantees
//! one call each, without etags and reasons, which tests about those send themselves.

use std::time::Duration;

use postrider_proto::v1::{
    DisableSubscriptionRequest, EnableSubscriptionRequest, GetSubscriptionRequest,
    PauseSubscriptionRequest, RotateSigningSecretRequest, SigningKeyKind, Subscription,
    UpdateSubscriptionRequest,
};
use prost_types::FieldMask;
use tonic::Status;

use crate::api::Api;

impl Api {
    pub async fn subscription(&self, name: &str) -> Result<Subscription, Status> {
        let asked = GetSubscriptionRequest { name: name.to_owned() };
        Ok(self.subscriptions.clone().get_subscription(asked).await?.into_inner())
    }

    pub async fn enable(&self, name: &str) -> Result<Subscription, Status> {
        let asked = EnableSubscriptionRequest { name: name.to_owned(), ..Default::default() };
        Ok(self.subscriptions.clone().enable_subscription(asked).await?.into_inner())
    }

    pub async fn disable(&self, name: &str) -> Result<Subscription, Status> {
        let asked = DisableSubscriptionRequest { name: name.to_owned(), ..Default::default() };
        Ok(self.subscriptions.clone().disable_subscription(asked).await?.into_inner())
    }

    pub async fn pause(&self, name: &str) -> Result<Subscription, Status> {
        let asked = PauseSubscriptionRequest { name: name.to_owned(), ..Default::default() };
        Ok(self.subscriptions.clone().pause_subscription(asked).await?.into_inner())
    }

    /// Sets these fields of the subscription that `changed` names.
    pub async fn update(
        &self,
        changed: Subscription,
        fields: &[&str],
    ) -> Result<Subscription, Status> {
        let asked = UpdateSubscriptionRequest {
            subscription: Some(changed),
            update_mask: Some(FieldMask {
                paths: fields.iter().map(|field| (*field).to_owned()).collect(),
            }),
        };
        Ok(self.subscriptions.clone().update_subscription(asked).await?.into_inner())
    }

    /// A new key of a kind; the old ones sign on for `grace`, or for the default.
    pub async fn rotate(
        &self,
        name: &str,
        kind: SigningKeyKind,
        grace: Option<Duration>,
    ) -> Result<Subscription, Status> {
        let grace_period = grace.map(TryInto::try_into).transpose();
        let asked = RotateSigningSecretRequest {
            name: name.to_owned(),
            grace_period: grace_period.map_err(|_| Status::invalid_argument("too long"))?,
            kind: kind.into(),
            ..RotateSigningSecretRequest::default()
        };
        let rotated = self.subscriptions.clone().rotate_signing_secret(asked).await?;
        let missing = || Status::internal("no subscription in the answer");
        rotated.into_inner().subscription.ok_or_else(missing)
    }
}
