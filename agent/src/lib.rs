//! The agent: takes assignments from the control plane, sends the signed HTTPS
//! POSTs, and reports what happened.
//!
//! Fed by replicas with settings and assignments; feeds receivers with requests, and
//! replicas with results. Guarantees that it never has more attempts in flight than its
//! capacity, never repeats an attempt on its own, never dials an address that the address
//! guard has not checked, and keeps each result until a replica has committed it. It does
//! not decide what counts as success or when to try again.
//!
//! How the modules use each other, from the top down (no arrow goes up):
//!
//! ```text
//! agent ─▶ stream ─▶ work ─▶ attempt ─▶ subscriptions ─▶ oauth ─▶ client ─▶ resolve
//!                                             │                     │          ─▶ address_guard
//!                                             └─▶ header_case       └─▶ refused_receivers
//! ```
//!
//! - `agent`: puts it together, runs it and stops it.
//! - `stream`: the work streams to replicas; `work`: what the agent holds, and credit;
//!   `subscriptions`: the settings that attempts need; `ids`: attempts and streams.
//! - `attempt`: one POST; `response`: what is reported of its answer; `attempt_span`: its spans;
//!   `client`: connections to receivers; `resolve`: their addresses; `address_guard`: which of
//!   these may be dialled; `refused_receivers`: what operators see of those that the guard
//!   refuses.
//! - `oauth`: access tokens that receivers want.
//! - `header_case`: names of headers as customers spell them, for hyper. `wall_clock`: the time
//!   in signatures. `metrics`: what is counted.
//! - `settings`, `setting_ranges`, `config`, `limits`: what the agent is told at its start.
//!
//! Requests are built by the crate `postrider_webhook_request`.
//!
//! [`run`] is all that a program needs. [`parts`] is for the simulation, which
//! replaces the sockets; [`fuzzing`] for the targets that read receivers' answers.

mod address_guard;
mod agent;
mod attempt;
mod attempt_span;
mod client;
mod config;
pub mod fuzzing;
mod header_case;
mod ids;
mod limits;
mod metrics;
mod oauth;
mod refused_receivers;
mod resolve;
mod response;
mod setting_ranges;
mod settings;
mod stream;
mod subscriptions;
mod wall_clock;
mod work;

/// An agent without its sockets: what connects and what POSTs is given to it.
pub mod parts {
    pub use crate::agent::OVERDUE_CHECK_INTERVAL;
    pub use crate::attempt::AttemptExecutor;
    pub use crate::metrics::AgentMetrics;
    pub use crate::stream::session::{
        AgentMessageStream, ReplicaMessageStream, ReplicaSession, ReplicaSessionError,
        ShutdownSignals,
    };
    pub use crate::subscriptions::CachedSubscription;
    pub use crate::wall_clock::WallClock;
    pub use crate::work::coordinator::WorkCoordinator;
    pub use postrider_webhook_request::OutgoingTraceContext;
}

pub use address_guard::{PortRange, PortRangeError};
pub use agent::run;
pub use client::receiver_trust::read_certificates;
pub use config::{
    AgentConfig, ClientCertificate, ControlPlaneEndpoint, ControlPlaneTls, unique_agent_id,
};
pub use limits::{ConnectionLimits, LookupBackend, LookupLimits, ResponseLimits};
pub use settings::{ReceiverSubnet, ReceiverSubnetError, Settings};
