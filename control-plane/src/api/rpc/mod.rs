//! What every call has: errors, caller, span, deadline, forwarding, and changes under an
//! etag.

pub mod caller;
pub mod deadlines;
pub mod errors;
pub mod etag;
pub mod forwarding;
pub mod layer;
pub mod spans;
