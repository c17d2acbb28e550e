//! What every list has: how its request is read and its pages are filled (`listing`),
//! filters, order and page tokens.
//!
//! Fed by the services' list methods; feeds the store with conditions and positions, and
//! callers with pages. Guarantees that a page token works only with the request that it
//! came from, that a wrong filter is an error that says where, and that no page is larger
//! than a message may be.

pub mod conditions;
pub mod filter_syntax;
pub mod listing;
pub mod map_conditions;
pub mod page_tokens;
