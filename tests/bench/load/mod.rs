//! The publisher: a process that calls the control plane as any would.
//!
//! Fed by orders; feeds the control plane, and sections with what was answered.
//! Guarantees that orders begin with a connection that is already there.

mod over_http;
mod pace;
mod publish;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use postrider_proto::v1::{Event, PublishEventRequest, event};
use postrider_tests::api::Api;
use postrider_tests::pki::Identity;
use postrider_tests::token::TEST_TOKEN;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

pub use pace::{Paced, ticks};
pub use publish::{Mode, Published};

use crate::worker::{self, Worker, now_ns};

/// Whom to call, and as whom.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Access {
    pub url: String,
    pub ca_file: PathBuf,
    pub certificate_file: PathBuf,
    pub key_file: PathBuf,
    /// A token or a JWT.
    pub credential: String,
}

impl Access {
    /// As the administrator of tests.
    pub fn new(url: String, ca_file: PathBuf, caller: &Identity) -> Self {
        let Identity { certificate_file, key_file, .. } = caller.clone();
        let credential = TEST_TOKEN.to_owned();
        Self { url, ca_file, certificate_file, key_file, credential }
    }

    /// As who shows this instead.
    pub fn with_credential(self, credential: String) -> Self {
        Self { credential, ..self }
    }

    /// Over mutual TLS, connected with the first call.
    pub fn channel(&self) -> Result<Channel> {
        let identity = tonic::transport::Identity::from_pem(
            fs::read(&self.certificate_file)?,
            fs::read(&self.key_file)?,
        );
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(fs::read(&self.ca_file)?))
            .identity(identity);
        Ok(Endpoint::from_shared(self.url.clone())?.tls_config(tls)?.connect_lazy())
    }
}

/// What an event is about: whose it is, and which subscriptions take it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Target {
    /// `tenants/{id}`
    pub tenant: String,
    pub event_type: String,
}

impl Target {
    pub fn new(tenant: &str, event_type: &str) -> Self {
        Self { tenant: tenant.to_owned(), event_type: event_type.to_owned() }
    }

    fn request(&self, payload: String) -> PublishEventRequest {
        PublishEventRequest {
            parent: self.tenant.clone(),
            event: Some(Event {
                event_type: self.event_type.clone(),
                payload_form: Some(event::PayloadForm::PayloadJson(payload)),
                ..Event::default()
            }),
            ..PublishEventRequest::default()
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
enum LoadOrder {
    Connect,
    /// As fast as the control plane answers.
    Publish {
        target: Target,
        mode: Mode,
        events: u64,
    },
    /// One call for each event at fixed times, whatever the answers do.
    Pace {
        targets: Vec<Target>,
        per_second: f64,
        events: u64,
    },
}

/// The process, commanded.
pub struct Load(Worker);

impl Load {
    pub async fn start(access: &Access, folder: &Path) -> Result<Self> {
        let mut load = Self(Worker::start("load", access, folder)?);
        load.0.ask::<()>(&LoadOrder::Connect).await?;
        Ok(load)
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Returns once all are acknowledged.
    pub async fn publish(&mut self, target: &Target, mode: Mode, events: u64) -> Result<Published> {
        self.0.ask(&LoadOrder::Publish { target: target.clone(), mode, events }).await
    }

    /// Returns once all are answered; the targets take turns.
    pub async fn pace(
        &mut self,
        targets: &[Target],
        per_second: f64,
        events: u64,
    ) -> Result<Paced> {
        self.0.ask(&LoadOrder::Pace { targets: targets.to_vec(), per_second, events }).await
    }
}

fn micros_since(began_ns: u64) -> u32 {
    u32::try_from(now_ns().saturating_sub(began_ns) / 1000).unwrap_or(u32::MAX)
}

/// Serves until the commander ends.
pub async fn serve(access: Access) -> Result<()> {
    let mut api = Api::with_token(access.channel()?, &access.credential);
    worker::serve(async |order| match order {
        LoadOrder::Connect => {
            api.is_serving().await?;
            Ok(json!(null))
        }
        LoadOrder::Publish { target, mode, events } => {
            Ok(json!(publish::all((&api, &access), &target, mode, events).await?))
        }
        LoadOrder::Pace { targets, per_second, events } => {
            Ok(json!(pace::keep(&api, targets, per_second, events).await?))
        }
    })
    .await
}
