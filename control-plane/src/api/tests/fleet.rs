//! What operators see of a replica's loops, and set of its log.

use postrider_proto::v1::audit_service_client::AuditServiceClient;
use postrider_telemetry::process_log_levels;

use super::*;

impl TestApi {
    async fn loops(&mut self, parent: &str) -> Result<Vec<v1::BackgroundLoop>, Status> {
        let request =
            v1::ListBackgroundLoopsRequest { parent: parent.to_owned(), ..Default::default() };
        let listed = self.fleet.list_background_loops(request).await?.into_inner();
        assert!(listed.unreachable.is_empty() && listed.next_page_token.is_empty());
        Ok(listed.background_loops)
    }

    async fn set_levels(
        &mut self,
        name: &str,
        filter: &str,
    ) -> Result<v1::SetLogLevelsResponse, Status> {
        let ttl = Some(prost_types::Duration { seconds: 60, nanos: 0 });
        let ttl = ttl.filter(|_| !filter.is_empty());
        let request =
            v1::SetLogLevelsRequest { name: name.to_owned(), filter: filter.to_owned(), ttl };
        self.fleet.set_log_levels(request).await.map(tonic::Response::into_inner)
    }

    /// What the records say was set, the oldest first.
    async fn recorded_levels(&self) -> Vec<(String, Vec<String>)> {
        let mut audit = AuditServiceClient::new(self.channel().await);
        let request =
            v1::ListAuditRecordsRequest { parent: "installation".into(), ..Default::default() };
        let records = audit.list_audit_records(request).await.unwrap().into_inner().audit_records;
        let set = records.into_iter().rev().filter(|r| r.method.ends_with("/SetLogLevels"));
        set.map(|record| {
            let fields = record.changes.into_iter().map(|change| change.field);
            (record.resource, fields.collect())
        })
        .collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_loop_tells_its_last_round() {
    let mut api = TestApi::start().await;
    let own = format!("replicas/{}", api.plane.context.replica.0);
    let loops = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            let loops = api.loops("replicas/-").await.unwrap();
            let has_run = |name: &str| {
                let name = format!("{own}/backgroundLoops/{name}");
                loops.iter().any(|known| known.name == name && known.last_round.is_some())
            };
            if ["leases", "due-work", "sweep", "audit-records"].into_iter().all(has_run) {
                return loops;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
    assert_eq!(loops.len(), 11, "{loops:?}");
    for known in &loops {
        assert_eq!(known.failure_count, 0, "{known:?}");
        assert!(known.last_failed_round.is_none(), "{known:?}");
        let has_round = known.last_round.as_ref().is_some_and(|round| round.start_time.is_some());
        assert_eq!(has_round, known.round_count > 0, "{known:?}");
    }
    let leases = loops.iter().find(|known| known.name.ends_with("/leases")).unwrap();
    let did = leases.last_busy_round.as_ref().unwrap();
    assert!(did.counts.keys().all(|what| what.starts_with("shards_") || what == "leases_renewed"));
    assert!(leases.next_round_time.is_some());

    assert_eq!(api.loops(&own).await.unwrap().len(), 11);
    let unknown = api.loops("replicas/nobody").await.unwrap_err();
    assert_eq!(reason(&unknown), "RESOURCE_NOT_FOUND");
    assert_eq!(reason(&api.loops("nobody").await.unwrap_err()), "INVALID_REQUEST");
    api.plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn levels_that_are_set_are_recorded_and_can_be_set_back() {
    let mut api = TestApi::start().await;
    let own = format!("replicas/{}", api.plane.context.replica.0);
    let set = api.set_levels("replicas/-", "info,postrider::flow=debug").await.unwrap();
    assert!(set.unreachable.is_empty());
    let [levels] = set.log_levels.as_slice() else { panic!("{set:?}") };
    assert_eq!(levels.replica, own);
    assert!(levels.filter.starts_with("info,postrider::flow=debug,"), "{levels:?}");
    assert!(levels.expire_time.is_some());
    assert_eq!(process_log_levels().in_force().unwrap().to_string(), levels.filter);
    let back = api.set_levels(&own, "").await.unwrap();
    assert!(back.log_levels[0].expire_time.is_none());
    // This process has no log of its own.
    assert!(process_log_levels().in_force().is_none());

    let refused = api.set_levels("replicas/nobody", "debug").await.unwrap_err();
    assert_eq!(reason(&refused), "RESOURCE_NOT_FOUND");
    let refused = api.set_levels(&own, "postrider=loud").await.unwrap_err();
    assert_eq!(reason(&refused), "INVALID_REQUEST");
    let fields = vec!["filter".to_owned(), "ttl".to_owned()];
    assert_eq!(api.recorded_levels().await, [(own.clone(), fields), (own, Vec::new())]);
    api.plane.stop().await;
}
