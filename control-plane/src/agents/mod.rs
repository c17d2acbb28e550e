//! Connected agents.
//!
//! Fed by agents over the work stream and by the dispatcher; feeds the scheduler
//! with credit and the concluder with results. The only place where the work
//! stream's messages meet the domain's types.

mod convert;
mod rebuilt;
mod refusals;
mod regions;
mod session;
mod signing;

pub use rebuilt::request_of;
pub use session::{Agents, WorkStream, service};
