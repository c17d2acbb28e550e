//! From the command line to a request.
//!
//! Fed by the table of commands and by what was typed; feeds whoever calls. Guarantees
//! that every client command has the same options for the server, the tenant and the
//! output, behind it as before it, and that what cannot be a field's value ends as a
//! mistake of usage.

mod common;
mod fields;
mod inputs;
mod names;
mod parser;
mod request;

pub use common::{CommonOptions, common_arguments};
pub use inputs::read_input;
pub use names::full_name;
pub use parser::{client_commands, is_client_command, refuse_own_options_before};
pub use request::{RequestBuilder, many, switch, text};
