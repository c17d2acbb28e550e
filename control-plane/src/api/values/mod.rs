//! Values of requests and answers: names, masks, times, payloads.

pub mod etag;
pub mod fixed_fields;
pub mod masks;
pub mod names;
pub mod payload;
pub mod time;
pub mod trace;
pub mod validate;
