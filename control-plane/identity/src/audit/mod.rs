//! What is recorded of changes, and how records are held together.
//!
//! Fed by the API, and by what the system and its commands change by themselves; feeds the
//! store with records, and whoever checks them with faults. Guarantees that a record has
//! no secret and a bounded size, and that one which was changed, removed or moved is
//! found by whoever has the key. Pure: time is a parameter.
//!
//! - `fields`: a resource as records show it. `record`: one change. `chain`: the keyed
//!   hash over a record and all before it. `verifier`: reads a chain and says what is wrong.
//!
//! Keeps the invariant `audit-records-chained`.

mod chain;
mod fields;
mod hash;
mod record;
mod verifier;

pub use chain::{AUDIT_KEY_BYTES, AuditKey, ChainCheckpoint, ChainKey, ChainState};
pub use fields::{AuditFields, FieldChange};
pub use hash::{CHAIN_HASH_BYTES, ChainHash};
pub use record::{AuditChain, AuditDraft, AuditOrigin, AuditRecord};
pub use verifier::{AuditFault, ChainFindings, ChainPosition, ChainVerifier, MAX_REPORTED_FAULTS};
