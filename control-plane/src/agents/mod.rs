//! Sessions with connected agents.
//!
//! Fed by agents with messages of the work stream, and by the dispatcher with what to
//! send; feeds `flow` with results, and agents with settings and assignments. Guarantees
//! that these messages are converted to and from the domain's types here and nowhere
//! else.

mod assignment_proof;
mod attempt_report;
mod convert;
mod dispatch_span;
mod dispatch_waits;
mod duration;
pub mod fuzzing;
mod rebuilt;
mod receiver_credentials;
mod refusals;
mod regions;
mod results;
mod session;
mod signing;

pub use rebuilt::rebuild_attempt_request;
pub use session::{AgentSessions, WorkStream, service};
