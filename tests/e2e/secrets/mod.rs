//! Where secrets are, and where they are not.
//!
//! Fed by clusters of its own. Guarantees that a secret leaves Postrider only in a
//! request to its receiver and in the one answer that shows it.

mod credentials;
mod dump;
mod needles;
mod turn_over;
mod used;
