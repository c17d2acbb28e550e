//! What the settings' PEM files are made into.
//!
//! Fed by the files, again after each change; feeds the doors, and the calls to other
//! replicas. Guarantees that this replica's own certificate is a replica's by its own
//! rules, since the others, which have the same, would refuse it.

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use postrider_telemetry::metrics::CertificateMetrics;
use postrider_tls::{
    CertificateNames, ClientCertificates, Reloading, TlsMaterial, client_config_by_names,
    server_config, with_http1,
};
use rustls::{ClientConfig, ServerConfig};

use super::identities::ReplicaIdentities;
use crate::settings::Settings;

/// What a replica's id looks like that is drawn at its start.
const DRAWN_ID_EXAMPLE: &str = "replica-0123456789abcdef";

/// The TLS of each door, where it has any, and of calls to other replicas.
pub struct DoorCertificates {
    pub callers: Option<Reloading<ServerConfig>>,
    pub agents: Option<Reloading<ServerConfig>>,
    pub replicas: Option<Reloading<ServerConfig>>,
    /// With which other replicas are dialled.
    pub peers: Option<Reloading<ClientConfig>>,
    pub metrics: CertificateMetrics,
}

impl DoorCertificates {
    /// Reads all files that the settings name. They are watched from now on.
    pub fn load(settings: &Settings) -> anyhow::Result<Self> {
        let mut metrics = CertificateMetrics::default();
        let mut watch = |loaded: &Reloading<ServerConfig>| metrics.0.push(Arc::new(loaded.clone()));
        let callers = settings.server.tls().map(|files| {
            Reloading::load(files, |material| {
                server_config(material, ClientCertificates::Optional).map(with_http1)
            })
        });
        let agents = settings.agents_tls().map(|files| {
            Reloading::load(files, |material| server_config(material, ClientCertificates::Required))
        });
        let (callers, agents) = (callers.transpose()?, agents.transpose()?);
        callers.iter().chain(&agents).for_each(&mut watch);
        let (mut replicas, mut peers) = (None, None);
        // A single-process database has no other replica.
        if let Some(files) = settings.replicas_tls().filter(|_| !settings.single_process()) {
            let identities = Arc::new(ReplicaIdentities::new(&settings.replicas));
            let replica_id = settings.server.replica_id.clone();
            let known = Arc::clone(&identities);
            let server = Reloading::load(files.clone(), move |material| {
                require_own_identity(material, &known, &replica_id)?;
                server_config(material, ClientCertificates::Required)
            })?;
            watch(&server);
            replicas = Some(server);
            peers = Some(Reloading::load(files, move |material| {
                let identities = Arc::clone(&identities);
                let check = move |names: &CertificateNames| identities.find(names).map(drop);
                client_config_by_names(material, Arc::new(check))
            })?);
        }
        Ok(Self { callers, agents, replicas, peers, metrics })
    }
}

fn require_own_identity(
    material: &TlsMaterial,
    identities: &ReplicaIdentities,
    replica_id: &str,
) -> anyhow::Result<()> {
    let own = material.chain.first().context("there is no certificate")?;
    let names = CertificateNames::parse(own)?;
    let grants = identities.find(&names).map_err(anyhow::Error::msg)?;
    let shown = names.description();
    if replica_id.is_empty() {
        let problem = "server.replica_id must be given: the certificate binds it";
        ensure!(grants.permit(DRAWN_ID_EXAMPLE), "{problem} ({shown})");
    } else {
        let problem = "is not what the certificate says";
        ensure!(grants.permit(replica_id), "server.replica_id {replica_id} {problem} ({shown})");
    }
    Ok(())
}
