//! Whether a filter may be accepted, and what it costs.
//!
//! Fed by `ContentFilter::compile` with a syntax tree; feeds it what is known of
//! the filter ([`Checked`]). Guarantees that an accepted filter names only what
//! exists, gives a boolean as far as can be told without an event, is nested at
//! most [`MAX_NESTING`] deep, and has a known cost on any event.

use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SelectExpr, operators,
};
use cel::parser::pratt_parser::TokenKind;

use super::cost::{Cost, Measure};
use super::parse::{FilterError, Position, tokens};
use super::{MAX_NESTING, MAX_NODES};

pub(super) const EVENT: &str = "event";
pub(super) const TYPE: &str = "type";
pub(super) const ACCOUNT: &str = "account";
pub(super) const ATTRIBUTES: &str = "attributes";
pub(super) const PAYLOAD: &str = "payload";

/// How often an operation copies what it is given, at worst: into its result, or
/// value by value into the error that says that it has none.
const COPIES: u64 = 4;

/// The accumulator of an expanded comprehension; no source can write it.
const RESULT: &str = "@result";

/// What is known of an accepted filter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checked {
    pub uses_payload: bool,
    cost: Cost,
    /// What the widest range of a comprehension carries; its entries are no more.
    range: Cost,
}

impl Checked {
    /// A bound on what evaluating it on such an event costs.
    pub fn work_on(&self, event: Measure) -> u64 {
        // Two entries of a range cannot both be the event's longest list unless
        // the range names the event twice, which its coefficient says.
        let iterations = self.range.total(event.longest, 0);
        self.cost.total(event.weight, iterations)
    }
}

/// Walks the whole tree once.
pub(super) fn check(source: &str, root: &IdedExpr) -> Result<Checked, FilterError> {
    let nothing = Checked { uses_payload: false, cost: Cost::ZERO, range: Cost::ZERO };
    let mut checker =
        Checker { source, nodes: 0, depth: 0, in_comprehension: false, checked: nothing };
    let flow = checker.boolean(root, None)?;
    Ok(Checked { cost: flow.work, ..checker.checked })
}

/// What evaluating an expression does, and what comes out of it.
#[derive(Clone, Copy)]
struct Flow {
    work: Cost,
    carries: Cost,
    result: Kind,
}

/// What is known of a value's type.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Boolean,
    /// Only the event knows.
    Open,
    Not(&'static str),
}

/// The variable of the comprehension that an expression stands in.
#[derive(Clone, Copy)]
struct Variable<'a> {
    name: &'a str,
    /// What it stands for, all iterations together.
    carries: Cost,
}

struct Checker<'s> {
    source: &'s str,
    nodes: usize,
    depth: usize,
    in_comprehension: bool,
    checked: Checked,
}

type Scope<'a> = Option<Variable<'a>>;

