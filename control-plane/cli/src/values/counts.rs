//! Counts with what they count.

use std::fmt::Display;

/// "1 event", "2 events".
pub fn counted<T: Display + PartialEq + From<u8>>(count: T, one: &str, several: &str) -> String {
    let noun = if count == T::from(1_u8) { one } else { several };
    format!("{count} {noun}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural() {
        let of = |count: i64| counted(count, "event", "events");
        assert_eq!([of(0), of(1), of(2)], ["0 events", "1 event", "2 events"]);
    }
}
