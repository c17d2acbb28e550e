//! `EventService`: publishing, lists, resending, reconciliation, and the start of expunges.
//!
//! Fed by publishers and by whoever reads; feeds `flow` with checked events, resends and
//! windows to close, and the store with reads. Guarantees that an event is passed on only
//! after its type, its schema and its payload were checked, and that a publish is
//! answered after its commit.

pub mod conversion;
pub mod filter;
pub mod publish;
pub mod publish_stream;
pub mod reconcile;
pub mod resend;
pub mod service;
