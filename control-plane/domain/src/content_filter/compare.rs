//! Comparisons of numbers, exact.
//!
//! Fed by an accepted filter's syntax tree, whose comparisons it replaces by calls of
//! its own functions, and by the interpreter with what is compared; feeds it the answer.
//! Guarantees that an integer is never rounded to be compared with a double, as the
//! interpreter's own operators do (CEL, "Numeric values": one continuous line), and that
//! two numbers whose order is not known are not said to have one.
//!
//! Not known is whether two numbers are equal that reach 2^63 and are not both integers
//! of 64 bits: a payload's integer beyond 64 bits, which arrives as the nearest double,
//! may be either of many.

use std::cmp::Ordering;

use cel::common::ast::{EntryExpr, Expr, IdedExpr, operators};
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelString, CelUInt, DYN_TYPE,
};
use cel::common::value::{CowVal, Val};
use cel::{Env, ExecutionError};

/// Names that no filter can contain, what they replace, and the functions.
const COMPARISON_FUNCTIONS: [(&str, &str, cel::common::functions::Function); 7] = [
    (operators::EQUALS, "@exact_equals", |both| pair(both, |a, b| equals(a, b))),
    (operators::NOT_EQUALS, "@exact_not_equals", |both| pair(both, |a, b| Ok(!equals(a, b)?))),
    (operators::LESS, "@exact_less", |both| pair(both, |a, b| Ok(compare(a, b)?.is_lt()))),
    (operators::LESS_EQUALS, "@exact_less_equals", |both| {
        pair(both, |a, b| Ok(compare(a, b)?.is_le()))
    }),
    (operators::GREATER, "@exact_greater", |both| pair(both, |a, b| Ok(compare(a, b)?.is_gt()))),
    (operators::GREATER_EQUALS, "@exact_greater_equals", |both| {
        pair(both, |a, b| Ok(compare(a, b)?.is_ge()))
    }),
    (operators::IN, "@exact_in", |both| pair(both, is_in)),
];

/// The function that reports an unknown order.
const UNKNOWN_ORDER: &str = "@unknown_order";
/// 2^63: equal doubles from here on may stand for different integers.
const MIN_UNSURE_DOUBLE: f64 = 9_223_372_036_854_775_808.0;
/// 2^64: above every 64-bit integer.
const ABOVE_ALL_INTEGERS: f64 = 18_446_744_073_709_551_616.0;

/// Adds the functions to an environment.
pub(super) fn with_comparisons(mut env: Env) -> Env {
    for (_, name, function) in COMPARISON_FUNCTIONS {
        // Fails only if a name is taken; then each evaluation fails, which delivers.
        let _ = env.add_overload(name, name, vec![DYN_TYPE, DYN_TYPE], function);
    }
    env
}

/// Whether an error reports an unknown order.
pub(super) fn is_unknown_order(error: &ExecutionError) -> bool {
    matches!(error, ExecutionError::FunctionError { function, .. } if function == UNKNOWN_ORDER)
}

/// Replaces the comparisons of a tree whose depth was checked.
pub(super) fn replace(node: &mut IdedExpr) {
    match &mut node.expr {
        Expr::Call(call) => {
            if call.target.is_none() && call.args.len() == 2 {
                let ours =
                    COMPARISON_FUNCTIONS.iter().find(|(operator, ..)| call.func_name == *operator);
                if let Some((_, name, _)) = ours {
                    call.func_name = (*name).to_owned();
                }
            }
            call.target.iter_mut().for_each(|target| replace(target));
            call.args.iter_mut().for_each(replace);
        }
        Expr::Select(select) => replace(&mut select.operand),
        Expr::List(list) => list.elements.iter_mut().for_each(replace),
        Expr::Map(map) => {
            for entry in &mut map.entries {
                if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                    replace(&mut entry.key);
                    replace(&mut entry.value);
                }
            }
        }
        Expr::Comprehension(inner) => {
            let parts = [
                &mut inner.iter_range,
                &mut inner.accu_init,
                &mut inner.loop_cond,
                &mut inner.loop_step,
                &mut inner.result,
            ];
            parts.into_iter().for_each(replace);
        }
        // Messages are refused; the others have no children.
        Expr::Struct(_) | Expr::Literal(_) | Expr::Ident(_) | Expr::Unspecified => {}
    }
}

/// The operator that a function replaced.
pub(super) fn operator_of(name: &str) -> &str {
    let replaced = COMPARISON_FUNCTIONS.iter().find(|(_, ours, _)| *ours == name);
    replaced.map_or(name, |(operator, ..)| operator)
}

