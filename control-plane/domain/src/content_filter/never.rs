//! Whether a filter can be true at all.
//!
//! Fed by a filter's syntax tree and its subscription's scope; feeds `api` a warning.
//! Guarantees that a filter reported as never true is false, or fails, for every event
//! of the scope; it reports nothing about others. It looks at the kinds of values (an
//! account is text and never equals a number) and at the types and accounts of the
//! scope.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "of an expression whose kind is not known here, anything may come"
)]

use std::collections::BTreeSet;

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, SelectExpr, operators};

use super::check::{ACCOUNT_FIELD, ATTRIBUTES_FIELD, TYPE_FIELD, is_event};
use super::compare;
use crate::event_type_name::EventTypePattern;

/// The events that a filter is evaluated for.
#[derive(Clone, Copy, Debug)]
pub struct FilterScope<'a> {
    pub event_types: &'a [EventTypePattern],
    /// Empty: all accounts, and events without one.
    pub accounts: &'a BTreeSet<String>,
}

/// The results that an expression may have, apart from failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PossibleResults {
    yes: bool,
    no: bool,
}

const ANY_RESULT: PossibleResults = PossibleResults { yes: true, no: true };
const NEVER_TRUE: PossibleResults = PossibleResults { yes: false, no: true };

/// What is known of a value's type.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OperandKind {
    Text,
    Number,
    Boolean,
    Null,
    Bytes,
    List,
    Map,
}

impl FilterScope<'_> {
    pub(super) fn is_never_true(&self, root: &IdedExpr) -> bool {
        !self.possible(root).yes
    }

    fn possible(&self, node: &IdedExpr) -> PossibleResults {
        match &node.expr {
            Expr::Literal(LiteralValue::Boolean(value)) => {
                let yes = *value.inner();
                PossibleResults { yes, no: !yes }
            }
            Expr::Call(call) => self.call(call),
            _ => ANY_RESULT,
        }
    }

    fn call(&self, call: &CallExpr) -> PossibleResults {
        match (compare::operator_of(&call.func_name), call.args.as_slice()) {
            (operators::LOGICAL_AND, [left, right]) => {
                let (left, right) = (self.possible(left), self.possible(right));
                PossibleResults { yes: left.yes && right.yes, no: left.no || right.no }
            }
            (operators::LOGICAL_OR, [left, right]) => {
                let (left, right) = (self.possible(left), self.possible(right));
                PossibleResults { yes: left.yes || right.yes, no: left.no && right.no }
            }
            (operators::LOGICAL_NOT, [operand]) => not(self.possible(operand)),
            (operators::CONDITIONAL, [condition, yes, no]) => {
                let taken = self.possible(condition);
                let (yes, no) = (self.possible(yes), self.possible(no));
                PossibleResults {
                    yes: (taken.yes && yes.yes) || (taken.no && no.yes),
                    no: (taken.yes && yes.no) || (taken.no && no.no),
                }
            }
            (operators::EQUALS, [left, right]) => self.equal(left, right),
            (operators::NOT_EQUALS, [left, right]) => not(self.equal(left, right)),
            (operators::IN, [value, list]) => match &list.expr {
                Expr::List(list) => {
                    let yes = list.elements.iter().any(|element| self.equal(value, element).yes);
                    PossibleResults { yes, no: true }
                }
                _ => ANY_RESULT,
            },
            (
                operators::LESS
                | operators::LESS_EQUALS
                | operators::GREATER
                | operators::GREATER_EQUALS,
                [left, right],
            ) if differ(left, right) => NEVER_TRUE,
            _ => ANY_RESULT,
        }
    }

    fn equal(&self, left: &IdedExpr, right: &IdedExpr) -> PossibleResults {
        if differ(left, right) {
            return NEVER_TRUE;
        }
        let yes = match (text(left), text(right)) {
            (Some(left), Some(right)) if left == right => {
                return PossibleResults { yes: true, no: false };
            }
            (Some(_), Some(_)) => false,
            (Some(text), None) => self.may_be(right, text),
            (None, Some(text)) => self.may_be(left, text),
            (None, None) => true,
        };
        PossibleResults { yes, no: true }
    }

    /// Whether a field of an event in this scope can equal this text.
    fn may_be(&self, node: &IdedExpr, text: &str) -> bool {
        match &node.expr {
            Expr::Select(SelectExpr { operand, field, .. }) if is_event(operand) => {
                match field.as_str() {
                    TYPE_FIELD => self.event_types.iter().any(|pattern| pattern.matches(text)),
                    ACCOUNT_FIELD => self.accounts.is_empty() || self.accounts.contains(text),
                    _ => true,
                }
            }
            _ => true,
        }
    }
}

const fn not(possible: PossibleResults) -> PossibleResults {
    PossibleResults { yes: possible.no, no: possible.yes }
}

/// Whether the kinds of two values are known and differ.
fn differ(left: &IdedExpr, right: &IdedExpr) -> bool {
    kind(left).zip(kind(right)).is_some_and(|(left, right)| left != right)
}

fn text(node: &IdedExpr) -> Option<&str> {
    match &node.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

fn kind(node: &IdedExpr) -> Option<OperandKind> {
    match &node.expr {
        Expr::Literal(literal) => Some(match literal {
            LiteralValue::Boolean(_) => OperandKind::Boolean,
            LiteralValue::String(_) => OperandKind::Text,
            LiteralValue::Bytes(_) => OperandKind::Bytes,
            LiteralValue::Null => OperandKind::Null,
            LiteralValue::Double(_) | LiteralValue::Int(_) | LiteralValue::UInt(_) => {
                OperandKind::Number
            }
        }),
        Expr::List(_) => Some(OperandKind::List),
        Expr::Map(_) => Some(OperandKind::Map),
        Expr::Select(select) if select.test => Some(OperandKind::Boolean),
        Expr::Select(select) if is_event(&select.operand) => match select.field.as_str() {
            TYPE_FIELD | ACCOUNT_FIELD => Some(OperandKind::Text),
            ATTRIBUTES_FIELD => Some(OperandKind::Map),
            _ => None,
        },
        Expr::Select(select) => is_attributes(&select.operand).then_some(OperandKind::Text),
        Expr::Call(call) => kind_of_call(call),
        _ => None,
    }
}

fn kind_of_call(call: &CallExpr) -> Option<OperandKind> {
    match (call.func_name.as_str(), call.args.first()) {
        (operators::INDEX, Some(operand)) => is_attributes(operand).then_some(OperandKind::Text),
        ("size" | "int" | "uint" | "double", _) => Some(OperandKind::Number),
        ("string", _) => Some(OperandKind::Text),
        ("contains" | "startsWith" | "endsWith" | "bool", _) => Some(OperandKind::Boolean),
        _ => None,
    }
}

fn is_attributes(node: &IdedExpr) -> bool {
    matches!(&node.expr, Expr::Select(select) if is_event(&select.operand) && select.field == ATTRIBUTES_FIELD)
}
