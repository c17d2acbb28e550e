//! Requests that carry secrets, wiped once they are answered.
//!
//! Fed by the services with decoded requests; feeds the methods that use them.
//! Guarantees that the texts of secrets in such a request do not outlive it. What the
//! transport read them from, and an answer that shows one, are out of reach: they are
//! freed as they are.

use std::ops::Deref;

use postrider_proto::access::ResourceRequest;
use postrider_proto::v1;
use postrider_proto::v1::receiver_credentials::Authorization;
use zeroize::Zeroize as _;

/// A message that can carry secrets.
pub trait CarriesSecrets {
    /// Overwrites them.
    fn wipe_secrets(&mut self);
}

/// A request whose secrets are wiped when it is dropped.
pub struct WipedRequest<T: CarriesSecrets>(T);

impl<T: CarriesSecrets> WipedRequest<T> {
    pub const fn new(request: T) -> Self {
        Self(request)
    }
}

impl<T: CarriesSecrets> Deref for WipedRequest<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

/// So that a request whose resource is refused is wiped as well.
impl<T: CarriesSecrets + ResourceRequest> ResourceRequest for WipedRequest<T> {
    fn resource_name(&self) -> &str {
        self.0.resource_name()
    }
}

impl<T: CarriesSecrets> Drop for WipedRequest<T> {
    fn drop(&mut self) {
        self.0.wipe_secrets();
    }
}

impl CarriesSecrets for v1::Subscription {
    fn wipe_secrets(&mut self) {
        self.signing_secret.zeroize();
        for header in &mut self.headers {
            header.value.zeroize();
        }
        self.credentials.iter_mut().for_each(CarriesSecrets::wipe_secrets);
    }
}

impl CarriesSecrets for v1::ReceiverCredentials {
    fn wipe_secrets(&mut self) {
        if let Some(own) = &mut self.client_certificate {
            own.private_key.zeroize();
        }
        match &mut self.authorization {
            Some(Authorization::Basic(basic)) => basic.password.zeroize(),
            Some(Authorization::Oauth(client)) => {
                client.client_secret.zeroize();
                if let Some(key) = &mut client.assertion_key {
                    key.private_key.zeroize();
                }
            }
            None => {}
        }
    }
}

impl CarriesSecrets for v1::CreateSubscriptionRequest {
    fn wipe_secrets(&mut self) {
        self.subscription.iter_mut().for_each(CarriesSecrets::wipe_secrets);
    }
}

impl CarriesSecrets for v1::UpdateSubscriptionRequest {
    fn wipe_secrets(&mut self) {
        self.subscription.iter_mut().for_each(CarriesSecrets::wipe_secrets);
    }
}

impl CarriesSecrets for v1::RotateSigningSecretRequest {
    fn wipe_secrets(&mut self) {
        self.signing_secret.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_overwritten_and_the_rest_stays() {
        let header =
            v1::CustomHeader { name: "x".into(), value: "hunter2".into(), value_set: false };
        let mut request = v1::UpdateSubscriptionRequest {
            subscription: Some(v1::Subscription {
                name: "tenants/a/subscriptions/b".into(),
                signing_secret: "hunter2".into(),
                headers: vec![header.clone()],
                ..v1::Subscription::default()
            }),
            update_mask: None,
        };
        request.wipe_secrets();
        let mut credentials = v1::ReceiverCredentials {
            client_certificate: Some(v1::ClientCertificate {
                private_key: "hunter2".into(),
                ..Default::default()
            }),
            authorization: Some(Authorization::Basic(v1::BasicAuthorization {
                password: "hunter2".into(),
                ..Default::default()
            })),
            ..Default::default()
        };
        credentials.wipe_secrets();
        let left = v1::ReceiverCredentials {
            client_certificate: Some(v1::ClientCertificate::default()),
            authorization: Some(Authorization::Basic(v1::BasicAuthorization::default())),
            ..Default::default()
        };
        assert_eq!(credentials, left);
        let wiped = v1::Subscription {
            name: "tenants/a/subscriptions/b".into(),
            headers: vec![v1::CustomHeader { value: String::new(), ..header }],
            ..v1::Subscription::default()
        };
        assert!(request.subscription.is_some_and(|left| left == wiped));
    }
}
