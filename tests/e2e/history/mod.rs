//! What can be read afterwards, and in the meantime.
//!
//! Fed by a small cluster on each engine, and by one of two replicas; feeds
//! `tests/run`. Guarantees that lists are complete, that figures add up, that a
//! tail shows what happens on every replica, and that errors say what is wrong.

mod errors;
mod fleet;
mod lists;
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
        lists::events,
        lists::deliveries,
        lists::subscriptions_and_tenants,
        pages::events,
        pages::deliveries,
        pages::attempts,
        pages::bad_tokens,
        stats::add_up,
        watching::one_replica,
        requests::as_they_came,
        requests::of_every_kind,
        requests::while_the_settings_are_the_same,
        requests::as_far_as_they_are_known,
        errors::name_their_fields,
        errors::bad_filters,
        errors::nothing_there,
        reconciled::adds_up,
        reconciled::windows_stay_closed,
        fleet::health,
        fleet::reflection,
        fleet::metrics,
    );
}

on_both_engines!(what_happened_can_be_read);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_tell_the_same_on_postgres() {
    let agents = vec![("eu".to_owned(), 2), ("us".to_owned(), 1)];
    let mut cluster = two_replicas_that(Description { agents, ..Description::default() }).await;
    play!(&cluster; watching::two_replicas, fleet::listed, reconciled::windows_stay_closed);
    fleet::drained(&mut cluster).await;
}
