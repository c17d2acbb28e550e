//! Which server is called, as whom, and for which tenant.
//!
//! Fed by flags, the environment and the file of contexts; feeds every command with a
//! client. Guarantees that a flag beats a context that a flag names, that this one beats
//! the environment, and that the environment beats the current context; and that a file
//! with a token that others can read is told of.

mod choice;
mod connection;
mod context_file;

pub use choice::{TargetChoice, TargetOptions};
pub use connection::{connect, tls_files};
pub use context_file::{ContextEntry, ContextFile};
