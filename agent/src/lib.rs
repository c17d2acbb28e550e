//! Postrider's agent: takes assignments from the control plane, makes the signed
//! HTTPS POSTs, and reports what came of them.
//!
//! Fed by the work streams of every replica; feeds receivers with POSTs and
//! replicas with facts. Guarantees that it never has more attempts in flight
//! than its capacity, never makes one twice by itself, never dials an address
//! that the guard has not judged, and keeps each result until a replica has
//! committed it. It decides nothing about success or retries.
//!
//! The way through the files:
//!
//! ```text
//! replicas ▶ session ▶ desk(holdings: capacity, report, subscriptions)
//!                        ▼                                   ▲
//!                      attempt ▶ request ▶ client ───────────┘
//! request: envelope, headers, signing; client: resolve(guard), pool(host, connect)
//! connect: dial, connection(traffic)
//! ```
//!
//! [`run`] is all that a program needs; [`telemetry`] and [`metrics::serve`] are
//! open because the control plane uses them too, so is [`rebuild`], by which history
//! shows requests, and [`parts`] for the simulation.

mod agent;
mod attempt;
mod capacity;
mod client;
mod compact;
mod config;
mod connect;
mod connection;
mod desk;
mod dial;
mod envelope;
mod guard;
mod headers;
mod holdings;
mod host;
mod interim;
mod key;
mod listen;
pub mod metrics;
mod pool;
mod quota;
mod rebuilt;
mod receiver_trust;
mod replicas;
mod report;
mod request;
mod resolve;
mod response;
mod session;
mod settings;
mod signing;
mod subscriptions;
mod target;
pub mod telemetry;
mod traffic;
mod versions;
mod wall_clock;

/// An agent without its sockets: what connects and what POSTs is given to it.
pub mod parts {
    pub use crate::agent::OVERDUE_CHECK;
    pub use crate::desk::{Attempts, Desk};
    pub use crate::metrics::Metrics;
    pub use crate::session::{Heard, Said, Session, SessionError, Stopping};
    pub use crate::subscriptions::Subscription;
    pub use crate::telemetry::TraceHeaders;
    pub use crate::wall_clock::WallClock;
}

pub use agent::run;
pub use attempt::ResponseLimits;
pub use config::{AgentConfig, ControlPlane, ControlPlaneTls, Identity, unique_agent_id};
pub use listen::{ListenAddress, host_name};
pub use pool::PoolLimits;
pub use rebuilt::{RebuildError, Rebuilt, RebuiltHeader, RebuiltValue, rebuild};
pub use receiver_trust::read_extra_ca;
pub use resolve::{LookupLimits, LookupWay};
pub use settings::Settings;
