//! The bytes that are held for all connections of the same agent, or of the same caller.
//!
//! Fed by `accept` with each agent's connection, and by the API with callers whose answers
//! are large; feeds them the count that is shared. Guarantees that nobody gets a larger part
//! by connecting more often.

use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

/// The counts of those who hold something, by who they are: an agent by all names in its
/// certificate, since one that replaces it has the same; a caller as logs name it.
#[derive(Default)]
pub struct HolderBytes(Mutex<HashMap<String, Weak<AtomicUsize>>>);

impl HolderBytes {
    /// The count that all of somebody's connections share.
    pub fn shared(&self, holder: &str) -> Arc<AtomicUsize> {
        let mut counts = self.0.lock();
        if let Some(count) = counts.get(holder).and_then(Weak::upgrade) {
            return count;
        }
        counts.retain(|_, count| count.strong_count() > 0);
        let fresh = Arc::default();
        counts.insert(holder.to_owned(), Arc::downgrade(&fresh));
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_of_the_same_holder_share_a_count() {
        let counts = HolderBytes::default();
        let first = counts.shared("a");
        assert!(Arc::ptr_eq(&first, &counts.shared("a")));
        let other = counts.shared("b");
        assert!(!Arc::ptr_eq(&first, &other));
        drop((first, other));
        drop(counts.shared("c"));
        assert_eq!(counts.0.lock().len(), 1, "nobody is remembered for good");
    }
}
