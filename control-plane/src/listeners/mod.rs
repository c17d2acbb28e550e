//! Where connections come in: a door each for callers, agents and other replicas.
//!
//! Fed by the settings and by connections; feeds the servers of gRPC and HTTP with connections
//! whose handshake is over, each with who is at its other end ([`ConnectionPeer`]). Guarantees
//! that agents and replicas have shown a certificate wherever anybody but this machine
//! can reach their doors, that a request at these doors comes from one that is an agent's
//! or a replica's and has not expired, however old the connection, that nobody else takes a
//! place there, and that renewed certificates are used without losing a connection.
//!
//! - `door`: who comes in where. `open_door`: listening. `accept`: taking connections in.
//!   `slots`, `handshakes`: how many there may be. `connection`: what comes of them.
//!   `keepalive`: whether anybody is there. `refused_requests`: what the server refuses itself.
//!   `holder_bytes`: what those of the same agent or caller share.
//! - `certificates`: what the settings' files are made into.
//! - `identities`: what a certificate is, and what its holder may be. `denials`: the line
//!   about those that are let in nowhere. `expiry`: until when a certificate counts.
//!
//! Keeps the invariant `certificate-says-who`.

mod accept;
mod certificates;
mod connection;
mod denials;
mod door;
mod expiry;
mod handshakes;
mod holder_bytes;
mod identities;
mod keepalive;
mod open_door;
mod refused_requests;
mod slots;

pub use self::accept::DoorConnections;
pub use self::certificates::DoorCertificates;
pub use self::connection::{ConnectionPeer, DoorConnection};
pub use self::denials::ERROR_DOMAIN;
pub use self::door::{Door, HolderCheck};
pub use self::holder_bytes::HolderBytes;
pub use self::identities::{AgentGrants, AgentIdentities, ReplicaGrants, ReplicaIdentities};
pub use self::open_door::OpenDoor;
pub use self::slots::{ConnectionSlots, customers_address};
