//! The agent: takes assignments from the control plane, sends the signed HTTPS
//! POSTs, and reports what happened.
//!
//! It never has more attempts in flight than its capacity. It never repeats an
//! attempt on its own. It never dials an address that the address guard has not
//! checked. It keeps each result until a replica has committed it. It does not
//! decide what counts as success or when to try again.
//!
//! How the modules use each other, from the top down (no arrow goes up):
//!
//! ```text
//! agent ─▶ replica_connector ─▶ session ─▶ coordinator ─▶ ledger ─▶ result_outbox, credit_allocator
//!                                              │
//!                                              ▼
//!                        attempt ─▶ client ─▶ pool ─▶ origin_connections ─▶ connect ─▶ dial, connection
//!                           │  └──▶ resolve ─▶ guard
//!                           └─────▶ subscriptions, request ─▶ envelope, headers, signing
//! ```
//!
//! [`run`] is all that a program needs. [`parts`] is for the simulation, which
//! replaces the sockets.

mod agent;
mod attempt;
mod attempt_span;
mod client;
mod config;
mod connect;
mod connection;
mod coordinator;
mod credit_allocator;
mod dial;
mod guard;
mod http_versions;
mod ids;
mod interim;
mod ledger;
mod limits;
mod metrics;
mod origin_connections;
mod pool;
mod receiver_trust;
mod replica_connector;
mod resolve;
mod response;
mod result_outbox;
mod session;
mod settings;
mod shared_quota;
mod subscriptions;
mod traffic;
mod wall_clock;

/// An agent without its sockets: what connects and what POSTs is given to it.
pub mod parts {
    pub use crate::agent::OVERDUE_CHECK_INTERVAL;
    pub use crate::attempt::AttemptExecutor;
    pub use crate::coordinator::WorkCoordinator;
    pub use crate::metrics::AgentMetrics;
    pub use crate::session::{
        AgentMessageStream, ReplicaMessageStream, ReplicaSession, ReplicaSessionError,
        ShutdownSignals,
    };
    pub use crate::subscriptions::CachedSubscription;
    pub use crate::wall_clock::WallClock;
    pub use postrider_webhook_request::OutgoingTraceContext;
}

pub use agent::run;
pub use config::{
    AgentConfig, ClientCertificate, ControlPlaneEndpoint, ControlPlaneTls, unique_agent_id,
};
pub use limits::{ConnectionLimits, LookupBackend, LookupLimits, ResponseLimits};
pub use receiver_trust::read_certificates;
pub use settings::Settings;
