//! The chain's floor: the least that a publish must go through, bare.
//!
//! One unary gRPC round trip, one durable commit, one message on a gRPC stream
//! and one HTTPS POST, one after the other as an event meets them, between two
//! processes over mutual TLS. Fed by an engine; feeds the receiver's group
//! [`RECEIVER_GROUP`] with requests that say when their chain began.

mod driver;
mod peer;

use anyhow::{Context, Result};
use postrider_tests::cluster::Engine;
use postrider_tests::ports::free_port;
use postrider_tests::postgres::Database;

pub use driver::{Steps, serve as drive};
pub use peer::serve as answer;

use crate::load::Access;
use crate::receiver::{Answers, Scheme};
use crate::rig::Rig;
use crate::worker::Worker;

pub const RECEIVER_GROUP: &str = "chain";

/// Where messages end, commanded.
pub struct ChainPeer {
    worker: Worker,
    port: u16,
}

impl ChainPeer {
    pub async fn start(rig: &Rig) -> Result<Self> {
        let pki = rig.cluster.pki();
        let port = free_port()?;
        let identity = pki.caller("peer")?;
        let setting = peer::ChainPeerSetting {
            port,
            certificate_file: identity.certificate_file,
            key_file: identity.key_file,
            ca_file: pki.ca_file(),
            url: rig.receiver.url(Scheme::Https, RECEIVER_GROUP, Answers::AtOnce),
        };
        let mut worker = Worker::start("chain-peer", &setting, rig.cluster.folder())?;
        // It answers once it listens.
        worker.ask::<()>(&()).await?;
        Ok(Self { worker, port })
    }

    pub fn id(&self) -> u32 {
        self.worker.id()
    }

    pub fn access(&self, rig: &Rig) -> Access {
        let url = format!("https://127.0.0.1:{}", self.port);
        Access::new(url, rig.cluster.pki().ca_file(), rig.cluster.caller())
    }
}

/// Both processes, commanded. Fields are dropped in this order.
pub struct Chain {
    driver: Worker,
    _peer: ChainPeer,
    _database: Option<Database>,
}

impl Chain {
    /// On the same engine, disk and server as what is compared with it.
    pub async fn start(rig: &Rig) -> Result<Self> {
        let folder = rig.cluster.folder();
        let peer = ChainPeer::start(rig).await?;
        let database = match rig.engine {
            Engine::Postgres => Some(Database::create().await?),
            Engine::Sqlite => None,
        };
        let driver = driver::ChainDriverSetting {
            access: peer.access(rig),
            postgres_url: database.as_ref().map(|database| database.url().to_owned()),
            sqlite_file: folder.join("chain.db"),
        };
        let mut driver = Worker::start("chain-driver", &driver, folder)?;
        // A second of it opens every connection.
        driver
            .ask::<Steps>(&driver::ChainOrder { per_second: 100.0, events: 100 })
            .await
            .context("the chain's first second")?;
        Ok(Self { driver, _peer: peer, _database: database })
    }

    /// So many chains, begun at fixed times; returns once all are committed.
    pub async fn keep(&mut self, per_second: f64, events: u64) -> Result<Steps> {
        self.driver.ask(&driver::ChainOrder { per_second, events }).await
    }
}
