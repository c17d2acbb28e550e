//! Access tokens for receivers that want one: OAuth 2.0's client credentials.
//!
//! Fed by `attempt` with clients of token servers; feeds it tokens. Guarantees that a token
//! serves only subscriptions of one tenant with the same credentials, that all who wait for
//! one share a fetch, that a fetch is bounded in time and in what is read, and that its
//! address was judged like a receiver's: customers choose it.
//!
//! ```text
//! attempt ─▶ keeper ─▶ fetch ─▶ client (resolve, guard, connections)
//!               └─────────┴───▶ token_client, token
//! ```
//!
//! Keeps the invariants `nothing-shared-across-credentials` and `only-judged-addresses`.

pub mod assertion;
pub mod fetch;
pub mod keeper;
pub mod token;
pub mod token_client;

pub use self::keeper::TokenKeeper;
pub use self::token::AccessToken;
pub use self::token_client::TokenClient;
