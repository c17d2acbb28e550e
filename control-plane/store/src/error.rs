//! What can go wrong in an engine, as far as a caller acts on it.

/// The result of a store's method.
pub type StoreResult<T> = Result<T, StoreError>;

/// Why an engine did not do as told.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database could not be reached, was too slow, or gave up a transaction
    /// for a reason that passes. Whether the call took effect is not known.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The database refuses this very input, and will again (rule 6).
    #[error("the database refused the data: {0}")]
    Rejected(String),
    /// What is stored contradicts what this program writes.
    #[error("the database holds something unexpected: {0}")]
    Corrupt(String),
}

impl StoreError {
    /// Whether the same call may succeed later.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}
