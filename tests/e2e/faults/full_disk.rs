//! A disk without room, and room again. Needs root, to mount one that is small.

use std::time::Duration;

use postrider_proto::v1::event::PayloadForm;
use postrider_tests::api::Api;
use postrider_tests::cluster::{Description, Engine};
use postrider_tests::postgres::Server;
use postrider_tests::publish::event;
use postrider_tests::receiver::Receiver;
use postrider_tests::receiver::behaviour::{Gate, held};
use postrider_tests::small_disk::SmallDisk;
use tokio::time::{Instant, sleep};
use tonic::Status;

use super::{
    HEALTH_REPORT_LIMIT, SETTLE_LIMIT, TestEndpoint, answer_in_time, assert_alive,
    assert_still_unready, assert_understandable, small_on, wait_until_ready,
};
use crate::stage::SOON_LIMIT;

const PAYLOAD_BYTES: usize = 100_000;
/// How long the disk stays full: longer than anything that waits by itself.
const FULL_DISK_TIME: Duration = Duration::from_secs(12);

/// Publishes something large; refused or not, within the deadline.
async fn publish_large(payee: &mut TestEndpoint, api: &Api) -> Result<(), Status> {
    let mut large = event("payment.completed", "");
    let json = format!("\"{}\"", "x".repeat(PAYLOAD_BYTES));
    large.payload_form = Some(PayloadForm::PayloadJson(json));
    let published = answer_in_time(api, payee, &large, "").await;
    published.map(|event| payee.events.push(event))
}

/// Publishes until the database takes no more, while there is no room, and again
/// when there is. What was in flight before is answered in between.
async fn fill_and_free(
    api: &Api,
    receiver: &Receiver,
    disk: &SmallDisk,
    revive: impl AsyncFnOnce(),
) {
    let mut payee = TestEndpoint::create(api, receiver, "full", 0).await;
    let mut waiting = TestEndpoint::create(api, receiver, "held", 0).await;
    let gate = Gate::closed();
    receiver.script(&waiting.path, [held(&gate)]);
    waiting.publish(api, 5).await;
    payee.publish(api, 5).await;
    receiver.wait_for(10, SOON_LIMIT).await.unwrap();

    disk.fill().unwrap();
    let begun = Instant::now();
    let refused = loop {
        match publish_large(&mut payee, api).await {
            Ok(()) => assert!(begun.elapsed() < SETTLE_LIMIT, "there is still room"),
            Err(refused) => break refused,
        }
    };
    assert_understandable(&refused);
    println!("refused after {} events", payee.events.len());
    gate.open();
    let full = Instant::now();
    let mut told = None;
    while full.elapsed() < FULL_DISK_TIME {
        if let Err(refused) = publish_large(&mut payee, api).await {
            assert_understandable(&refused);
        }
        assert_alive(api).await;
        if told.is_none() && matches!(super::says(api, "readiness").await, Ok(false)) {
            told = Some(full.elapsed());
        }
        sleep(Duration::from_millis(100)).await;
    }
    println!("not ready after {:?}", told.expect("it says that it is ready"));
    assert_still_unready(api).await;

    disk.free().unwrap();
    revive().await;
    println!(
        "ready {:?} after there was room",
        wait_until_ready(api, true, HEALTH_REPORT_LIMIT).await
    );
    payee.publish(api, 5).await;
    publish_large(&mut payee, api).await.unwrap();
    for payee in [&payee, &waiting] {
        payee.assert_delivered_once(api, receiver).await;
    }
    assert_alive(api).await;
}

async fn of_sqlite() {
    let disk = SmallDisk::mount(32).unwrap();
    let sqlite_folder = Some(disk.path().to_owned());
    let cluster = small_on(None, Description { sqlite_folder, ..Description::default() }).await;
    let receiver = cluster.receiver().await.unwrap();
    fill_and_free(&cluster.api().unwrap(), &receiver, &disk, async || {}).await;
    drop(cluster);
}

async fn of_postgres() {
    let disk = SmallDisk::mount(192).unwrap();
    let data = Some(disk.path().join("data"));
    let mut server = Server::start_with(data, Vec::new()).await.unwrap();
    let cluster = small_on(Some(&server), Description::default()).await;
    let receiver = cluster.receiver().await.unwrap();
    let api = cluster.api().unwrap();
    // A server that cannot write its log ends itself, and its keeper starts it again.
    let revive = async || {
        if server.program().exited().unwrap().is_some() {
            println!("the server had ended");
            server.start_again().await.unwrap();
        }
    };
    fill_and_free(&api, &receiver, &disk, revive).await;
    drop(cluster);
}

async fn a_full_disk_is_refused_for_and_recovered_from(engine: Engine) {
    match engine {
        Engine::Sqlite => of_sqlite().await,
        Engine::Postgres => of_postgres().await,
    }
}

on_both_engines!(a_full_disk_is_refused_for_and_recovered_from);
