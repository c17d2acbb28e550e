//! An agent's stream as the dispatcher knows it.
//!
//! Fed by agents' sessions; feeds the dispatcher. Guarantees that a stream replaces
//! only one that its process has given up, or one of a silent process; and that whoever
//! loses a stream is told why.

use std::sync::{Arc, OnceLock};

use postrider_domain::ids::{AttemptKey, Region};
use postrider_domain::scheduler::{AgentIdentity, Dispatch, ShardLease, StreamId};
use postrider_domain::time::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// What a session sends to its agent.
#[derive(Debug)]
pub enum StreamCommand {
    Dispatch(Dispatch),
    Acknowledge(Vec<AttemptKey>),
    TakeOver(ShardLease),
    Drain,
}

/// A connected agent as its session knows it.
#[derive(Clone, Debug)]
pub struct ConnectedAgent {
    pub identity: AgentIdentity,
    pub region: Region,
    pub version: String,
    pub max_in_flight: u32,
    pub in_flight: u32,
    pub draining: bool,
    pub clock_skew_us: i64,
    pub last_heard: Timestamp,
}

/// An admitted stream.
pub(super) struct OpenStream {
    pub sender: mpsc::Sender<StreamCommand>,
    pub state: ConnectedAgent,
    /// The stream's number in its process.
    pub number: u64,
    pub holder: Option<Arc<str>>,
    /// Ends the session.
    pub stop: CancellationToken,
    /// Why it ended, if the agent is to be told.
    pub reason: Arc<OnceLock<StreamRefusal>>,
}

/// Why a stream is refused or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamRefusal {
    /// The process already has a stream here that it still wants.
    SameProcess,
    /// Another process with this agent id is alive.
    IdInUse,
    /// The replica has reached `agents.max_streams`.
    TooManyStreams,
    /// Its certificate has reached `agents.max_streams_per_certificate`.
    TooManyOfCertificate,
    /// The replica has reached `agents.max_unnamed_regions`.
    TooManyRegions,
    /// Its certificate has expired since it connected.
    CertificateExpired,
    /// It brought too many results of attempts that were not assigned to it.
    UnprovenResults,
    /// A result does not say how its attempt ended.
    ResultWithoutFact,
    /// It said Hello twice.
    SecondHello,
    /// Nothing arrived from it for too long.
    Silent,
    /// It does not read what is sent.
    NotReading,
    /// The replica is stopping.
    Stopping,
}

/// How many streams there may be.
#[derive(Clone, Copy, Debug)]
pub struct StreamLimits {
    pub max_streams: usize,
    /// Of those that showed a certificate with the same names.
    pub max_streams_per_certificate: usize,
}

/// A stream that asks for admission.
pub struct NewStream {
    pub id: StreamId,
    pub state: ConnectedAgent,
    /// Its number in its process; 0: unknown, and then it replaces none.
    pub number: u64,
    /// Whose certificate it showed, if it showed one.
    pub holder: Option<Arc<str>>,
    /// The numbers of the process's other streams that it still wants.
    pub open: Vec<u64>,
    /// What the agent holds.
    pub held: Vec<AttemptKey>,
    pub sender: mpsc::Sender<StreamCommand>,
    /// Ends the session.
    pub stop: CancellationToken,
    /// Why it ended, if the agent is to be told.
    pub reason: Arc<OnceLock<StreamRefusal>>,
}

impl OpenStream {
    /// Ends the session, and tells the agent why; the first reason counts.
    pub fn end(&self, why: StreamRefusal) {
        let _ = self.reason.set(why);
        self.stop.cancel();
    }
}

impl NewStream {
    /// Whether this stream replaces an open one.
    pub(super) fn replaces(&self, other: &OpenStream, silent: bool) -> Result<(), StreamRefusal> {
        if other.state.identity != self.state.identity {
            return if silent { Ok(()) } else { Err(StreamRefusal::IdInUse) };
        }
        let given_up = other.number < self.number && !self.open.contains(&other.number);
        if given_up { Ok(()) } else { Err(StreamRefusal::SameProcess) }
    }
}
