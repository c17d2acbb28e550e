//! What every list has: pages, filters and order.

pub mod conditions;
pub mod filter_syntax;
pub mod pages;
