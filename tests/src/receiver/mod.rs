//! A receiver of webhooks that does what a test tells it to.
//!
//! Fed by agents over real HTTP(S) on the loopback interface; feeds tests with
//! every request it had. Guarantees that behaviours, certificates and the
//! receiver's presence can change between any two requests, that waiting needs
//! no sleeping, and that dropping it ends every connection.

pub mod behaviour;
mod record;
mod serve;
#[cfg(test)]
mod tests;
mod tls;

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use parking_lot::{Mutex, MutexGuard};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use self::behaviour::{Behaviour, Script};
use self::record::Record;
pub use self::record::{MAX_KEPT_BYTES, Received};
pub use self::serve::NUMBER_HEADER;
pub use self::tls::Certificate;
use self::tls::Certificates;
use crate::pki::Pki;
use crate::ports::free_port;
use crate::wait;

/// Which versions of HTTP the receiver speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocols {
    Http1,
    Http2,
    #[default]
    Both,
}

/// What happens to new connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Admission {
    #[default]
    Accept,
    /// Closed at once.
    Drop,
    /// Left open without a byte, so that the handshake never ends.
    Stall,
}

/// What the receiver and its connections share.
#[derive(Debug)]
struct Shared {
    record: Arc<Record>,
    scripts: Mutex<HashMap<String, Script>>,
    otherwise: Mutex<Script>,
    admission: Mutex<Admission>,
    connections: AtomicU64,
    numbered: bool,
    /// Raised to end every connection there is.
    generation: watch::Sender<u64>,
}

impl Shared {
    fn scripts(&self) -> MutexGuard<'_, HashMap<String, Script>> {
        self.scripts.lock()
    }

    fn otherwise(&self) -> MutexGuard<'_, Script> {
        self.otherwise.lock()
    }

    fn admission(&self) -> Admission {
        *self.admission.lock()
    }

    fn behaviour(&self, path: &str) -> Behaviour {
        match self.scripts().get_mut(path) {
            Some(script) => script.step(),
            None => self.otherwise().step(),
        }
    }
}

/// How to make a [`Receiver`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// `http://` instead of `https://`.
    pub plain: bool,
    pub protocols: Protocols,
    /// Counts requests and keeps none, for loads that would not fit.
    pub count_only: bool,
    /// Gives each request's number back in its answer, as [`NUMBER_HEADER`].
    pub numbered: bool,
    /// Lets nobody in without a certificate that the trusted authority signed.
    pub demands_certificate: bool,
}

/// A receiver on a port of its own.
#[derive(Debug)]
pub struct Receiver {
    port: u16,
    options: Options,
    certificates: Arc<Certificates>,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

impl Receiver {
    /// HTTPS with a certificate of `pki`, HTTP/1.1 and HTTP/2; answers 200.
    pub async fn start(pki: &Pki) -> Result<Self> {
        Self::with(pki, Options::default()).await
    }

    /// As [`Self::start`], otherwise equipped.
    pub async fn with(pki: &Pki, options: Options) -> Result<Self> {
        let shared = Shared {
            record: Arc::new(Record::new(options.count_only)),
            scripts: Mutex::default(),
            otherwise: Mutex::new(Script::new(Vec::new())),
            admission: Mutex::default(),
            connections: AtomicU64::new(0),
            numbered: options.numbered,
            generation: watch::Sender::new(0),
        };
        let mut receiver = Self {
            port: free_port()?,
            options,
            certificates: Arc::new(Certificates::create(pki)?),
            shared: Arc::new(shared),
            accepting: None,
        };
        receiver.resume().await?;
        Ok(receiver)
    }

    /// Listens (again) on the same port.
    pub async fn resume(&mut self) -> Result<()> {
        self.stop().await;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await;
        let listener = listener.with_context(|| format!("listen on port {}", self.port))?;
        let protocols = self.options.protocols;
        let tls = if self.options.plain {
            None
        } else {
            let certificates = Arc::clone(&self.certificates);
            let demands = self.options.demands_certificate;
            let config = tls::server_config(certificates, protocols, demands)?;
            Some(TlsAcceptor::from(Arc::new(config)))
        };
        let accept = serve::accept(listener, Arc::clone(&self.shared), tls, protocols);
        self.accepting = Some(tokio::spawn(accept));
        Ok(())
    }

