//! Whether a filter can be true at all.
//!
//! Fed by a filter's syntax tree and by what else its subscription asks for; feeds
//! `api` a warning. Guarantees that a filter of which it says that it is never true
//! is false, or fails, for every event that could reach it; of the others it says
//! nothing. It looks at the kinds of values (an account is text and never equals a
//! number) and at the types and accounts that the subscription lets through.

use std::collections::BTreeSet;

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, SelectExpr, operators};

use super::check::{ACCOUNT, ATTRIBUTES, TYPE, is_event};
use super::compare;
use crate::event_type_name::EventTypePattern;

/// Which events a filter is asked about.
#[derive(Clone, Copy, Debug)]
pub struct FilterScope<'a> {
    pub event_types: &'a [EventTypePattern],
    /// Empty: all, and events without an account.
    pub accounts: &'a BTreeSet<String>,
}

/// What an expression may come to, failures aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Possible {
    yes: bool,
    no: bool,
}

const ANY: Possible = Possible { yes: true, no: true };
const NEVER: Possible = Possible { yes: false, no: true };

/// What is known of a value's type.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
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

    fn possible(&self, node: &IdedExpr) -> Possible {
        match &node.expr {
            Expr::Literal(LiteralValue::Boolean(value)) => {
                let yes = *value.inner();
                Possible { yes, no: !yes }
            }
            Expr::Call(call) => self.call(call),
            _ => ANY,
        }
    }

    fn call(&self, call: &CallExpr) -> Possible {
        match (compare::operator_of(&call.func_name), call.args.as_slice()) {
            (operators::LOGICAL_AND, [left, right]) => {
                let (left, right) = (self.possible(left), self.possible(right));
                Possible { yes: left.yes && right.yes, no: left.no || right.no }
            }
            (operators::LOGICAL_OR, [left, right]) => {
                let (left, right) = (self.possible(left), self.possible(right));
                Possible { yes: left.yes || right.yes, no: left.no && right.no }
            }
            (operators::LOGICAL_NOT, [operand]) => not(self.possible(operand)),
            (operators::CONDITIONAL, [condition, yes, no]) => {
                let taken = self.possible(condition);
                let (yes, no) = (self.possible(yes), self.possible(no));
                Possible {
                    yes: (taken.yes && yes.yes) || (taken.no && no.yes),
                    no: (taken.yes && yes.no) || (taken.no && no.no),
                }
            }
            (operators::EQUALS, [left, right]) => self.equal(left, right),
            (operators::NOT_EQUALS, [left, right]) => not(self.equal(left, right)),
            (operators::IN, [value, list]) => match &list.expr {
                Expr::List(list) => {
                    let yes = list.elements.iter().any(|one| self.equal(value, one).yes);
                    Possible { yes, no: true }
                }
                _ => ANY,
            },
            (
                operators::LESS
                | operators::LESS_EQUALS
                | operators::GREATER
                | operators::GREATER_EQUALS,
                [left, right],
            ) if differ(left, right) => NEVER,
            _ => ANY,
        }
    }

    fn equal(&self, left: &IdedExpr, right: &IdedExpr) -> Possible {
        if differ(left, right) {
            return NEVER;
        }
        let yes = match (text(left), text(right)) {
            (Some(left), Some(right)) if left == right => return Possible { yes: true, no: false },
            (Some(_), Some(_)) => false,
            (Some(text), None) => self.may_be(right, text),
            (None, Some(text)) => self.may_be(left, text),
            (None, None) => true,
        };
        Possible { yes, no: true }
    }

    /// Whether a field of an event that reaches the filter can be this text.
    fn may_be(&self, node: &IdedExpr, text: &str) -> bool {
        match &node.expr {
            Expr::Select(SelectExpr { operand, field, .. }) if is_event(operand) => {
                match field.as_str() {
                    TYPE => self.event_types.iter().any(|pattern| pattern.matches(text)),
                    ACCOUNT => self.accounts.is_empty() || self.accounts.contains(text),
                    _ => true,
                }
            }
            _ => true,
        }
    }
}

const fn not(possible: Possible) -> Possible {
    Possible { yes: possible.no, no: possible.yes }
}

/// Whether two values are of kinds that are known, and not the same.
fn differ(left: &IdedExpr, right: &IdedExpr) -> bool {
    kind(left).zip(kind(right)).is_some_and(|(left, right)| left != right)
}

fn text(node: &IdedExpr) -> Option<&str> {
    match &node.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

fn kind(node: &IdedExpr) -> Option<Kind> {
    match &node.expr {
        Expr::Literal(literal) => Some(match literal {
            LiteralValue::Boolean(_) => Kind::Boolean,
            LiteralValue::String(_) => Kind::Text,
            LiteralValue::Bytes(_) => Kind::Bytes,
            LiteralValue::Null => Kind::Null,
            LiteralValue::Double(_) | LiteralValue::Int(_) | LiteralValue::UInt(_) => Kind::Number,
        }),
        Expr::List(_) => Some(Kind::List),
        Expr::Map(_) => Some(Kind::Map),
        Expr::Select(select) if select.test => Some(Kind::Boolean),
        Expr::Select(select) if is_event(&select.operand) => match select.field.as_str() {
            TYPE | ACCOUNT => Some(Kind::Text),
            ATTRIBUTES => Some(Kind::Map),
            _ => None,
        },
        Expr::Select(select) => is_attributes(&select.operand).then_some(Kind::Text),
        Expr::Call(call) => kind_of_call(call),
        _ => None,
    }
}

fn kind_of_call(call: &CallExpr) -> Option<Kind> {
    match (call.func_name.as_str(), call.args.first()) {
        (operators::INDEX, Some(operand)) => is_attributes(operand).then_some(Kind::Text),
        ("size" | "int" | "uint" | "double", _) => Some(Kind::Number),
        ("string", _) => Some(Kind::Text),
        ("contains" | "startsWith" | "endsWith" | "bool", _) => Some(Kind::Boolean),
        _ => None,
    }
}

fn is_attributes(node: &IdedExpr) -> bool {
    matches!(&node.expr, Expr::Select(select) if is_event(&select.operand) && select.field == ATTRIBUTES)
}
