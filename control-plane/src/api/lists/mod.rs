//! What every list has: how its request is read and its pages are filled (`listing`),
//! filters, order and page tokens.

pub mod conditions;
pub mod filter_syntax;
pub mod listing;
pub mod map_conditions;
mod page_tokens;
