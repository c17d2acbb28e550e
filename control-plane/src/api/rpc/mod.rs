//! What every call has: errors, caller, span, deadline, limits, forwarding, and changes
//! under an etag.
//!
//! Fed by every call; feeds the services with requests that have a span, a caller and a
//! deadline, and callers with errors. Guarantees that a publisher is answered before its
//! deadline, that what is received and what is not sent is bounded, that every error has its
//! reason and details, and that a change under an old etag is refused.

pub mod aged_streams;
pub mod answer_queue;
pub mod byte_budget;
pub mod call_trace;
pub mod caller;
pub mod deadlines;
mod error_reason;
pub mod errors;
pub mod etag;
pub mod forwarding;
pub mod gate;
mod guarded_body;
pub mod layer;
pub mod lifetimes;
pub mod malformed;
pub mod methods;
mod read_turn_body;
pub mod receiving;
pub mod request_ids;
pub mod spans;
pub mod stream_credit;
pub mod unsent_answers;
pub mod violations;
