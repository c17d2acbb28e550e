//! Values as people write and read them.
//!
//! Fed by the command line and by answers; feeds requests and the terminal. Guarantees
//! that a time or a span is read in one way everywhere, and that a body is shown with the
//! bytes that it has: JSON is laid out, and no number, key or escape of it is changed.

pub mod bodies;
pub mod counts;
pub mod times;
