//! Forms of browsers without a session that are still arriving.
//!
//! Fed by `serve`; feeds it with forms that are to end. Guarantees that so many are waited for
//! and no more, and that who sends slowly keeps nobody from signing in: a new form takes the
//! place of the oldest, and a browser sends its own at once.
//!
//! Keeps the invariant `bounded-everything`.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

#[derive(Default)]
struct FormList {
    next_number: u64,
    arriving: BTreeMap<u64, CancellationToken>,
}

/// See the module.
pub struct ArrivingForms {
    list: Mutex<FormList>,
    max: usize,
}

impl ArrivingForms {
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { list: Mutex::default(), max })
    }

    /// Begins to wait for a form; beyond the limit the oldest ends.
    pub fn begin(self: &Arc<Self>) -> ArrivingForm {
        let displaced = CancellationToken::new();
        let mut list = self.list.lock();
        let number = list.next_number;
        list.next_number += 1;
        list.arriving.insert(number, displaced.clone());
        let oldest = (list.arriving.len() > self.max).then(|| list.arriving.pop_first()).flatten();
        drop(list);
        if let Some((_, oldest)) = oldest {
            oldest.cancel();
        }
        ArrivingForm { forms: Arc::clone(self), number, displaced }
    }
}

/// A form that is waited for, until this is dropped.
pub struct ArrivingForm {
    forms: Arc<ArrivingForms>,
    number: u64,
    /// Cancelled once another one has its place.
    pub displaced: CancellationToken,
}

impl Drop for ArrivingForm {
    fn drop(&mut self) {
        self.forms.list.lock().arriving.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_form_takes_the_place_of_the_oldest() {
        let forms = ArrivingForms::new(2);
        let (first, second) = (forms.begin(), forms.begin());
        assert!(!first.displaced.is_cancelled());
        let third = forms.begin();
        assert!(first.displaced.is_cancelled() && !second.displaced.is_cancelled());
        drop((first, second));
        let fourth = forms.begin();
        assert!(!third.displaced.is_cancelled() && !fourth.displaced.is_cancelled());
        drop((third, fourth));
        assert!(forms.list.lock().arriving.is_empty());
    }
}
