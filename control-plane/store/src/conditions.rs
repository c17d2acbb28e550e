//! Conditions that several lists have.
//!
//! Fed by the API's filters; feeds the engines' queries. Pure.

use postrider_domain::time::Timestamp;

/// A span of time, both ends open when `None`: `from <= t < until`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TimeRange {
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

/// What a text that need not be there is asked to be. One that is empty is as one that
/// is absent.
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
