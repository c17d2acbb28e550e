//! A row of one tenant that somebody has edited past Postrider: that tenant's configuration
//! cannot be read, and nobody else notices.

use http::StatusCode;
use postrider_proto::longrunning::WaitOperationRequest;
use postrider_proto::v1::{
    BackgroundLoop, ExpungeEventsRequest, ListBackgroundLoopsRequest, ListEventsRequest,
    RequestUnknownReason, VerifyAuditLogRequest,
};
use postrider_tests::api::{Api, reason, retry_delay};
use postrider_tests::cluster::{Cluster, Engine};
use postrider_tests::direct::DirectConnection;
use postrider_tests::receiver::behaviour::{ok, status};
use postrider_tests::wait;
use tonic::Code;

use super::{PUBLISH_DEADLINE, SETTLE_LIMIT, TestEndpoint};
use crate::stage::SOON_LIMIT;

const PUBLISHED_EVENTS: usize = 5;

/// Has the subscription of the sick tenant send elsewhere, or back to its receiver.
async fn edit(cluster: &Cluster, from: &str, to: &str) {
    let sql = format!(
        "UPDATE subscriptions SET settings = replace(settings, '/{from}\"', '/{to}\"')
        WHERE tenant = 'sick'"
    );
    DirectConnection::open(cluster).await.unwrap().execute(&sql).await.unwrap();
}

async fn loops(api: &Api) -> Result<Vec<BackgroundLoop>, String> {
    let request = ListBackgroundLoopsRequest {
        parent: "replicas/-".to_owned(),
        ..ListBackgroundLoopsRequest::default()
    };
    let listed = api.fleet.clone().list_background_loops(request).await;
    Ok(listed.map_err(|error| error.to_string())?.into_inner().background_loops)
}

/// Sweeps pass over the tenant, and do not fail by it.
async fn assert_passed_over(api: &Api) {
    let passed_over = wait::until("sweeps that pass over the tenant", SOON_LIMIT, || async {
        let loops = loops(api).await?;
        wait::when(loops, |loops| {
            loops.iter().any(|known| {
                let last = known.last_round.as_ref();
                known.name.ends_with("/sweep")
                    && known.round_count > 5
                    && last.is_some_and(|last| last.counts.get("tenants_unreadable") == Some(&1))
            })
        })
    });
    let ends = ["/sweep", "/due-work"];
    let loops = passed_over.await.unwrap();
    for known in loops.iter().filter(|known| ends.iter().any(|end| known.name.ends_with(end))) {
        assert!(known.last_failed_round.is_none(), "{known:?}");
    }
}

/// What happened can be read without the configuration by which it happened.
async fn assert_history_is_read(api: &Api, sick: &TestEndpoint) {
    let mut api = api.clone();
    let history = sick.history(&api).await;
    let [(delivery, attempts)] = &history[..] else { panic!("{history:?}") };
    assert_eq!((&delivery.event, attempts[0].http_status), (&sick.events[0], 503));
    for parent in [&sick.tenant, &sick.subscription] {
        assert!(api.attempts(parent).await.unwrap().contains(&attempts[0]), "{parent}");
    }
    let read = api.attempt(&attempts[0].name).await.unwrap();
    let unreadable = RequestUnknownReason::ConfigurationUnreadable;
    assert_eq!((read.request_unknown_reason(), read.request), (unreadable, None));
    let request = ListEventsRequest { parent: sick.tenant.clone(), ..Default::default() };
    let listed = api.events.list_events(request).await.unwrap().into_inner();
    assert_eq!(listed.events.len(), 1);
}

/// The owner of the tenant's shard finds what an expunge would remove.
async fn assert_expunge_is_counted(api: &Api, sick: &TestEndpoint) {
    let mut api = api.clone();
    let request = ExpungeEventsRequest {
        parent: sick.tenant.clone(),
        events: sick.events.clone(),
        dry_run: true,
        ..Default::default()
    };
    let name = api.events.expunge_events(request).await.unwrap().into_inner().name;
    let timeout = Some(SOON_LIMIT.try_into().unwrap());
    let ended = api.operations.wait_operation(WaitOperationRequest { name, timeout }).await;
    assert!(ended.unwrap().into_inner().done);
}

async fn an_edited_row_holds_up_its_tenant_and_no_other(engine: Engine) {
    let mut cluster = Cluster::small(engine).await.unwrap();
    let api = cluster.api().unwrap();
    let receiver = cluster.receiver().await.unwrap();
    let mut sick = TestEndpoint::create(&api, &receiver, "sick", 0).await;
    let mut well = TestEndpoint::create(&api, &receiver, "well", 0).await;
    receiver.script(&sick.path, [status(StatusCode::SERVICE_UNAVAILABLE)]);
    sick.publish(&api, 1).await;
    let recorded = wait::until("an attempt in history", SOON_LIMIT, || async {
        let history = sick.history(&api).await;
        wait::when(history, |history| history.iter().any(|(_, attempts)| !attempts.is_empty()))
    });
    recorded.await.unwrap();
    cluster.replicas[0].stop().await.unwrap();
    edit(&cluster, "sick", "elsewhere").await;
    cluster.replicas[0].start_again().await.unwrap();

    let api = cluster.api().unwrap();
    well.publish(&api, PUBLISHED_EVENTS).await;
    well.assert_delivered_once(&api, &receiver).await;
    let refused = sick.try_publish(&api, "key", PUBLISH_DEADLINE).await.unwrap_err();
    assert_eq!(refused.code(), Code::Internal, "{refused:?}");
    assert_eq!(reason(&refused), "CONFIGURATION_UNREADABLE");
    assert!(retry_delay(&refused).is_none() && refused.message().contains("not committed"));
    assert_passed_over(&api).await;
    // Nobody hides a chain of records by editing a row.
    let request = VerifyAuditLogRequest { parent: sick.tenant.clone(), ..Default::default() };
    let checked = api.audit.clone().verify_audit_log(request).await.unwrap().into_inner();
    assert_eq!((checked.faults.len(), checked.checked_record_count), (0, 2));
    assert_history_is_read(&api, &sick).await;
    assert_expunge_is_counted(&api, &sick).await;
    let log = cluster.replicas[0].program().unwrap().log();
    let told = log.lines().filter(|line| line.contains("configuration cannot be read"));
    let told: Vec<&str> = told.filter(|line| line.contains(" ERROR ")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains(&sick.subscription), "{told:?}");
    assert_eq!(receiver.received_at("/elsewhere"), 0);

    receiver.script(&sick.path, [ok()]);
    let before = usize::try_from(receiver.received_at(&sick.path)).unwrap();
    edit(&cluster, "elsewhere", "sick").await;
    receiver.wait_for_at(&sick.path, before + 1, SETTLE_LIMIT).await.unwrap();
    sick.publish(&api, 1).await;
    receiver.wait_for_at(&sick.path, before + 2, SETTLE_LIMIT).await.unwrap();
}

on_both_engines!(an_edited_row_holds_up_its_tenant_and_no_other);
