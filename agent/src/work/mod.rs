//! What the agent holds, and how much more it takes.
//!
//! Fed by the work streams with assignments and acknowledgements; feeds `attempt` with
//! what to start, and the streams with results and credit. Guarantees that attempts in
//! flight and results that no replica acknowledged never exceed the agent's capacity,
//! whatever streams come and go.
//!
//! `coordinator` is the one lock through which streams and attempts change it; `ledger`
//! is the state behind that lock, made of results to be acknowledged (`result_outbox`)
//! and of capacity that is divided among streams (`credit_allocator`, `shared_quota`).
//! `assignment_memory` keeps what is held to what is counted.

mod assignment_memory;
pub mod coordinator;
mod credit_allocator;
mod ledger;
mod result_outbox;
mod shared_quota;
