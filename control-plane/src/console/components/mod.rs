//! What pages are made of.
//!
//! Fed by pages with messages of the API; feeds them markup. Guarantees that every text is
//! escaped, that what is drawn is told in words too, and that nothing needs a script.
//!
//! - `forms`: fields, with what is wrong in each. `menus`: what can be done. `tables`: lists and
//!   their pages. `times`, `badges`, `icons`: single values. `attempts`: what was sent and
//!   answered. `charts`, `waterfall`, `time_lines`: drawings.

pub mod attempts;
pub mod badges;
pub mod charts;
pub mod forms;
pub mod icons;
pub mod menus;
pub mod tables;
pub mod time_lines;
pub mod times;
pub mod waterfall;
