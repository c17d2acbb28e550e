//! Autoscalers ask whichever replica, and hear of all of them.

use std::time::Duration;

use postrider_proto::externalscaler::external_scaler_client::ExternalScalerClient;
use postrider_proto::externalscaler::{GetMetricsRequest, ScaledObjectRef};
use postrider_proto::v1::Subscription;
use postrider_tests::api::{channel, reason};
use postrider_tests::cluster::{Cluster, Description};
use postrider_tests::wait;
use tokio::time::{Instant, timeout};
use tonic::Code;
use tonic::transport::Channel;

use super::{
    TENANT_COUNT, many_tenants_that, publish_to_each, shared, two_replicas_that, wait_for_shards,
};
use crate::stage::SOON_LIMIT;

/// Less than the 2 s for which a replica waits for another one.
const OWN_ANSWER_LIMIT: Duration = Duration::from_millis(1_500);
/// What all said last holds for 15 s.
const BRIDGED_LIMIT: Duration = Duration::from_secs(30);
/// A region wakes up within a second; a busy machine takes longer.
const WAKE_LIMIT: Duration = Duration::from_secs(3);
/// A lease, a take-over, a sweep, and an average that has become what it is about.
const TAKE_OVER_LIMIT: Duration = Duration::from_secs(90);
/// By its client certificate an autoscaler, as KEDA is. A replica that is silent counts as alive
/// for longer than that is bridged.
const SETTINGS: &str = "[[auth.certificates]]\nname = \"CN=keda\"\nroles = [\"autoscaler\"]\n\
                        installation = true\n[ownership]\nlost_after_seconds = 40\n";

fn overseas() -> ScaledObjectRef {
    let metadata = [("region", "overseas"), ("target", "320")];
    let metadata = metadata.map(|(name, value)| (name.to_owned(), value.to_owned()));
    ScaledObjectRef { scaler_metadata: metadata.into(), ..ScaledObjectRef::default() }
}

fn metric() -> GetMetricsRequest {
    GetMetricsRequest {
        scaled_object_ref: Some(overseas()),
        metric_name: "postrider-demand".to_owned(),
    }
}

/// Waits until a replica says that about so many attempts are wanted, and not more.
async fn wait_for_demand(scaler: &ExternalScalerClient<Channel>, attempts: usize, limit: Duration) {
    wait::until("the demand of the region", limit, || {
        let mut scaler = scaler.clone();
        async move {
            let told = scaler.get_metrics(metric()).await.map_err(|status| status.to_string())?;
            let values = told.into_inner().metric_values;
            let about = attempts as f64 * 0.9..=attempts as f64;
            wait::when(values, |values| about.contains(&values[0].metric_value_float))
        }
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_replica_tells_autoscalers_of_all_on_postgres() {
    let description = Description { settings: SETTINGS.to_owned(), ..Description::default() };
    let mut cluster = two_replicas_that(description).await;
    let api = cluster.api_of(0).unwrap();
    wait_for_shards(&api, SOON_LIMIT, shared).await;
    let receiver = cluster.receiver().await.unwrap();
    let elsewhere = |wanted| Subscription { region: "regions/overseas".to_owned(), ..wanted };
    let subscriptions = many_tenants_that(&api, &receiver, "scaled", elsewhere).await;
    let scalers = scalers(&cluster);
    let mut streams = Vec::new();
    for scaler in &scalers {
        let stream = scaler.clone().stream_is_active(overseas()).await.unwrap();
        let mut stream = stream.into_inner();
        let told = timeout(SOON_LIMIT, stream.message()).await.expect("nothing is told");
        assert!(!told.unwrap().unwrap().result);
        streams.push(stream);
    }
    let begun = Instant::now();
    publish_to_each(&api, &subscriptions[..1]).await;
    for stream in &mut streams {
        let told = timeout(WAKE_LIMIT, stream.message()).await.expect("the stream is silent");
        assert!(told.unwrap().unwrap().result);
    }
    println!("both replicas told it after {:?}", begun.elapsed());
    publish_to_each(&api, &subscriptions[1..]).await;
    for scaler in &scalers {
        wait_for_demand(scaler, TENANT_COUNT, SOON_LIMIT * 2).await;
    }

    // What only a silent replica knows is not taken for nothing: at first it is as it was.
    wait_for_demand(&scalers[0], TENANT_COUNT, SOON_LIMIT).await;
    cluster.replicas[1].program().unwrap().freeze().unwrap();
    let told = scalers[0].clone().get_metrics(metric()).await.unwrap().into_inner();
    let demand = told.metric_values[0].metric_value_float;
    assert!(demand >= TENANT_COUNT as f64 * 0.9, "{demand}");
    let refused = wait::until("the answer to be missing", BRIDGED_LIMIT, || {
        let mut scaler = scalers[0].clone();
        async move { scaler.get_metrics(metric()).await.err().ok_or_else(|| "told".to_owned()) }
    });
    let refused = refused.await.unwrap();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::Unavailable, "OWNER_UNAVAILABLE")
    );
    let mut scaler = scalers[0].clone();
    let active = timeout(OWN_ANSWER_LIMIT, scaler.is_active(overseas())).await;
    let active = active.expect("it waits for the silent replica").unwrap().into_inner();
    assert!(active.result, "what this replica has is enough to know that");
    wait_for_demand(&scalers[0], TENANT_COUNT, TAKE_OVER_LIMIT).await;
}

/// As KEDA, at each replica.
fn scalers(cluster: &Cluster) -> Vec<ExternalScalerClient<Channel>> {
    let keda = cluster.pki().caller("keda").unwrap();
    let replicas = cluster.replicas.iter();
    let channels =
        replicas.map(|replica| channel(&replica.url(), Some((cluster.pki(), &keda))).unwrap());
    channels.map(ExternalScalerClient::new).collect()
}
