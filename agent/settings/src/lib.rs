//! How both programs read their settings.
//!
//! Fed by an embedded TOML file, which has every setting with its default and is the
//! documentation, and by a file, the environment and flags, which override it in that
//! order; feeds each program its settings. Guarantees that a wrong name or value is told
//! with the setting and the place where it was given: the file and line, the variable, or
//! the flag.

mod effective;
mod environment;
mod error;
mod file;
mod format;
mod ranges;
mod sources;
mod values;
mod written;

pub use effective::EffectiveSetting;
pub use error::{SettingOrigin, SettingPlaces, SettingsError};
pub use format::SettingsFormat;
pub use ranges::{SettingRange, check_range, require_at_most, whole_numbers};
pub use sources::SettingSources;
pub use values::{list, parsed, parsed_unless_empty};
