//! Who calls, what that caller may do, and what is recorded of it.
//!
//! Fed by the control plane with credentials, claims and settings; feeds its API with a
//! [`CallerIdentity`] and with the rules by which a call is judged. Guarantees that
//! nothing is allowed that no grant allows, and that nobody passes on more than he has.
//! Pure: time and randomness are parameters.
//!
//! - `caller`: who calls; `token`, `claims`: from what. `permission`, `role`, `grant`, `access`:
//!   what that caller may do.
//! - `audit`: records of changes, and the chains that hold them together.
//! - `console_session`: who is signed in at the web console.

mod access;
mod audit;
mod caller;
mod claims;
mod console_session;
mod grant;
mod permission;
mod role;
mod token;

pub use access::{AccessDenial, MethodAccess, MethodReach};
pub use audit::{
    AUDIT_KEY_BYTES, AuditChain, AuditDraft, AuditFault, AuditFields, AuditKey, AuditOrigin,
    AuditRecord, CHAIN_HASH_BYTES, ChainCheckpoint, ChainFindings, ChainHash, ChainKey,
    ChainPosition, ChainState, ChainVerifier, FieldChange, MAX_REPORTED_FAULTS,
};
pub use caller::{CallerIdentity, Principal};
pub use claims::{ClaimMapping, ClaimMappingError, ClaimRule, ClaimScope};
pub use console_session::{
    CONSOLE_ID_BYTES, ConsoleEntryKind, ConsoleHash, ConsoleId, ConsoleIdKey, ConsoleSession,
};
pub use grant::{Grant, GrantError, GrantScope, MAX_GRANT_TENANTS, MAX_GRANTS};
pub use permission::{ALL_PERMISSIONS, Permission, UnknownPermission};
pub use role::{ALL_ROLES, Role, UnknownRole};
pub use token::{
    IssuedToken, SECRET_BYTES, TOKEN_ID_BYTES, TokenHash, TokenId, TokenKind, TokenRecord,
    TokenText, TokenTextError,
};
