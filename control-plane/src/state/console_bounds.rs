//! How many sessions of the web console there may be.
//!
//! Fed by the console and by the service that makes portals' tokens, with a caller; feeds the
//! store with bounds. Guarantees that no tenant and no caller takes the room of all others.
//!
//! Keeps the invariant `bounded-everything`.

use std::time::Duration;

use postrider_identity::{CallerIdentity, Principal};
use postrider_store::ConsoleBounds;

/// Most sessions and codes of an installation: as many as there are tokens.
const MAX_SESSIONS: u64 = 100_000;
/// The last of these are for callers of the installation: tenants do not keep operators out.
const SESSIONS_RESERVED_FOR_INSTALLATION: u64 = 10_000;
/// Most of one tenant, as of its tokens.
const MAX_TENANT_SESSIONS: u64 = 10_000;
/// Most of one caller: a person's browsers on some machines, or a team's that shares a token.
const MAX_CALLER_SESSIONS: u32 = 64;
/// Most of one portal token, which is one visit's.
const MAX_PORTAL_SESSIONS: u32 = 2;
/// How long the code of a portal's link is good.
pub const PORTAL_CODE_TTL: Duration = Duration::from_secs(60);

/// What holds for a session of a caller, and for the code of a link that begins one.
pub fn console_bounds(identity: &CallerIdentity) -> ConsoleBounds {
    let all = match identity.counted_tenant() {
        Some(_) => MAX_SESSIONS - SESSIONS_RESERVED_FOR_INSTALLATION,
        None => MAX_SESSIONS,
    };
    let of_caller = match identity.principal {
        Principal::PortalToken(_) => MAX_PORTAL_SESSIONS,
        Principal::Token(_)
        | Principal::Subject { .. }
        | Principal::Certificate(_)
        | Principal::Unknown => MAX_CALLER_SESSIONS,
    };
    ConsoleBounds { all, of_tenant: MAX_TENANT_SESSIONS, of_caller }
}
