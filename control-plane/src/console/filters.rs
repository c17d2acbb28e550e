//! Filters of lists (AIP-160), made of what a person typed.
//!
//! Fed by pages with fields and values; feeds the API with text. Guarantees that what was typed
//! is a value and nothing else.

/// Comparisons joined by AND: a field with its operator, and a value. Those without a value are
/// left out.
pub fn all_of(comparisons: &[(&str, &str)]) -> String {
    let given = comparisons.iter().filter(|(_, value)| !value.trim().is_empty());
    let terms = given.map(|(field, value)| format!("{field}{}", quoted(value.trim())));
    terms.collect::<Vec<_>>().join(" AND ")
}

/// A value in double quotes.
pub fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_is_a_value() {
        assert_eq!(all_of(&[("a:", ""), ("b=", " ")]), "");
        assert_eq!(all_of(&[("a:", "x"), ("b=", ""), ("c=", "y z")]), r#"a:"x" AND c="y z""#);
        assert_eq!(all_of(&[("a:", r#"" OR b="\"#)]), r#"a:"\" OR b=\"\\""#);
    }
}
