//! Entrances for fuzzing: what is made of the form of a subscription.
//!
//! Fed by `tests/fuzz` with requests; feeds it what came of them. Guarantees that the code is
//! that of the pages; only the catalogue and what the API says are left out.

use postrider_proto::v1;

use super::form_reading;
use super::form_values::FormValues;
use crate::console::failure::FormErrors;
use crate::console::request::BrowserRequest;

/// The subscription that a form tells, and what is wrong with it.
pub fn read_form(request: &BrowserRequest) -> (v1::Subscription, FormErrors) {
    read(&FormValues::sent(request))
}

/// The same of the form in which a subscription is shown.
pub fn reread_subscription(shown: &v1::Subscription) -> (v1::Subscription, FormErrors) {
    read(&FormValues::of(shown))
}

fn read(values: &FormValues) -> (v1::Subscription, FormErrors) {
    let mut errors = FormErrors::default();
    let subscription = form_reading::read(values, &mut errors);
    (subscription, errors)
}
