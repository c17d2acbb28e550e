//! Conditions shared by several lists.
//!
//! Fed by the API's filters; feeds the engines' queries. Pure.

use postrider_domain::time::Timestamp;

/// A time range: `from <= t < until`, open where `None`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TimeRange {
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

/// A condition on an optional text; empty counts as absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextFilter {
    Is(String),
    Absent,
    Present,
}

impl TextFilter {
    pub fn matches(&self, text: Option<&str>) -> bool {
        let text = text.unwrap_or_default();
        match self {
            Self::Is(wanted) => text == wanted,
            Self::Absent => text.is_empty(),
            Self::Present => !text.is_empty(),
        }
    }
}
