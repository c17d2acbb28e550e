//! The errors of an engine that callers must tell apart.
//!
//! Keeps the invariant `bad-row-isolated`.

/// The result of a store's method.
pub type StoreResult<T> = Result<T, StoreError>;

/// Why an engine failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database could not be reached, was too slow, or gave up a transaction for a
    /// passing reason. The call may have taken effect.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The database rejects this input and always will. The call had no effect
    /// (bad-row-isolated).
    #[error("the database refuses this: {0}")]
    Rejected(String),
    /// The database, its schema, its permissions or this program is at fault, whatever
    /// the input. It fails until somebody repairs it. The call had no effect.
    #[error("the database is at fault: {0}")]
    Faulty(String),
    /// The stored data is not what this program writes. The call may have taken effect.
    #[error("the database holds something unexpected: {0}")]
    Corrupt(String),
}

impl StoreError {
    /// Whether it passes by itself.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// Whether the input is at fault and may be dropped. Everything else is kept and
    /// tried again.
    pub const fn is_rejected_input(&self) -> bool {
        matches!(self, Self::Rejected(_))
    }

    /// Whether the call certainly had no effect.
    pub const fn had_no_effect(&self) -> bool {
        matches!(self, Self::Rejected(_) | Self::Faulty(_))
    }

    /// The error's label in metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::Rejected(_) => "rejected",
            Self::Faulty(_) => "faulty",
            Self::Corrupt(_) => "corrupt",
        }
    }
}

/// Collects the first error of several steps that do not depend on each other.
#[derive(Debug, Default)]
pub struct FirstFault(Option<StoreError>);

impl FirstFault {
    /// Returns the step's value, or `None` if only this step failed.
    ///
    /// # Errors
    /// If the database is unavailable, because the following steps would fail too.
    pub fn keep<T>(&mut self, result: StoreResult<T>) -> StoreResult<Option<T>> {
        match result {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.is_transient() => Err(error),
            Err(error) => {
                self.0.get_or_insert(error);
                Ok(None)
            }
        }
    }

    /// # Errors
    /// The first of all.
    pub fn into_result(self) -> StoreResult<()> {
        self.0.map_or(Ok(()), Err)
    }
}
