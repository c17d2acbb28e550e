//! The receiver: a process that counts, and measures how long things took.
//!
//! Fed by POSTs over HTTPS and plain HTTP; feeds sections with counts and
//! latencies of each *group*, the first part of a URL's path. What follows the
//! group is how it answers: at once, late, or not well until told so.
//! Guarantees that what it costs is small beside what it measures.

mod groups;
mod serve;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Result, ensure};
use postrider_tests::pki::{LOCAL_NAMES, Pki, Signer, Wanted};
use postrider_tests::ports::free_port;
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use groups::{Latencies, Seen};

use crate::worker::{self, Worker};
use groups::State;

/// Names below it are the receiver's, once a name server says so.
pub const RECEIVER_DOMAIN: &str = "well.example";

/// What the process is started with.
#[derive(Debug, Serialize, Deserialize)]
pub struct Setting {
    https_port: u16,
    http_port: u16,
    ill_port: u16,
    certificate_file: PathBuf,
    key_file: PathBuf,
}

#[derive(Debug, Serialize, Deserialize)]
enum Order {
    /// Forgets a group.
    Reset { group: String },
    /// Answers once so many have come, or the time is over.
    Wait { group: String, count: u64, limit: Duration },
    /// What came since the last time, by how long it took.
    Latencies { group: String },
    /// Endpoints that were not well are.
    Recover,
}

/// How a group's endpoint answers.
#[derive(Clone, Copy, Debug)]
pub enum Answers {
    AtOnce,
    After(Duration),
    /// 503 until [`Receiver::recover`].
    OnceWell,
}

/// Encrypted or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Https,
    Http,
}

impl Scheme {
    pub const ALL: &'static [Self] = &[Self::Https, Self::Http];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }
}

/// The process, commanded.
pub struct Receiver {
    worker: Worker,
    https_port: u16,
    http_port: u16,
    ill_port: u16,
}

impl Receiver {
    pub async fn start(pki: &Pki, folder: &Path) -> Result<Self> {
        let wildcard = format!("*.{RECEIVER_DOMAIN}");
        let identity = pki.issue(&Wanted {
            common_name: "receiver",
            names: &[LOCAL_NAMES, &[wildcard.as_str()]].concat(),
            uri: None,
            signer: Signer::Trusted,
            expired: false,
        })?;
        let setting = Setting {
            https_port: free_port()?,
            http_port: free_port()?,
            ill_port: free_port()?,
            certificate_file: identity.certificate_file,
            key_file: identity.key_file,
        };
        let Setting { https_port, http_port, ill_port, .. } = setting;
        let worker = Worker::start("receiver", &setting, folder)?;
        let mut receiver = Self { worker, https_port, http_port, ill_port };
        // It answers once it listens.
        receiver.reset("").await?;
        Ok(receiver)
    }

    pub fn id(&self) -> u32 {
        self.worker.id()
    }

    /// Who is not well has a host of its own, as another customer would.
    pub fn url(&self, scheme: Scheme, group: &str, answers: Answers) -> String {
        let port = match (scheme, answers) {
            (Scheme::Https, Answers::AtOnce) => self.https_port,
            (Scheme::Https, Answers::After(_) | Answers::OnceWell) => self.ill_port,
            (Scheme::Http, _) => self.http_port,
        };
        address(scheme, port, group, answers)
    }

    /// At a name of its own, over HTTPS.
    pub fn url_of(&self, host: &str, group: &str) -> String {
        format!("https://{host}:{}/{group}", self.https_port)
    }

    /// At the host of those that are well, over HTTPS.
    pub fn url_beside_well(&self, group: &str, answers: Answers) -> String {
        address(Scheme::Https, self.https_port, group, answers)
    }

    pub async fn reset(&mut self, group: &str) -> Result<()> {
        self.worker.ask(&Order::Reset { group: group.to_owned() }).await
    }

    /// Fails unless so many come in time.
    pub async fn wait(&mut self, group: &str, count: u64, limit: Duration) -> Result<Seen> {
        let order = Order::Wait { group: group.to_owned(), count, limit };
        let seen: Seen = self.worker.ask(&order).await?;
        ensure!(seen.count >= count, "{} of {count} came in {limit:?}", seen.count);
        Ok(seen)
    }

    pub async fn latencies(&mut self, group: &str) -> Result<Latencies> {
        self.worker.ask(&Order::Latencies { group: group.to_owned() }).await
    }

    pub async fn recover(&mut self) -> Result<()> {
        self.worker.ask(&Order::Recover).await
    }
}

fn address(scheme: Scheme, port: u16, group: &str, answers: Answers) -> String {
    let base = format!("{}://127.0.0.1:{port}/{group}", scheme.name());
    match answers {
        Answers::AtOnce => base,
        Answers::After(pause) => format!("{base}/after/{}", pause.as_millis()),
        Answers::OnceWell => format!("{base}/once-well"),
    }
}

/// Serves until the commander ends.
pub async fn serve(setting: Setting) -> Result<()> {
    let state = Arc::new(State::default());
    serve::listen(&setting, &state).await?;
    worker::serve(async |order| match order {
        Order::Reset { group } => {
            state.reset(&group);
            Ok(json!(null))
        }
        Order::Wait { group, count, limit } => Ok(json!(state.wait(&group, count, limit).await)),
        Order::Latencies { group } => Ok(json!(state.latencies(&group))),
        Order::Recover => {
            state.well.store(true, Ordering::Relaxed);
            Ok(json!(null))
        }
    })
    .await
}
