//! Whether a filter is accepted, and what it costs.
//!
//! Fed by `ContentFilter::compile` with a syntax tree; feeds it what is known of the
//! filter ([`CheckedFilter`]). Guarantees that an accepted filter names only what exists,
//! returns a boolean as far as can be known without an event, is nested at most
//! [`MAX_NESTING`] deep, and has a known cost for any event.

use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SelectExpr, operators,
};
use cel::parser::pratt_parser::TokenKind;

use super::cost::{EventSize, FilterCost};
use super::expression_flow::{ExpressionFlow, ValueKind};
use super::limits::{MAX_FILTER_NODES, MAX_NESTING};
use super::parse::{FilterError, SourcePosition, tokens};

pub(super) const EVENT_VARIABLE: &str = "event";
pub(super) const TYPE_FIELD: &str = "type";
pub(super) const ACCOUNT_FIELD: &str = "account";
pub(super) const ATTRIBUTES_FIELD: &str = "attributes";
pub(super) const PAYLOAD_FIELD: &str = "payload";

/// How often an operation copies its operands at worst: into its result, or value by
/// value into an error.
const MAX_OPERAND_COPIES: u64 = 4;

/// The accumulator of an expanded comprehension; no source can write it.
const RESULT_VARIABLE: &str = "@result";

/// What is known about an accepted filter.
#[derive(Clone, Copy, Debug)]
pub(super) struct CheckedFilter {
    pub uses_payload: bool,
    cost: FilterCost,
    /// The weight of the largest range of a comprehension; it has at most as many
    /// entries.
    range: FilterCost,
}

impl CheckedFilter {
    /// An upper bound on the cost of evaluating it for such an event.
    pub fn work_on(&self, event: EventSize) -> u64 {
        // Two entries of a range cannot both be the event's longest list unless the
        // range names the event twice, and its coefficient counts that.
        let iterations = self.range.total(event.longest, 0);
        self.cost.total(event.weight, iterations)
    }
}

/// Walks the whole tree once.
pub(super) fn check(source: &str, root: &IdedExpr) -> Result<CheckedFilter, FilterError> {
    let nothing =
        CheckedFilter { uses_payload: false, cost: FilterCost::ZERO, range: FilterCost::ZERO };
    let mut checker =
        FilterChecker { source, nodes: 0, depth: 0, in_comprehension: false, checked: nothing };
    let flow = checker.boolean(root, None)?;
    Ok(CheckedFilter { cost: flow.work, ..checker.checked })
}

/// The variable of the enclosing comprehension.
#[derive(Clone, Copy)]
struct LoopVariable<'a> {
    name: &'a str,
    /// What its values carry, over all iterations.
    carries: FilterCost,
}

struct FilterChecker<'s> {
    source: &'s str,
    nodes: usize,
    depth: usize,
    in_comprehension: bool,
    checked: CheckedFilter,
}

type VariableScope<'a> = Option<LoopVariable<'a>>;

