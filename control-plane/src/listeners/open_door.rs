//! Listens at a door.
//!
//! Fed by the settings; feeds `accept` with the socket. Guarantees that without TLS only
//! this machine reaches the doors of agents and replicas, whatever an address is called.

use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use postrider_tls::Reloading;
use rustls::ServerConfig;
use tokio::net::TcpListener;

use super::accept::{self, ConnectionIntake, DoorConnections};
use super::door::{Door, HolderCheck};
use super::slots::ConnectionSlots;
use crate::metrics::LimitMetrics;
use crate::settings::{ConnectionSettings, Settings};

/// A door that is listened at, and not served yet.
pub struct OpenDoor {
    door: Door,
    pub address: SocketAddr,
    listener: TcpListener,
    tls: Option<Reloading<ServerConfig>>,
}

impl OpenDoor {
    /// Listens. Without TLS only this machine may come in, whatever the address is called,
    /// unless `anybody` may.
    pub async fn listen(
        door: Door,
        settings: &Settings,
        tls: Option<Reloading<ServerConfig>>,
        anybody: bool,
    ) -> anyhow::Result<Self> {
        let listen = match door {
            Door::Callers => &settings.server.listen,
            Door::Agents => &settings.agents.listen,
            Door::Replicas => &settings.replicas.listen,
        };
        let setting = settings.name_with_place(door.listen_setting());
        let listener = listen.bind().await;
        let listener = listener.with_context(|| format!("{setting}: cannot listen on {listen}"))?;
        let address = listener.local_addr()?;
        ensure!(
            tls.is_some() || anybody || address.ip().to_canonical().is_loopback(),
            "{setting}: {listen} is {}; without certificates only a loopback address is allowed",
            address.ip()
        );
        Ok(Self { door, address, listener, tls })
    }

    /// The connections that come in from now on, each of which takes one of the slots; of
    /// those that show a certificate, if it is one of these holders'.
    pub fn connections(
        self,
        settings: &ConnectionSettings,
        slots: &ConnectionSlots,
        metrics: &LimitMetrics,
        holders: Option<HolderCheck>,
    ) -> DoorConnections {
        let (slots, metrics) = (slots.clone(), metrics.clone());
        let intake = ConnectionIntake::new(self.door, settings, slots, metrics, holders);
        accept::accept(intake, self.listener, self.tls)
    }
}
