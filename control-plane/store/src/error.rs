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
    /// The database refuses this very input, and will again (rule 6). The call had no
    /// effect.
    #[error("the database refuses this: {0}")]
    Rejected(String),
    /// The database, its schema, its rights or this program is at fault, whatever the
    /// data: it refuses until somebody has mended that. The call had no effect.
    #[error("the database is at fault: {0}")]
    Faulty(String),
    /// What is stored contradicts what this program writes. Whether the call took
    /// effect is not known.
    #[error("the database holds something unexpected: {0}")]
    Corrupt(String),
}

impl StoreError {
    /// Whether it passes by itself.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// Whether the data given is to blame, and may be given up. Anything else is kept,
    /// and tried again.
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Rejected(_))
    }

    /// Whether the call certainly had no effect.
    pub const fn denies_effect(&self) -> bool {
        matches!(self, Self::Rejected(_) | Self::Faulty(_))
    }

    /// What it is called in metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::Rejected(_) => "rejected",
            Self::Faulty(_) => "faulty",
            Self::Corrupt(_) => "corrupt",
        }
    }
}

/// The first error among things that are done one after the other, of which one that
/// fails is no reason to leave the others undone.
#[derive(Debug, Default)]
pub struct FirstFault(Option<StoreError>);

impl FirstFault {
    /// The answer; nothing when that thing alone failed.
    ///
    /// # Errors
    /// When the database is away: what follows would fail as well.
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
