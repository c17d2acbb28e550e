//! Calls of the public API, by the descriptors of its protos.
//!
//! Fed by requests as JSON; feeds commands with messages that know their own fields, so
//! that no resource has code of its own here. Guarantees that a request with a field that
//! the API does not have is the command line's mistake, and is not sent.

mod client;
mod codec;
mod fields;

pub use client::{ApiClient, BearerToken, ListedItems};
pub use fields::{message_at, messages_at, number_at, text_at, time_at, unpacked, value_at};
