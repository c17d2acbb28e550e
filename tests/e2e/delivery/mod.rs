//! From publish to receipt.
//!
//! Fed by a small cluster on each engine; feeds `tests/run`. Guarantees that
//! every way to publish ends in one signed webhook for each subscription that
//! matches, with the bytes that were published.

mod dressed;
mod filtered;
mod idempotency;
mod matching;
mod ordered;
mod ways;
mod webhook;

use postrider_tests::cluster::{Cluster, Engine};

async fn what_is_published_arrives_as_asked(engine: Engine) {
    let cluster = Cluster::small(engine).await.unwrap();
    play!(
        &cluster;
        ways::unary,
        ways::batch_with_a_bad_entry,
        ways::stream,
        webhook::a_scheme_in_capitals,
        webhook::bytes_are_kept,
        webhook::headers,
        webhook::trace_of_the_call,
        dressed::an_envelope_signed_by_a_bare_hmac,
        dressed::symmetric_and_asymmetric,
        dressed::one_line_for_each_secret,
        dressed::unsigned_cloud_events,
        dressed::grace_has_a_default_and_an_end,
        dressed::what_cannot_be_sent_is_refused,
        matching::accounts,
        matching::event_types,
        matching::nobody,
        filtered::a_condition_decides,
        filtered::a_condition_that_fails_delivers,
        filtered::what_cannot_be_is_refused,
        ordered::a_failure_holds_back_its_key_alone,
        ordered::an_account_is_a_key,
        ordered::the_next_goes_on_after_one_is_exhausted,
        ordered::a_key_is_held_until_it_is_released,
        ordered::order_can_be_given_up,
        ordered::a_cancelled_one_is_passed_over,
        idempotency::same_request,
        idempotency::other_request,
        idempotency::fifty_at_once,
    );
}

on_both_engines!(what_is_published_arrives_as_asked);
