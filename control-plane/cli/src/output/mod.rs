//! Answers as tables, as details, and as JSON and YAML.
//!
//! Fed by messages that know their fields; feeds standard output. Guarantees that what a
//! person reads has no raw control character of anybody's, and that JSON and YAML are the
//! API's own, with all fields that are set, under the names that they have in its JSON.

mod columns;
mod details;
mod documents;
mod printer;
mod scalars;
mod text_table;

pub use printer::{AnswerPrinter, OutputFormat};
pub use scalars::{short_name, spoken_enum};
pub use text_table::TextTable;
