//! Connected agents.
//!
//! Fed by agents over the work stream and by the dispatcher; feeds the scheduler
//! with credit and the concluder with results. The only place where the work
//! stream's messages meet the domain's types.

mod convert;
mod refusals;
mod regions;
mod session;
mod signing;

pub use session::{Agents, WorkStream, service};
