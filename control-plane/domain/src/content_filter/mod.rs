//! Content filters: a subscription's condition on events, as a CEL expression.
//!
//! Fed by `api`, which compiles a filter when it is set, and by `flow::publish`, which
//! evaluates it for each event; feeds the latter true, false, or a failure, which
//! counts as true and marks the delivery. Guarantees that no filter and no event can
//! hold up a publish (conditions-hold-up-nobody): the cost of an evaluation is known
//! from the filter's shape and the event's size, and one that would exceed [`MAX_WORK_UNITS`]
//! fails instead. Nesting is bounded before anything recurses, and a panic of the
//! interpreter is a failure.
//!
//! A filter sees four names: `event.type`, `event.account` (`""` if the event has
//! none), `event.attributes` (a map of strings) and `event.payload` (the JSON value).
//! The first three always exist, so `has()` is for what is below them:
//! `has(event.payload.mandate)`. A missing field is an error, as in CEL, unless `&&` or
//! `||` are decided without it.
//!
//! Numbers: 64-bit JSON integers are exact, even when compared with doubles; all others
//! are doubles, and whether two numbers of 2^63 and more are equal is an error
//! (`compare`). An amount as a decimal string must be converted,
//! `double(event.payload.amount) > 100.0`, with a double's precision.
//!
//! The order in which a comprehension visits a map's keys is not defined. `all`,
//! `exists`, `exists_one` and `size` do not depend on it.
//!
//! Keeps the invariant `conditions-hold-up-nobody`.

mod check;
mod compare;
mod cost;
mod expression_flow;
mod input;
mod limits;
mod never;
mod parse;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use cel::common::ast::IdedExpr;
use cel::common::types::CelBool;
use cel::{Context, Env, ExecutionError, Value};

pub use self::input::FilterInput;
pub use self::limits::{
    FilterFailure, MAX_FILTER_NODES, MAX_NESTING, MAX_PAYLOAD_BYTES, MAX_PAYLOAD_NESTING,
    MAX_SOURCE_BYTES, MAX_WORK_UNITS,
};
pub use self::never::FilterScope;
pub use self::parse::{FilterError, SourcePosition};

/// CEL's standard functions and types, without `matches`, because the `regex` feature
/// is off.
static STANDARD_ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let standard = Env::default().with_optional_support(false).with_stdlib();
    Arc::new(compare::with_comparisons(standard))
});

/// A compiled condition on events. Cheap to clone; two are equal if their sources are.
#[derive(Clone)]
pub struct ContentFilter(Arc<Compiled>);

struct Compiled {
    source: String,
    /// `None`: this version does not accept the stored source.
    program: Option<Program>,
}

struct Program {
    root: IdedExpr,
    checked: check::CheckedFilter,
}

impl ContentFilter {
    /// Compiles a filter. Refuses what [`FilterError`] lists.
    pub fn compile(source: &str) -> Result<Self, FilterError> {
        let compile = || parse::parse(source).and_then(|root| Program::checked(source, root));
        let program = catch_unwind(compile).map_err(|_| FilterError::Unparsable)??;
        Ok(Self(Arc::new(Compiled { source: source.to_owned(), program: Some(program) })))
    }

    /// Compiles a stored filter. If this version no longer accepts it, the subscription
    /// must stay readable and its events must be delivered: every evaluation then
    /// fails, which delivers.
    pub fn from_stored(source: &str) -> Self {
        Self::compile(source).unwrap_or_else(|_| {
            Self(Arc::new(Compiled { source: source.to_owned(), program: None }))
        })
    }

    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Whether the filter is certainly not true for any event of this scope.
    pub fn is_never_true(&self, scope: FilterScope<'_>) -> bool {
        self.0.program.as_ref().is_some_and(|program| scope.is_never_true(&program.root))
    }

    /// Whether the event meets the condition.
    pub fn evaluate(&self, input: &FilterInput) -> Result<bool, FilterFailure> {
        let program = self.0.program.as_ref().ok_or(FilterFailure::NoLongerAccepted)?;
        let measure = input.measure(program.checked.uses_payload)?;
        if program.checked.work_on(measure) > MAX_WORK_UNITS {
            return Err(FilterFailure::TooExpensive);
        }
        // Unwinding leaves nothing half changed: the context belongs to this call and
        // the input is only read.
        catch_unwind(AssertUnwindSafe(|| program.run(input)))
            .unwrap_or(Err(FilterFailure::Interpreter))
    }
}

impl Program {
    fn checked(source: &str, mut root: IdedExpr) -> Result<Self, FilterError> {
        let checked = check::check(source, &root)?;
        compare::replace(&mut root);
        Ok(Self { root, checked })
    }

    fn run(&self, input: &FilterInput) -> Result<bool, FilterFailure> {
        let mut context = Context::with_env(Arc::clone(&STANDARD_ENVIRONMENT));
        context.set_variable_resolver(input);
        let value = Value::resolve_val(&self.root, &context).map_err(|error| failure(&error))?;
        let answer = value.downcast_ref::<CelBool>().ok_or(FilterFailure::NotBoolean)?;
        Ok(*answer.inner())
    }
}

/// The interpreter's errors contain values of the event, so they are not passed on.
#[expect(clippy::wildcard_enum_match_arm, reason = "all others are about types")]
fn failure(error: &ExecutionError) -> FilterFailure {
    match error {
        error if compare::is_unknown_order(error) => FilterFailure::UnknownOrder,
        ExecutionError::NoSuchKey(_) | ExecutionError::IndexOutOfBounds(_) => {
            FilterFailure::MissingField
        }
        ExecutionError::DivisionByZero(_)
        | ExecutionError::RemainderByZero(_)
        | ExecutionError::Overflow(..) => FilterFailure::Arithmetic,
        ExecutionError::InternalError(_) | ExecutionError::UndeclaredReference(_) => {
            FilterFailure::Interpreter
        }
        _ => FilterFailure::WrongType,
    }
}

impl PartialEq for ContentFilter {
    fn eq(&self, other: &Self) -> bool {
        self.source() == other.source()
    }
}

impl Eq for ContentFilter {}

impl fmt::Debug for ContentFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ContentFilter").field(&self.source()).finish()
    }
}
