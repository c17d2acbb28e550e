//! What every call has: errors, caller, span, deadline, forwarding, and changes under an
//! etag.
//!
//! Fed by every call; feeds the services with requests that have a span, a caller and a
//! deadline, and callers with errors. Guarantees that a publisher is answered before its
//! deadline, that every error has its reason and details, and that a change under an old
//! etag is refused.

pub mod caller;
pub mod deadlines;
pub mod errors;
pub mod etag;
pub mod forwarding;
pub mod gate;
mod guarded_body;
pub mod layer;
pub mod malformed;
pub mod methods;
pub mod spans;
pub mod violations;