impl Checker<'_> {
    fn boolean(&mut self, node: &IdedExpr, scope: Scope) -> Result<Flow, FilterError> {
        let flow = self.walk(node, scope)?;
        match flow.result {
            Kind::Not(what) => Err(FilterError::NotBoolean(what)),
            Kind::Boolean | Kind::Open => Ok(flow),
        }
    }

    fn walk(&mut self, node: &IdedExpr, scope: Scope) -> Result<Flow, FilterError> {
        self.nodes += 1;
        self.depth += 1;
        if self.nodes > MAX_NODES {
            return Err(FilterError::TooManyNodes);
        }
        if self.depth > MAX_NESTING {
            return Err(FilterError::TooDeep);
        }
        let mut flow = match &node.expr {
            Expr::Literal(literal) => literal_flow(literal, scope),
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
        flow.work = flow.work + Cost::node(scope.is_some());
        self.depth -= 1;
        Ok(flow)
    }

    fn name(&self, name: &str, scope: Scope) -> Result<Flow, FilterError> {
        let carries = match scope {
            Some(variable) if variable.name == name => variable.carries,
            // What a comprehension gathers is charged where it is gathered.
            _ if name == RESULT => Cost::ZERO,
            _ if name == EVENT => return Err(FilterError::BareEvent { at: self.position(name) }),
            _ => {
                let at = self.position(name);
                return Err(FilterError::UnknownName { at, name: name.to_owned() });
            }
        };
        Ok(Flow { work: Cost::ZERO, carries, result: Kind::Open })
    }

    fn select(&mut self, select: &SelectExpr, scope: Scope) -> Result<Flow, FilterError> {
        if is_event(&select.operand) {
            return self.event_field(select, scope);
        }
        let operand = self.walk(&select.operand, scope)?;
        if select.test {
            return Ok(Flow { carries: Cost::ZERO, result: Kind::Boolean, ..operand });
        }
        Ok(Flow { result: below(&select.operand), ..operand })
    }

    fn event_field(&mut self, select: &SelectExpr, scope: Scope) -> Result<Flow, FilterError> {
        let field = select.field.as_str();
        let result = match field {
            TYPE => Kind::Not("event.type"),
            ACCOUNT => Kind::Not("event.account"),
            ATTRIBUTES => Kind::Not("event.attributes"),
            PAYLOAD => Kind::Open,
            _ => {
                let name = format!("event.{field}");
                return Err(FilterError::UnknownName { at: self.position(field), name });
            }
        };
        if select.test {
            return Err(FilterError::AlwaysThere { field: field.to_owned() });
        }
        self.checked.uses_payload |= field == PAYLOAD;
        Ok(Flow { work: Cost::ZERO, carries: Cost::event(scope.is_some()), result })
    }

    fn call(&mut self, call: &CallExpr, scope: Scope) -> Result<Flow, FilterError> {
        let name = call.func_name.as_str();
        match (name, call.target.as_deref(), call.args.as_slice()) {
            (operators::LOGICAL_AND | operators::LOGICAL_OR, None, [left, right]) => {
                let (left, right) = (self.boolean(left, scope)?, self.boolean(right, scope)?);
                Ok(answer(left.work + right.work))
            }
            (operators::LOGICAL_NOT | operators::NOT_STRICTLY_FALSE, None, [operand]) => {
                Ok(answer(self.boolean(operand, scope)?.work))
            }
            (operators::CONDITIONAL, None, [condition, yes, no]) => {
                let condition = self.boolean(condition, scope)?;
                let (yes, no) = (self.walk(yes, scope)?, self.walk(no, scope)?);
                Ok(Flow {
                    work: condition.work + yes.work + no.work,
                    carries: yes.carries + no.carries,
                    result: if yes.result == no.result { yes.result } else { Kind::Open },
                })
            }
            (operators::EQUALS | operators::NOT_EQUALS, None, [left, right]) => {
                let (left, right) = (self.walk(left, scope)?, self.walk(right, scope)?);
                Ok(answer(left.work + right.work + left.carries.smaller(right.carries)))
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
            ) => Ok(answer(self.copied(operands.iter(), scope, "")?.work)),
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

    fn function(&mut self, call: &CallExpr, scope: Scope) -> Result<Flow, FilterError> {
        let name = call.func_name.as_str();
        let result = match (name, call.target.is_some(), call.args.len()) {
            ("size", true, 0) | ("size", false, 1) => Kind::Not("a size"),
            ("contains" | "startsWith" | "endsWith", true, 1) | ("bool", false, 1) => Kind::Boolean,
            ("int" | "uint" | "double", false, 1) => Kind::Not("a number"),
            ("string", false, 1) => Kind::Not("a string"),
            _ => {
                let at = self.position(name);
                return Err(FilterError::UnknownFunction { at, name: name.to_owned() });
            }
        };
        let operands = call.target.as_deref().into_iter().chain(&call.args);
        let flow = self.copied(operands, scope, "")?;
        let carries = if name == "string" { flow.carries } else { Cost::ZERO };
        Ok(Flow { carries, result, ..flow })
    }

    fn index(
        &mut self,
        operand: &IdedExpr,
        index: &IdedExpr,
        scope: Scope,
    ) -> Result<Flow, FilterError> {
        if is_event(operand) {
            return Err(FilterError::BareEvent { at: self.position(EVENT) });
        }
        let key = self.walk(index, scope)?;
        let kind = below(operand);
        let operand = self.walk(operand, scope)?;
        // A list asked for a fractional index is copied into the error.
        let fractional = match &index.expr {
            Expr::Literal(LiteralValue::Double(_)) => true,
            Expr::Literal(_) => false,
            _ => true,
        };
        let refusal = if fractional { operand.carries + key.carries } else { Cost::ZERO };
        Ok(Flow { work: operand.work + key.work + refusal, carries: operand.carries, result: kind })
    }

    /// An operation that may copy, or read to the end, all of its operands; its
    /// result is at most all of them.
    fn copied<'n>(
        &mut self,
        operands: impl Iterator<Item = &'n IdedExpr>,
        scope: Scope,
        what: &'static str,
    ) -> Result<Flow, FilterError> {
        let mut flow = Flow { work: Cost::ZERO, carries: Cost::ZERO, result: Kind::Not(what) };
        for operand in operands {
            let operand = self.walk(operand, scope)?;
            flow.work = flow.work + operand.work;
            flow.carries = flow.carries + operand.carries;
        }
        flow.work = flow.work + flow.carries.times(COPIES);
        Ok(flow)
    }

    fn comprehension(&mut self, inner: &ComprehensionExpr) -> Result<Flow, FilterError> {
        if self.in_comprehension {
            return Err(FilterError::NestedComprehension);
        }
        if inner.iter_var == EVENT {
            return Err(FilterError::ShadowedEvent);
        }
        if inner.iter_var2.is_some() {
            return Err(FilterError::Unsupported("comprehensions of two variables"));
        }
        self.in_comprehension = true;
        let range = self.walk(&inner.iter_range, None)?;
        let start = self.walk(&inner.accu_init, None)?;
        let variable = Some(Variable { name: &inner.iter_var, carries: range.carries });
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
            Flow { work, carries: step.carries, result: Kind::Not("a list") }
        } else {
            answer(work)
        })
    }

    /// Where a name first stands. The parser keeps no positions of what it
    /// accepts.
    fn position(&self, name: &str) -> Position {
        let stands_at = |start: usize| {
            self.source.get(start..).is_some_and(|rest| {
                let after = rest.strip_prefix(name).and_then(|after| after.chars().next());
                rest.starts_with(name) && !after.is_some_and(|c| c == '_' || c.is_alphanumeric())
            })
        };
        let found = tokens(self.source).find(|(kind, start)| {
            matches!(kind, TokenKind::TokIdent | TokenKind::TokReservedWord) && stands_at(*start)
        });
        Position::of(self.source, found.map_or(0, |(_, start)| start))
    }
}