fn pair<'b, 'v>(
    both: Vec<CowVal<'b, 'v>>,
    decide: impl FnOnce(&dyn Val, &dyn Val) -> Result<bool, ExecutionError>,
) -> Result<CowVal<'b, 'v>, ExecutionError> {
    match both.as_slice() {
        [left, right] => Ok(CowVal::owned(CelBool::from(decide(left.as_ref(), right.as_ref())?))),
        _ => Err(ExecutionError::function_error("comparison", "takes two values")),
    }
}

/// A number of any of the three types.
#[derive(Clone, Copy)]
enum CelNumber {
    Whole(i128),
    Double(f64),
}

fn number(value: &dyn Val) -> Option<CelNumber> {
    if let Some(int) = value.downcast_ref::<CelInt>() {
        Some(CelNumber::Whole((*int.inner()).into()))
    } else if let Some(uint) = value.downcast_ref::<CelUInt>() {
        Some(CelNumber::Whole((*uint.inner()).into()))
    } else {
        value.downcast_ref::<CelDouble>().map(|double| CelNumber::Double(*double.inner()))
    }
}

/// `None` if it is not a number.
fn order(left: CelNumber, right: CelNumber) -> Result<Option<Ordering>, ExecutionError> {
    let (found, unsure) = match (left, right) {
        (CelNumber::Whole(left), CelNumber::Whole(right)) => return Ok(Some(left.cmp(&right))),
        (CelNumber::Double(left), CelNumber::Double(right)) => {
            (left.partial_cmp(&right), left.abs() >= MIN_UNSURE_DOUBLE)
        }
        (CelNumber::Whole(left), CelNumber::Double(right)) => {
            (whole_and_double(left, right), right.abs() >= MIN_UNSURE_DOUBLE)
        }
        (CelNumber::Double(left), CelNumber::Whole(right)) => {
            let found = whole_and_double(right, left).map(Ordering::reverse);
            (found, left.abs() >= MIN_UNSURE_DOUBLE)
        }
    };
    match found {
        Some(Ordering::Equal) if unsure => {
            Err(ExecutionError::function_error(UNKNOWN_ORDER, "beyond 64 bits"))
        }
        found => Ok(found),
    }
}

/// The order of an integer of 64 bits, signed or not, and a double.
fn whole_and_double(whole: i128, double: f64) -> Option<Ordering> {
    if double.is_nan() {
        return None;
    }
    if double >= ABOVE_ALL_INTEGERS {
        return Some(Ordering::Less);
    }
    if double <= -ABOVE_ALL_INTEGERS {
        return Some(Ordering::Greater);
    }
    // Exact: it is whole, and within 2^64.
    let cut = double.trunc() as i128;
    // Of equal ones, what was cut off decides.
    Some(whole.cmp(&cut).then(0.0_f64.partial_cmp(&double.fract())?))
}

fn compare(left: &dyn Val, right: &dyn Val) -> Result<Ordering, ExecutionError> {
    let refused = || ExecutionError::function_error("comparison", "of what has no order");
    match number(left).zip(number(right)) {
        Some((left, right)) => order(left, right)?.ok_or_else(refused),
        None => left.as_comparer().ok_or_else(refused)?.compare(right),
    }
}

/// Lists and maps are equal if all entries are; the depth of both is bounded.
fn equals(left: &dyn Val, right: &dyn Val) -> Result<bool, ExecutionError> {
    if let Some((left, right)) = number(left).zip(number(right)) {
        return Ok(order(left, right)? == Some(Ordering::Equal));
    }
    if let Some((left, right)) = left.downcast_ref::<CelList>().zip(right.downcast_ref::<CelList>())
    {
        let (left, right) = (left.inner(), right.inner());
        if left.len() != right.len() {
            return Ok(false);
        }
        for (left, right) in left.iter().zip(right) {
            if !equals(left.as_ref(), right.as_ref())? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    if let Some((left, right)) = left.downcast_ref::<CelMap>().zip(right.downcast_ref::<CelMap>()) {
        if left.inner().len() != right.inner().len() {
            return Ok(false);
        }
        let Some(found) = right.as_indexer() else { return Ok(false) };
        for (key, left) in left.inner() {
            let Ok(right) = found.get(key.inner()) else { return Ok(false) };
            if !equals(left.as_ref(), right.as_ref())? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    Ok(left.equals(right))
}

fn is_in(value: &dyn Val, container: &dyn Val) -> Result<bool, ExecutionError> {
    if let Some(list) = container.downcast_ref::<CelList>() {
        let is_text = value.downcast_ref::<CelString>().is_some();
        for entry in list.inner() {
            let entry = entry.as_ref();
            // Texts equal only texts, which needs no further comparison.
            let is_equal = if is_text { value.equals(entry) } else { equals(value, entry)? };
            if is_equal {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    let refused = || ExecutionError::function_error("in", "of what has no entries");
    container.as_container().ok_or_else(refused)?.contains(value)
}
