//! Subscriptions in the hands of people.
//!
//! Fed by a small cluster on each engine; feeds `tests/run`. Guarantees that a
//! change is in force when it is answered, that nothing acknowledged is lost by
//! one, and that limits hold at the receiver.

mod by_hand;
mod catalogue;
mod certificates;
mod changes;
mod deletes;
mod expunge;
mod limits;
mod notices;
mod region;
mod replays;
mod resend;
mod status;
mod test_sends;

use postrider_tests::cluster::{Cluster, Engine};

async fn changes_hold_once_they_are_answered(engine: Engine) {
    let cluster = Cluster::small(engine).await.unwrap();
    play!(
        &cluster;
        status::a_paused_subscription_keeps_what_comes,
        status::a_disabled_subscription_suppresses_what_comes,
        status::a_subscription_can_be_created_disabled,
        changes::retry_uses_the_new_settings,
        changes::both_keys_sign_until_the_grace_is_over,
        changes::an_old_etag_is_refused,
        deletes::a_deleted_subscription_keeps_its_history,
        deletes::a_deleted_tenant_keeps_its_history,
        expunge::one_event_is_expunged,
        expunge::an_account_is_expunged,
        expunge::what_cannot_be_expunged_is_refused,
        expunge::a_retention_is_set_within_bounds,
        limits::no_more_are_in_flight_than_allowed,
        limits::no_more_are_sent_per_second_than_allowed,
        test_sends::a_test_is_sent_in_every_status,
        test_sends::a_test_that_fails_is_answered_with_its_outcome,
        test_sends::a_test_is_retried_if_asked,
        test_sends::a_test_without_an_agent_is_refused,
        by_hand::a_waiting_delivery_is_brought_forward,
        by_hand::an_ended_delivery_is_sent_again,
        by_hand::a_cancelled_delivery_is_not_sent,
        by_hand::an_attempt_under_way_is_not_interrupted,
        resend::an_event_is_sent_again_to_all,
        resend::an_event_is_sent_to_one,
        resend::an_unfinished_delivery_is_brought_forward,
        resend::a_suppressed_delivery_is_sent,
        resend::what_cannot_be_sent_again_is_refused,
        replays::a_replay_sends_what_failed_once_the_receiver_is_well,
        replays::a_replay_keeps_to_its_states_and_window,
        replays::a_replay_keeps_to_its_rate,
        replays::a_cancelled_replay_makes_no_more,
        replays::a_backfill_sends_what_was_never_matched,
        replays::a_backfill_ends_when_its_subscription_is_deleted,
        replays::a_wrong_request_begins_no_operation,
        region::a_region_waits_for_its_agent,
        notices::those_who_asked_are_told_and_nobody_else,
        notices::a_receiver_that_is_gone_is_told_of,
        notices::nobody_else_publishes_operational_events,
        notices::an_endpoint_that_is_well_again_is_told_of,
    );
}

on_both_engines!(changes_hold_once_they_are_answered);
