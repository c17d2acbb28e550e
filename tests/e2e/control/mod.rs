//! Subscriptions in the hands of people.
//!
//! Fed by a small cluster on each engine; feeds `tests/run`. Guarantees that a
//! change is in force when it is answered, that nothing acknowledged is lost by
//! one, and that limits hold at the receiver.

mod by_hand;
mod catalogue;
mod changes;
mod deletes;
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
        status::paused,
        status::disabled,
        status::made_disabled,
        changes::retry_uses_the_new_settings,
        changes::rotation_with_grace,
        changes::etags,
        deletes::subscription,
        deletes::tenant,
        limits::in_flight,
        limits::per_second,
        test_sends::in_every_status,
        test_sends::failing,
        test_sends::with_retries,
        test_sends::without_an_agent,
        by_hand::brought_forward,
        by_hand::sent_again,
        by_hand::cancelled,
        by_hand::while_in_flight,
        resend::to_all,
        resend::to_one,
        resend::unfinished,
        resend::suppressed,
        resend::refused,
        replays::after_the_receiver_mends,
        replays::of_a_state_and_a_window,
        replays::at_a_rate,
        replays::cancelled,
        replays::backfilled,
        replays::without_its_subscription,
        replays::refused,
        region::waits_for_its_agent,
        notices::are_told,
        notices::gone,
        notices::are_reserved,
        notices::recovered,
    );
}

on_both_engines!(changes_hold_once_they_are_answered);
