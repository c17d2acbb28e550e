//! The cost of an expression of a filter, and what its value carries on.
//!
//! Fed by `check` for each node of a filter's syntax tree; feeds it the flow of what
//! encloses the node. Pure.

use cel::common::ast::LiteralValue;

use super::cost::FilterCost;

/// The cost of evaluating an expression, and what its value carries.
#[derive(Clone, Copy)]
pub(super) struct ExpressionFlow {
    pub work: FilterCost,
    pub carries: FilterCost,
    pub result: ValueKind,
}

/// What is known of a value's type.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueKind {
    Boolean,
    /// Depends on the event.
    Open,
    Not(&'static str),
}

impl ExpressionFlow {
    /// A boolean.
    pub fn boolean(work: FilterCost) -> Self {
        Self { work, carries: FilterCost::ZERO, result: ValueKind::Boolean }
    }

    /// A literal, `repeated` when it stands inside a comprehension.
    pub fn literal(literal: &LiteralValue, repeated: bool) -> Self {
        let (bytes, result) = match literal {
            LiteralValue::Boolean(_) => (0, ValueKind::Boolean),
            LiteralValue::String(text) => (text.inner().len(), ValueKind::Not("a string")),
            LiteralValue::Bytes(bytes) => {
                (bytes.inner().len(), ValueKind::Not("a sequence of bytes"))
            }
            LiteralValue::Null => (0, ValueKind::Not("null")),
            LiteralValue::Double(_) | LiteralValue::Int(_) | LiteralValue::UInt(_) => {
                (0, ValueKind::Not("a number"))
            }
        };
        Self { work: FilterCost::ZERO, carries: FilterCost::text(bytes, repeated), result }
    }
}
