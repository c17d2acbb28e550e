//! Why a POST cannot be signed, and how many schemes and keys there may be.

use http::HeaderName;
use thiserror::Error;

/// The control plane permits far fewer; more would not fit into a request.
pub const MAX_SCHEMES: usize = 16;
/// Eight times what the control plane permits, so that an older agent takes what a newer
/// one allows.
pub const MAX_KEYS_PER_SCHEME: usize = 64;

/// Why a POST cannot be signed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SigningError {
    /// A POST is never sent unsigned by mistake.
    #[error("the subscription has no signing key")]
    NoKey,
    /// Each may become a header line.
    #[error(
        "more than {MAX_SCHEMES} signature schemes, or more than {MAX_KEYS_PER_SCHEME} keys for one scheme"
    )]
    TooManyKeys,
    /// A key without bytes proves nothing.
    #[error("a signing key is empty")]
    EmptyKey,
    /// The update that would have brought new ones did not come.
    #[error("every signing key of a signature scheme has expired")]
    AllKeysExpired,
    /// The control plane is newer than the agent.
    #[error(
        "this agent does not support one of the signature schemes; it may be older than the control plane"
    )]
    UnknownScheme,
    /// The key of another scheme.
    #[error("an ed25519 signing key must have 32 bytes")]
    InvalidSeed,
    /// The library's word; it gives no reason.
    #[error("an ed25519 signature could not be made")]
    Ed25519Failed,
    /// Not a token, or a name that means something else.
    #[error("{0:?} is not permitted as a signature header's name")]
    HeaderName(String),
    /// With a line break, for instance. What it is may be secret.
    #[error("the signature for the header {0} is not a valid header value")]
    HeaderValue(HeaderName),
}
