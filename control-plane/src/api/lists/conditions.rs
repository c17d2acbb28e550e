//! What a filter means in each list.
//!
//! Fed by [`super::filter_syntax`] with comparisons; feeds the list methods a store query, and
//! a test for what the store cannot decide. Guarantees that a field, operator or value
//! that a list does not support is an error and never ignored.

use std::time::Duration;

use postrider_domain::ids::{SubscriptionId, TenantId};
use postrider_domain::time::Timestamp;
use postrider_store::{TextFilter, TimeRange};

use crate::api::lists::filter_syntax;
use crate::api::lists::filter_syntax::{FilterComparison, FilterOperator};
use crate::api::values::{names, time};

/// The resolution of all times.
const TIME_GRAIN: Duration = Duration::from_micros(1);

/// Why a comparison was refused.
#[derive(Debug)]
pub enum ComparisonError {
    /// The list has no such field, or does not compare it with this operator.
    Field(String),
    Value(String),
}

impl From<String> for ComparisonError {
    fn from(problem: String) -> Self {
        Self::Value(problem)
    }
}

/// Parses a filter and passes each comparison to `take`. An error says at which byte,
/// and in which field.
pub fn read(
    text: &str,
    mut take: impl FnMut(&FilterComparison) -> Result<(), ComparisonError>,
) -> Result<(), String> {
    for comparison in filter_syntax::parse(text).map_err(|error| error.to_string())? {
        let FilterComparison { field, at, value_at, .. } = &comparison;
        take(&comparison).map_err(|refusal| match refusal {
            ComparisonError::Field(problem) => format!("at byte {at}: {problem}"),
            ComparisonError::Value(problem) => format!("at byte {value_at}: {field}: {problem}"),
        })?;
    }
    Ok(())
}

pub fn unknown(comparison: &FilterComparison, fields: &str) -> ComparisonError {
    let FilterComparison { field, key, operator, .. } = comparison;
    let key = key.as_ref().map(|key| format!(".{key}")).unwrap_or_default();
    // Negation is already part of the operator.
    let is_not_equal = matches!(operator, FilterOperator::NotEqual);
    let or_not = if is_not_equal { " (nor NOT before =)" } else { "" };
    let operator = operator.symbol();
    ComparisonError::Field(format!(
        "\"{field}{key} {operator}\" is not supported{or_not}; \
         the fields and their operators are {fields}"
    ))
}

/// The condition that a comparison sets on a text, where absent counts as empty; `None`
/// if the operator does not apply to texts.
pub fn text_filter(comparison: &FilterComparison) -> Option<TextFilter> {
    let FilterComparison { operator, value, anything, .. } = comparison;
    Some(match (operator, value.as_str()) {
        (FilterOperator::Equal, "") => TextFilter::Absent,
        (FilterOperator::Equal, text) => TextFilter::Is(text.to_owned()),
        (FilterOperator::NotEqual, "") => TextFilter::Present,
        (FilterOperator::Has, _) if *anything => TextFilter::Present,
        (FilterOperator::HasNot, _) if *anything => TextFilter::Absent,
        _ => return None,
    })
}

/// Adds an equality. Two different values of one field contradict each other.
pub fn equal<T: PartialEq>(slot: &mut Option<T>, value: T, nothing: &mut bool) {
    match slot {
        Some(other) if *other != value => *nothing = true,
        _ => *slot = Some(value),
    }
}

/// Adds the subscription that a name stands for; one of another tenant has nothing here.
pub fn equal_subscription(
    slot: &mut Option<SubscriptionId>,
    comparison: &FilterComparison,
    tenant: &TenantId,
    nothing: &mut bool,
) -> Result<(), String> {
    let key = names::subscription(&comparison.value).map_err(|error| error.to_string())?;
    *nothing |= key.tenant != *tenant;
    equal(slot, key.subscription, nothing);
    Ok(())
}

/// Leaves of the choices the one that is asked for by `=`, or all others by `!=`.
pub fn narrow_choices<T: PartialEq>(choices: &mut Vec<T>, operator: FilterOperator, asked: &T) {
    let is_wanted = operator == FilterOperator::Equal;
    choices.retain(|choice| (choice == asked) == is_wanted);
}

/// What the store is asked of choices: nothing where all are left. None left is a
/// contradiction.
pub fn finish_choices<T>(choices: &mut Vec<T>, all: usize, nothing: &mut bool) {
    *nothing |= choices.is_empty();
    if choices.len() == all {
        choices.clear();
    }
}

/// Adds a condition on a text.
pub fn narrow_text(slot: &mut Option<TextFilter>, asked: TextFilter, nothing: &mut bool) {
    use TextFilter::{Is, Present};
    match (&slot, &asked) {
        (Some(Is(_)), Present) => {}
        (Some(Present), Is(_)) | (None, _) => *slot = Some(asked),
        (Some(other), asked) => *nothing |= other != asked,
    }
}

/// What a comparison by `=` or `!=` asks of a yes or no.
pub fn truth(comparison: &FilterComparison) -> Result<bool, String> {
    let equal = comparison.operator == FilterOperator::Equal;
    match comparison.value.as_str() {
        "true" => Ok(equal),
        "false" => Ok(!equal),
        _ => Err("must be true or false".to_owned()),
    }
}

