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
        answers::each_is_recorded,
        answers::the_status_is_the_answer,
        answers::fifty_megabytes,
        answers::redirects_are_not_followed,
        connections::each_is_recorded,
        connections::refused_addresses,
        connections::bad_certificates,
        connections::a_receiver_that_comes_back,
        holds::gone,
        holds::too_many_requests,
        holds::a_wait_longer_than_a_delivery_lives,
        holds::a_wait_of_one_delivery,
        holds::a_hold_that_is_ended,
        holds::a_hold_that_is_ended_after_the_retrys_time,
        policy::retries_until_success,
        policy::custom_delays,
        policy::success_rule,
        policy::exhausted,
    );
}

on_both_engines!(every_failure_is_recorded_and_tried_again);
