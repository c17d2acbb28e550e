//! What docs/upgrading.md says: programs that are replaced one after the other, and programs
//! of one version on the schema of another.
//!
//! Fed by real clusters; feeds nobody. Guarantees that an upgrade costs no publisher more
//! than a second try and no receiver anything, that an older program works on a newer schema
//! that allows it, and that one which is too old says which it needs and touches nothing.

mod newer_schema;
mod rolling;
