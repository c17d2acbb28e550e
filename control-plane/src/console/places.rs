//! Places for forms of browsers without a session, while they arrive.
//!
//! Fed by `serve`; feeds it with what is to end. Guarantees that so many are waited for and no
//! more, and that who is slow keeps nobody from signing in: a newcomer takes the place of the
//! oldest, and a browser sends its form at once.
//!
//! Keeps the invariant `bounded-everything`.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

#[derive(Default)]
struct PlaceList {
    next_number: u64,
    taken: BTreeMap<u64, CancellationToken>,
}

/// See the module.
pub struct Places {
    list: Mutex<PlaceList>,
    max: usize,
}

impl Places {
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { list: Mutex::default(), max })
    }

    /// Begins to wait for something; beyond the limit the oldest ends.
    pub fn begin(self: &Arc<Self>) -> Place {
        let displaced = CancellationToken::new();
        let mut list = self.list.lock();
        let number = list.next_number;
        list.next_number += 1;
        list.taken.insert(number, displaced.clone());
        let oldest = (list.taken.len() > self.max).then(|| list.taken.pop_first()).flatten();
        drop(list);
        if let Some((_, oldest)) = oldest {
            oldest.cancel();
        }
        Place { places: Arc::clone(self), number, displaced }
    }
}

/// Something that is waited for, until this is dropped.
pub struct Place {
    places: Arc<Places>,
    number: u64,
    /// Cancelled once another one has its place.
    pub displaced: CancellationToken,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.list.lock().taken.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newcomer_takes_the_place_of_the_oldest() {
        let places = Places::new(2);
        let (first, second) = (places.begin(), places.begin());
        assert!(!first.displaced.is_cancelled());
        let third = places.begin();
        assert!(first.displaced.is_cancelled() && !second.displaced.is_cancelled());
        drop((first, second));
        let fourth = places.begin();
        assert!(!third.displaced.is_cancelled() && !fourth.displaced.is_cancelled());
        drop((third, fourth));
        assert!(places.list.lock().taken.is_empty());
    }
}