impl FilterChecker<'_> {
    fn boolean(
        &mut self,
        node: &IdedExpr,
        scope: VariableScope,
    ) -> Result<ExpressionFlow, FilterError> {
        let flow = self.walk(node, scope)?;
        match flow.result {
            ValueKind::Not(what) => Err(FilterError::NotBoolean(what)),
            ValueKind::Boolean | ValueKind::Open => Ok(flow),
        }
    }

    fn walk(
        &mut self,
        node: &IdedExpr,
        scope: VariableScope,
    ) -> Result<ExpressionFlow, FilterError> {
        self.nodes += 1;
        self.depth += 1;
        if self.nodes > MAX_FILTER_NODES {
            return Err(FilterError::TooManyNodes);
        }
        if self.depth > MAX_NESTING {
            return Err(FilterError::TooDeep);
        }
        let mut flow = match &node.expr {
            Expr::Literal(literal) => ExpressionFlow::literal(literal, scope.is_some()),
            Expr::Ident(name) => self.name(name, scope)?,
            Expr::Select(select) => self.select(select, scope)?,
            Expr::Call(call) => self.call(call, scope)?,
            Expr::List(list) => self.copied(list.elements.iter(), scope, "a list")?,
            Expr::Map(map) => {
                let mut parts = Vec::new();
                for entry in &map.entries {
                    match &entry.expr {
                        EntryExpr::MapEntry(entry) => parts.extend([&entry.key, &entry.value]),
                        EntryExpr::StructField(_) => return Err(FilterError::Unparsable),
                    }
                }
                self.copied(parts.into_iter(), scope, "a map")?
            }
            Expr::Comprehension(comprehension) => self.comprehension(comprehension)?,
            Expr::Struct(_) => return Err(FilterError::Unsupported("messages")),
            Expr::Unspecified => return Err(FilterError::Unparsable),
        };
        flow.work = flow.work + FilterCost::node(scope.is_some());
        self.depth -= 1;
        Ok(flow)
    }

    fn name(&self, name: &str, scope: VariableScope) -> Result<ExpressionFlow, FilterError> {
        let carries = match scope {
            Some(variable) if variable.name == name => variable.carries,
            // What a comprehension collects is charged where it is collected.
            _ if name == RESULT_VARIABLE => FilterCost::ZERO,
            _ if name == EVENT_VARIABLE => {
                return Err(FilterError::BareEvent { at: self.position(name) });
            }
            _ => {
                let at = self.position(name);
                return Err(FilterError::UnknownName { at, name: name.to_owned() });
            }
        };
        Ok(ExpressionFlow { work: FilterCost::ZERO, carries, result: ValueKind::Open })
    }

    fn select(
        &mut self,
        select: &SelectExpr,
        scope: VariableScope,
    ) -> Result<ExpressionFlow, FilterError> {
        if is_event(&select.operand) {
            return self.event_field(select, scope);
        }
        let operand = self.walk(&select.operand, scope)?;
        if select.test {
            return Ok(ExpressionFlow {
                carries: FilterCost::ZERO,
                result: ValueKind::Boolean,
                ..operand
            });
        }
        Ok(ExpressionFlow { result: below(&select.operand), ..operand })
    }

    fn event_field(
        &mut self,
        select: &SelectExpr,
        scope: VariableScope,
    ) -> Result<ExpressionFlow, FilterError> {
        let field = select.field.as_str();
        let result = match field {
            TYPE_FIELD => ValueKind::Not("event.type"),
            ACCOUNT_FIELD => ValueKind::Not("event.account"),
            ATTRIBUTES_FIELD => ValueKind::Not("event.attributes"),
            PAYLOAD_FIELD => ValueKind::Open,
            _ => {
                let name = format!("event.{field}");
                return Err(FilterError::UnknownName { at: self.position(field), name });
            }
        };
        if select.test {
            return Err(FilterError::AlwaysThere { field: field.to_owned() });
        }
        self.checked.uses_payload |= field == PAYLOAD_FIELD;
        Ok(ExpressionFlow {
            work: FilterCost::ZERO,
            carries: FilterCost::event(scope.is_some()),
            result,
        })
    }

    fn call(
        &mut self,
        call: &CallExpr,
        scope: VariableScope,
    ) -> Result<ExpressionFlow, FilterError> {
        let name = call.func_name.as_str();
        match (name, call.target.as_deref(), call.args.as_slice()) {
            (operators::LOGICAL_AND | operators::LOGICAL_OR, None, [left, right]) => {
                let (left, right) = (self.boolean(left, scope)?, self.boolean(right, scope)?);
                Ok(ExpressionFlow::boolean(left.work + right.work))
            }
            (operators::LOGICAL_NOT | operators::NOT_STRICTLY_FALSE, None, [operand]) => {
                Ok(ExpressionFlow::boolean(self.boolean(operand, scope)?.work))
            }
            (operators::CONDITIONAL, None, [condition, yes, no]) => {
                let condition = self.boolean(condition, scope)?;
                let (yes, no) = (self.walk(yes, scope)?, self.walk(no, scope)?);
                Ok(ExpressionFlow {
                    work: condition.work + yes.work + no.work,
                    carries: yes.carries + no.carries,
                    result: if yes.result == no.result { yes.result } else { ValueKind::Open },
                })
            }
            (operators::EQUALS | operators::NOT_EQUALS, None, [left, right]) => {
                let (left, right) = (self.walk(left, scope)?, self.walk(right, scope)?);
                Ok(ExpressionFlow::boolean(
                    left.work + right.work + left.carries.smaller(right.carries),
                ))
            }
            (operators::INDEX, None, [operand, index]) => self.index(operand, index, scope),
            (
                operators::LESS
                | operators::LESS_EQUALS
                | operators::GREATER
                | operators::GREATER_EQUALS
                | operators::IN,
                None,
                operands @ [_, _],
            ) => Ok(ExpressionFlow::boolean(self.copied(operands.iter(), scope, "")?.work)),
            (
                operators::ADD
                | operators::SUBSTRACT
                | operators::MULTIPLY
                | operators::DIVIDE
                | operators::MODULO,
                None,
                operands @ [_, _],
            ) => self.copied(operands.iter(), scope, "the result of arithmetic"),
            (operators::NEGATE, None, [operand]) => {
                self.copied([operand].into_iter(), scope, "the result of arithmetic")
            }
            _ => self.function(call, scope),
        }
    }

    fn function(
        &mut self,
        call: &CallExpr,
        scope: VariableScope,
    ) -> Result<ExpressionFlow, FilterError> {
        let name = call.func_name.as_str();
        let result = match (name, call.target.is_some(), call.args.len()) {
            ("size", true, 0) | ("size", false, 1) => ValueKind::Not("a size"),
            ("contains" | "startsWith" | "endsWith", true, 1) | ("bool", false, 1) => {
                ValueKind::Boolean
            }
            ("int" | "uint" | "double", false, 1) => ValueKind::Not("a number"),
            ("string", false, 1) => ValueKind::Not("a string"),
            _ => {
                let at = self.position(name);
                return Err(FilterError::UnknownFunction { at, name: name.to_owned() });
            }
        };
        let operands = call.target.as_deref().into_iter().chain(&call.args);
        let flow = self.copied(operands, scope, "")?;
        let carries = if name == "string" { flow.carries } else { FilterCost::ZERO };
        Ok(ExpressionFlow { carries, result, ..flow })
    }

    fn index(
        &mut self,
        operand: &IdedExpr,
        index: &IdedExpr,
        scope: VariableScope,
    ) -> Result<ExpressionFlow, FilterError> {
        if is_event(operand) {
            return Err(FilterError::BareEvent { at: self.position(EVENT_VARIABLE) });
        }
        let key = self.walk(index, scope)?;
        let kind = below(operand);
        let operand = self.walk(operand, scope)?;
        // A list asked for a fractional index is copied into the error.
        let fractional = if let Expr::Literal(literal) = &index.expr {
            matches!(literal, LiteralValue::Double(_))
        } else {
            true
        };
        let refusal = if fractional { operand.carries + key.carries } else { FilterCost::ZERO };
        Ok(ExpressionFlow {
            work: operand.work + key.work + refusal,
            carries: operand.carries,
            result: kind,
        })
    }

    /// An operation that may copy all its operands or read them to the end; its result
    /// carries at most all of them.
    fn copied<'n>(
        &mut self,
        operands: impl Iterator<Item = &'n IdedExpr>,
        scope: VariableScope,
        what: &'static str,
    ) -> Result<ExpressionFlow, FilterError> {
        let mut flow = ExpressionFlow {
            work: FilterCost::ZERO,
            carries: FilterCost::ZERO,
            result: ValueKind::Not(what),
        };
        for operand in operands {
            let operand = self.walk(operand, scope)?;
            flow.work = flow.work + operand.work;
            flow.carries = flow.carries + operand.carries;
        }
        flow.work = flow.work + flow.carries.times(MAX_OPERAND_COPIES);
        Ok(flow)
    }

    fn comprehension(&mut self, inner: &ComprehensionExpr) -> Result<ExpressionFlow, FilterError> {
        if self.in_comprehension {
            return Err(FilterError::NestedComprehension);
        }
        if inner.iter_var == EVENT_VARIABLE {
            return Err(FilterError::ShadowedEvent);
        }
        if inner.iter_var2.is_some() {
            return Err(FilterError::Unsupported("comprehensions of two variables"));
        }
        self.in_comprehension = true;
        let range = self.walk(&inner.iter_range, None)?;
        let start = self.walk(&inner.accu_init, None)?;
        let variable = Some(LoopVariable { name: &inner.iter_var, carries: range.carries });
        let condition = self.walk(&inner.loop_cond, variable)?;
        let step = self.walk(&inner.loop_step, variable)?;
        let end = self.walk(&inner.result, None)?;
        self.in_comprehension = false;

        self.checked.range = self.checked.range + range.carries;
        let gathers = matches!(inner.accu_init.expr, Expr::List(_));
        let once = range.work + start.work + end.work;
        // Every entry is copied into the variable before the step sees it.
        let work = once + range.carries + condition.work + step.work;
        Ok(if gathers {
            ExpressionFlow { work, carries: step.carries, result: ValueKind::Not("a list") }
        } else {
            ExpressionFlow::boolean(work)
        })
    }

    /// Where a name first occurs. The parser keeps no positions of accepted input.
    fn position(&self, name: &str) -> SourcePosition {
        let stands_at = |start: usize| {
            self.source.get(start..).is_some_and(|rest| {
                let after = rest.strip_prefix(name).and_then(|after| after.chars().next());
                rest.starts_with(name) && !after.is_some_and(|c| c == '_' || c.is_alphanumeric())
            })
        };
        let found = tokens(self.source).find(|(kind, start)| {
            matches!(kind, TokenKind::TokIdent | TokenKind::TokReservedWord) && stands_at(*start)
        });
        SourcePosition::of(self.source, found.map_or(0, |(_, start)| start))
    }
}

pub(super) fn is_event(node: &IdedExpr) -> bool {
    matches!(&node.expr, Expr::Ident(name) if name == EVENT_VARIABLE)
}

/// What is known of a field of this: attributes are strings.
fn below(operand: &IdedExpr) -> ValueKind {
    if let Expr::Select(select) = &operand.expr
        && is_event(&select.operand)
        && select.field == ATTRIBUTES_FIELD
    {
        ValueKind::Not("an attribute, which is text,")
    } else {
        ValueKind::Open
    }
}