/// Narrows a time range by one comparison.
pub fn narrow(range: &mut TimeRange, comparison: &FilterComparison) -> Result<(), String> {
    let at = time::parse(&comparison.value)?;
    let from = |range: &mut TimeRange, at: Timestamp| {
        range.from = Some(range.from.map_or(at, |other| other.max(at)));
    };
    let until = |range: &mut TimeRange, at: Timestamp| {
        range.until = Some(range.until.map_or(at, |other| other.min(at)));
    };
    match comparison.operator {
        FilterOperator::GreaterOrEqual => from(range, at),
        FilterOperator::Greater => from(range, at + TIME_GRAIN),
        FilterOperator::Less => until(range, at),
        FilterOperator::LessOrEqual => until(range, at + TIME_GRAIN),
        FilterOperator::Equal
        | FilterOperator::NotEqual
        | FilterOperator::Has
        | FilterOperator::HasNot => {
            return Err("a time is compared with <, <=, > or >=".to_owned());
        }
    }
    Ok(())
}

/// The same range for times in whole milliseconds, such as those in ids.
pub fn whole_millis(range: TimeRange) -> TimeRange {
    let up = |at: Timestamp| (at + Duration::from_micros(999)).truncate_to_millis();
    TimeRange { from: range.from.map(up), until: range.until.map(up) }
}

pub fn within(range: &TimeRange, at: Timestamp) -> bool {
    range.from.is_none_or(|from| from <= at) && range.until.is_none_or(|until| at < until)
}

/// Whether `text` contains `part`, ignoring case.
pub fn contains(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(&part.to_lowercase())
}

/// Parses an enum value by name, with or without the enum's prefix.
pub fn named<T: Copy>(text: &str, prefix: &str, all: &[(&'static str, T)]) -> Result<T, String> {
    let short = |name: &'static str| name.strip_prefix(prefix).unwrap_or(name);
    let wanted = text.strip_prefix(prefix).unwrap_or(text);
    if let Some((_, value)) = all.iter().find(|(name, _)| short(name) == wanted) {
        return Ok(*value);
    }
    let names: Vec<_> = all.iter().map(|(name, _)| short(name)).collect();
    Err(format!("\"{text}\" is not one of {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(filter: &str) -> TimeRange {
        let mut range = TimeRange::default();
        read(filter, |comparison| Ok(narrow(&mut range, comparison)?)).unwrap();
        range
    }

    #[test]
    fn spans_are_exact_to_the_microsecond() {
        let at = |us| Timestamp::from_micros(us);
        let closed = range(r#"t >= "1970-01-01T00:00:01Z" AND t <= "1970-01-01T00:00:02Z""#);
        assert!(within(&closed, at(1_000_000)) && within(&closed, at(2_000_000)));
        let open = range(r#"t > "1970-01-01T00:00:01Z" AND t < "1970-01-01T00:00:02Z""#);
        assert!(!within(&open, at(1_000_000)) && !within(&open, at(2_000_000)));
        assert!(within(&open, at(1_000_001)) && within(&open, at(1_999_999)));
        let millis = whole_millis(open);
        assert_eq!((millis.from, millis.until), (Some(at(1_001_000)), Some(at(2_000_000))));
    }

    #[test]
    fn both_spellings_of_a_name_are_understood_and_another_is_told_the_names() {
        let all = [("COLOUR_RED", 1), ("COLOUR_BLUE", 2)];
        assert_eq!(named("RED", "COLOUR_", &all), Ok(1));
        assert_eq!(named("COLOUR_BLUE", "COLOUR_", &all), Ok(2));
        let error = named("GREEN", "COLOUR_", &all).unwrap_err();
        assert_eq!(error, "\"GREEN\" is not one of RED, BLUE");
        let error =
            read("a = 1 AND colour = GREEN", |comparison| match comparison.field.as_str() {
                "colour" => Ok(named(&comparison.value, "COLOUR_", &all).map(|_| ())?),
                _ => Ok(()),
            });
        assert_eq!(error.unwrap_err(), "at byte 19: colour: \"GREEN\" is not one of RED, BLUE");
    }

    #[test]
    fn texts_that_are_absent_are_asked_for_in_four_ways() {
        let asked = |text: &str| text_filter(&filter_syntax::parse(text).unwrap()[0]);
        for absent in ["t = \"\"", "NOT t:*", "-t:*", "NOT t != \"\""] {
            assert_eq!(asked(absent), Some(TextFilter::Absent), "{absent}");
        }
        for present in ["t:*", "t != \"\""] {
            assert_eq!(asked(present), Some(TextFilter::Present), "{present}");
        }
        assert_eq!(asked("t = \"*\""), Some(TextFilter::Is("*".to_owned())));
        for other in ["t:x", "t:\"*\"", "t != x", "t < x"] {
            assert_eq!(asked(other), None, "{other}");
        }
    }

    #[test]
    fn the_last_moment_of_the_calendar_bounds_nothing() {
        let all = range(r#"t >= "0000-01-01T00:00:00Z" AND t <= "9999-12-31T23:59:59.999999Z""#);
        assert!(within(&whole_millis(all), Timestamp::from_micros(1_793_491_200_000_000)));
    }

    #[test]
    fn the_narrower_of_two_bounds_counts() {
        let two = range(r#"t < "1970-01-01T00:00:01Z" AND t < "1970-01-01T00:00:05Z""#);
        assert_eq!(two.until, Some(Timestamp::from_micros(1_000_000)));
        let into_none = |c: &FilterComparison| Ok(narrow(&mut TimeRange::default(), c)?);
        assert!(read("t = 1", into_none).is_err());
        let error = read(r#"t < "yesterday""#, into_none);
        assert!(error.unwrap_err().starts_with("at byte 4: t: "));
    }
}
