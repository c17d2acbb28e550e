//! Receivers that fail.
//!
//! Fed by a small cluster on each engine; feeds `tests/run`. Guarantees that
//! every fault of a receiver is told apart in history, leads to the retries that
//! the policy asks for, and hurts neither the agent nor other subscriptions.

mod answers;
mod connections;
mod holds;
mod policy;

use postrider_tests::cluster::{Cluster, Engine};

async fn every_failure_is_recorded_and_tried_again(engine: Engine) {
    let cluster = Cluster::small(engine).await.unwrap();
    play!(
        &cluster;
        answers::every_bad_answer_is_recorded,
        answers::the_status_is_the_answer,
        answers::fifty_megabytes_are_not_read,
        answers::redirects_are_not_followed,
        connections::every_failed_connection_is_recorded,
        connections::refused_addresses_are_not_dialled,
        connections::bad_certificates_are_refused,
        connections::a_receiver_that_comes_back_gets_what_waited,
        holds::gone_disables_the_subscription,
        holds::too_many_requests_holds_the_subscription_alone,
        holds::a_wait_longer_than_a_delivery_lives_stops_its_deadline,
        holds::a_wait_after_another_failure_holds_one_delivery,
        holds::a_hold_can_be_ended,
        holds::a_hold_can_be_ended_after_the_retrys_time,
        policy::a_delivery_is_retried_until_it_succeeds,
        policy::custom_delays_are_kept,
        policy::the_success_rule_decides_what_succeeds,
        policy::a_delivery_ends_when_its_policy_does,
    );
}

on_both_engines!(every_failure_is_recorded_and_tried_again);