fn answer(work: Cost) -> Flow {
    Flow { work, carries: Cost::ZERO, result: Kind::Boolean }
}

fn literal_flow(literal: &LiteralValue, scope: Scope) -> Flow {
    let (bytes, result) = match literal {
        LiteralValue::Boolean(_) => (0, Kind::Boolean),
        LiteralValue::String(text) => (text.inner().len(), Kind::Not("a string")),
        LiteralValue::Bytes(bytes) => (bytes.inner().len(), Kind::Not("a sequence of bytes")),
        LiteralValue::Null => (0, Kind::Not("null")),
        LiteralValue::Double(_) | LiteralValue::Int(_) | LiteralValue::UInt(_) => {
            (0, Kind::Not("a number"))
        }
    };
    Flow { work: Cost::ZERO, carries: Cost::text(bytes, scope.is_some()), result }
}

pub(super) fn is_event(node: &IdedExpr) -> bool {
    matches!(&node.expr, Expr::Ident(name) if name == EVENT)
}

/// What is known of a field of this: attributes are strings.
fn below(operand: &IdedExpr) -> Kind {
    match &operand.expr {
        Expr::Select(select) if is_event(&select.operand) && select.field == ATTRIBUTES => {
            Kind::Not("an attribute, which is text,")
        }
        _ => Kind::Open,
    }
}
