//! Values of requests and answers: names, masks, times, payloads.
//!
//! Fed by the services with parts of requests, and with values of the domain; feeds them
//! the one in the other's form. Guarantees that a value which does not fit its bounds is
//! an error that names the field.

pub mod etag;
pub mod fixed_fields;
pub mod masks;
pub mod names;
pub mod payload;
pub mod time;
pub mod trace;
pub mod validate;
pub mod wiped;
