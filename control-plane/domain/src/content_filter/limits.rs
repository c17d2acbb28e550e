//! How large filters and what they look into may be, and why one fails.
//!
//! Fed by nothing; feeds the compilation and the evaluation of filters.

/// Longest filter, in bytes. Some forty comparisons of usual length; what is longer is a
/// list, which attributes serve better.
pub const MAX_SOURCE_BYTES: usize = 2048;
/// Most nodes of a filter's syntax tree, macros expanded. About what 2 KiB of plain
/// comparisons have; macros multiply them.
pub const MAX_FILTER_NODES: usize = 512;
/// Deepest nesting of a filter's brackets, and of its syntax tree. Nobody nests as deep by
/// hand, and parser and evaluation recurse.
pub const MAX_NESTING: usize = 32;
/// Largest payload that a filter may look into, in bytes. A quarter of the largest payload
/// by default: what a filter looks into is parsed for each publish.
pub const MAX_PAYLOAD_BYTES: usize = 64 * 1024;
/// Deepest nesting of a payload that is validated. As of a content filter.
pub const MAX_PAYLOAD_NESTING: usize = 64;
/// Most that one evaluation may cost, in the units of `cost`: about 10 ms on
/// one core for the worst filter and payload that could be found, a few
/// microseconds being usual.
pub const MAX_WORK_UNITS: u64 = 400_000;

/// Why a filter could not be evaluated for an event. Contains nothing of the event, so
/// that it can be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum FilterFailure {
    #[error("the payload has more than {MAX_PAYLOAD_BYTES} bytes")]
    PayloadTooLarge,
    #[error("the payload is not JSON")]
    PayloadNotJson,
    #[error("the payload is nested more than {MAX_PAYLOAD_NESTING} deep")]
    PayloadTooDeep,
    #[error("the filter would cost too much on an event of this size")]
    TooExpensive,
    #[error("the filter gave neither true nor false")]
    NotBoolean,
    #[error("a field that the filter uses is missing")]
    MissingField,
    #[error("a value has a type that the filter cannot use there")]
    WrongType,
    #[error("an arithmetic operation of the filter has no result")]
    Arithmetic,
    #[error("two numbers beyond 64 bits cannot be told apart")]
    UnknownOrder,
    #[error("the filter was valid when it was saved, and no longer is")]
    NoLongerAccepted,
    #[error("the interpreter failed")]
    Interpreter,
}
