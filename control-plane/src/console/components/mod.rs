//! What pages are made of.
//!
//! Fed by pages with messages of the API; feeds them markup. Guarantees that every text is
//! escaped, that what is drawn is told in words too, and that nothing needs a script.
//!
//! - `forms`: fields, with what is wrong in each. `tables`: lists and their pages. `times`,
//!   `badges`, `icons`: single values. `charts`, `waterfall`: drawings.

pub mod badges;
pub mod charts;
pub mod forms;
pub mod icons;
pub mod tables;
pub mod times;
pub mod waterfall;
