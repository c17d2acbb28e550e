//! Sessions with connected agents.
//!
//! The only place where the work stream's messages are converted to and from the
//! domain's types.

mod convert;
mod duration;
mod rebuilt;
mod refusals;
mod regions;
mod session;
mod signing;

pub use rebuilt::rebuild_attempt_request;
pub use session::{AgentSessions, WorkStream, service};
