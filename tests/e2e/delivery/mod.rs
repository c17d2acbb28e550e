//! From publish to receipt.
//!
//! Fed by a small cluster on each engine; feeds `tests/run`. Guarantees that
//! every way to publish ends in one signed webhook for each subscription that
//! matches, with the bytes that were published.

mod dressed;
mod filtered;
mod idempotency;
mod identified;
mod matching;
mod ordered;
mod over_http;
mod renewed;
mod token_servers;
mod ways;
mod webhook;

use postrider_tests::cluster::{Cluster, Engine};

async fn what_is_published_arrives_as_asked(engine: Engine) {
    let cluster = Cluster::small(engine).await.unwrap();
    play!(
        &cluster;
        ways::an_event_published_alone_arrives,
        ways::a_bad_entry_fails_alone_in_its_batch,
        ways::a_stream_answers_each_event,
        webhook::a_scheme_in_capitals_is_accepted,
        webhook::bytes_are_kept,
        webhook::headers_say_what_the_contract_says,
        webhook::the_trace_of_the_call_goes_on,
        over_http::a_value_arrives_as_it_is_signed_as_over_grpc,
        over_http::lines_are_published_and_answered,
        dressed::an_envelope_signed_by_a_bare_hmac,
        dressed::symmetric_and_asymmetric_signatures_stand_together,
        dressed::one_line_for_each_secret,
        dressed::cloud_events_can_go_unsigned,
        dressed::grace_has_a_default_and_an_end,
        dressed::what_cannot_be_sent_is_refused,
        identified::a_certificate_is_shown_to_who_demands_it,
        identified::a_password_or_a_token_goes_along,
        identified::without_a_token_nothing_is_sent,
        renewed::certificates_are_renewed_without_a_lost_delivery,
        token_servers::a_token_server_that_hangs_holds_nobody_else,
        matching::accounts_decide_who_gets_an_event,
        matching::event_types_decide_who_gets_an_event,
        matching::an_event_that_nobody_wants_is_kept,
        filtered::a_condition_decides,
        filtered::a_condition_that_fails_delivers,
        filtered::what_cannot_be_is_refused,
        ordered::a_failure_holds_back_its_key_alone,
        ordered::an_account_is_a_key,
        ordered::the_next_goes_on_after_one_is_exhausted,
        ordered::a_key_is_held_until_it_is_released,
        ordered::order_can_be_given_up,
        ordered::a_cancelled_one_is_passed_over,
        idempotency::the_same_request_returns_the_first_event,
        idempotency::another_request_under_the_key_is_refused,
        idempotency::fifty_at_once_make_one_event,
    );
}

on_both_engines!(what_is_published_arrives_as_asked);