    /// Ends every connection and refuses new ones until [`Self::resume`].
    pub async fn stop(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
            // The port is free once the task is gone, not when it is told to go.
            let _ = accepting.await;
        }
        self.close_connections();
    }

    /// Ends every connection there is; new ones are welcome.
    pub fn close_connections(&self) {
        self.shared.generation.send_modify(|g| *g += 1);
    }

    /// The URL of a path, by address: `localhost` can also mean `::1`.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.options.plain { "http" } else { "https" };
        format!("{scheme}://127.0.0.1:{}{path}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Does these in turn with the requests to a path, and then the last for ever.
    pub fn script(&self, path: &str, steps: impl IntoIterator<Item = Behaviour>) {
        let script = Script::new(steps.into_iter().collect());
        self.shared.scripts().insert(path.to_owned(), script);
    }

    /// As [`Self::script`], for every path without one.
    pub fn otherwise(&self, steps: impl IntoIterator<Item = Behaviour>) {
        *self.shared.otherwise() = Script::new(steps.into_iter().collect());
    }

    /// Shows another certificate on new connections, and ends those there are.
    pub fn show(&self, certificate: Certificate) {
        self.certificates.show(certificate);
        self.close_connections();
    }

    /// Treats new connections so, and ends those there are.
    pub fn admit(&self, admission: Admission) {
        let shared = &self.shared;
        *shared.admission.lock() = admission;
        self.close_connections();
    }

    /// Every request, in order.
    pub fn requests(&self) -> Vec<Arc<Received>> {
        self.shared.record.kept(None)
    }

    /// Every request to a path, in order.
    pub fn requests_to(&self, path: &str) -> Vec<Arc<Received>> {
        self.shared.record.kept(Some(path))
    }

    /// How many requests came, kept or not.
    pub fn received(&self) -> u64 {
        self.shared.record.received(None)
    }

    /// How many requests came to a path, kept or not.
    pub fn received_at(&self, path: &str) -> u64 {
        self.shared.record.received(Some(path))
    }

    /// The most requests to a path that waited for their answers at one moment.
    pub fn in_flight_most(&self, path: &str) -> u64 {
        self.shared.record.in_flight_most(path)
    }

    /// How many connections were ever accepted.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Forgets what was kept and counted for each path, so that a later part of a
    /// test starts from zero. [`Self::received`] and the requests' numbers go on.
    pub fn forget(&self) {
        self.shared.record.clear();
    }

    /// Waits until a path had `count` requests and returns all of them.
    pub async fn wait_for_at(
        &self,
        path: &str,
        count: usize,
        limit: Duration,
    ) -> Result<Vec<Arc<Received>>> {
        let wanted = u64::try_from(count)?;
        let what = format!("{count} requests to {path}");
        let record = &self.shared.record;
        let done = |record: &Record| record.received(Some(path)) >= wanted;
        record.wait_until(&what, limit, done).await?;
        Ok(self.requests_to(path))
    }

    /// Waits until `done` holds for what was kept; it is asked after every request.
    pub async fn wait_until(
        &self,
        what: &str,
        limit: Duration,
        done: impl Fn(&[Arc<Received>]) -> bool,
    ) -> Result<Vec<Arc<Received>>> {
        let record = &self.shared.record;
        let asked = |record: &Record| done(&record.kept(None));
        record.wait_until(what, limit, asked).await?;
        Ok(self.requests())
    }

    /// Waits until every request to a path that came is answered, or given up.
    pub async fn wait_until_answered(&self, path: &str, limit: Duration) -> Result<()> {
        wait::until(&format!("answers at {path}"), limit, || async {
            wait::when(self.shared.record.in_flight(path), |left| *left == 0)
        })
        .await?;
        Ok(())
    }

    /// Waits until `count` requests came in all, kept or not.
    pub async fn wait_for(&self, count: u64, limit: Duration) -> Result<()> {
        let what = format!("{count} requests");
        let record = &self.shared.record;
        let done = |record: &Record| record.received(None) >= count;
        record.wait_until(&what, limit, done).await
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(accepting) = &self.accepting {
            accepting.abort();
        }
        self.close_connections();
    }
}
