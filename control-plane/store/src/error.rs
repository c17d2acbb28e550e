//! The errors of an engine that callers must tell apart.
//!
//! Keeps the invariant `bad-row-isolated`.

use std::fmt::Display;

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
    /// What is stored of one tenant, or of one of its subscriptions, is not what this program
    /// wrote, or was not written for this place. It fails until somebody repairs it; what
    /// others have can be read (bad-row-isolated). Of calls that read.
    #[error("{resource} cannot be read: {problem}")]
    UnreadableConfig {
        /// Its name: "tenants/acme/subscriptions/orders".
        resource: String,
        problem: String,
    },
    /// One row of the history, of work or of tokens is not what this program wrote. It fails
    /// until somebody repairs it; all others can be read (bad-row-isolated). Of calls that read.
    #[error("{row} cannot be read: {problem}")]
    UnreadableRow {
        /// The name of what it holds: "tenants/acme/events/evt_…".
        row: String,
        problem: String,
    },
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

    /// Whether one tenant's configuration is at fault, and no other's.
    pub const fn is_of_one_tenant(&self) -> bool {
        matches!(self, Self::UnreadableConfig { .. })
    }

    /// As the fault of what a row was read for.
    pub(crate) fn in_config(self, resource: &dyn Display) -> Self {
        match self {
            Self::Corrupt(problem) => {
                Self::UnreadableConfig { resource: resource.to_string(), problem }
            }
            other => other,
        }
    }

    /// As the fault of one row.
    pub(crate) fn in_row(self, row: impl FnOnce() -> String) -> Self {
        match self {
            Self::Corrupt(problem) => Self::UnreadableRow { row: row(), problem },
            other => other,
        }
    }

    /// The error's label in metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::Rejected(_) => "rejected",
            Self::Faulty(_) => "faulty",
            Self::Corrupt(_) => "corrupt",
            Self::UnreadableConfig { .. } | Self::UnreadableRow { .. } => "unreadable",
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

    /// As [`Self::keep`], for a step that reads one tenant's configuration: one that cannot be
    /// read is passed over, and is no fault of the whole. Whoever read it has told of it.
    ///
    /// # Errors
    /// As [`Self::keep`].
    pub fn keep_readable<T>(&mut self, result: StoreResult<T>) -> StoreResult<Option<T>> {
        match result {
            Err(error) if error.is_of_one_tenant() => Ok(None),
            other => self.keep(other),
        }
    }

    /// # Errors
    /// The first of all.
    pub fn into_result(self) -> StoreResult<()> {
        self.0.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_tenant_has_wrong_is_named_and_passed_over() {
        let corrupt = || StoreError::Corrupt("settings is no JSON".to_owned());
        let error = corrupt().in_config(&"tenants/acme/subscriptions/erp");
        let words = "tenants/acme/subscriptions/erp cannot be read: settings is no JSON";
        assert_eq!(error.to_string(), words);
        let mut faults = FirstFault::default();
        assert!(faults.keep_readable::<()>(Err(error.clone())).unwrap().is_none());
        assert_eq!(faults.keep_readable(Ok(7)).unwrap(), Some(7));
        faults.into_result().unwrap();
        let mut faults = FirstFault::default();
        faults.keep_readable::<()>(Err(corrupt())).unwrap();
        faults.keep::<()>(Err(error)).unwrap();
        assert!(matches!(faults.into_result(), Err(StoreError::Corrupt(_))));
        let away = || StoreError::Unavailable("away".to_owned()).in_config(&"tenants/acme");
        assert!(FirstFault::default().keep_readable::<()>(Err(away())).is_err());
    }
}
