//! What can be read afterwards, and in the meantime.
//!
//! Fed by a small cluster on each engine, and by one of two replicas; feeds
//! `tests/run`. Guarantees that lists are complete, that figures add up, that a
//! tail shows what happens on every replica, and that errors say what is wrong.

mod errors;
mod fleet;
mod lists;
mod log_levels;
mod pages;
mod reconciled;
mod requests;
mod stats;
mod watching;

use postrider_tests::cluster::{Cluster, Description, Engine};

use crate::replicas::two_replicas_that;

async fn what_happened_can_be_read(engine: Engine) {
    let cluster = Cluster::small(engine).await.unwrap();
    play!(
        &cluster;
        lists::events_are_filtered,
        lists::deliveries_are_filtered,
        lists::subscriptions_and_tenants_are_filtered,
        pages::events_come_page_by_page,
        pages::deliveries_come_page_by_page,
        pages::attempts_come_page_by_page,
        pages::bad_page_tokens_are_refused,
        stats::statistics_add_up,
        watching::a_watcher_sees_every_attempt_of_one_replica,
        requests::requests_are_shown_as_they_came,
        requests::requests_of_every_kind_are_shown,
        requests::while_the_settings_are_the_same,
        requests::as_far_as_they_are_known,
        errors::errors_name_their_fields,
        errors::bad_filters_are_refused,
        errors::what_is_not_there_is_not_found,
        reconciled::the_account_of_a_window_adds_up,
        reconciled::windows_stay_closed,
        fleet::health_says_who_can_serve,
        fleet::reflection_shows_every_service,
        fleet::metrics_add_up_with_history,
    );
}

on_both_engines!(what_happened_can_be_read);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_tell_the_same_on_postgres() {
    let agents = vec![("eu".to_owned(), 2), ("us".to_owned(), 1)];
    let mut cluster = two_replicas_that(Description { agents, ..Description::default() }).await;
    play!(&cluster; watching::a_watcher_sees_every_attempt_of_two_replicas, fleet::the_fleet_is_listed, fleet::loops_show_their_last_outcome, reconciled::windows_stay_closed);
    log_levels::log_levels_are_set_everywhere_for_a_while(&mut cluster).await;
    fleet::a_drained_agent_finishes_and_leaves(&mut cluster).await;
    log_levels::who_is_lost_is_named_in_the_log(&mut cluster).await;
}
