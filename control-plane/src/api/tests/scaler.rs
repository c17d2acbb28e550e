//! What KEDA is told of regions, by a client of its own contract.

use postrider_identity::{Grant, GrantScope, Role};
use postrider_proto::externalscaler::external_scaler_client::ExternalScalerClient;
use postrider_proto::externalscaler::{
    GetMetricsRequest, IsActiveResponse, MetricSpec, MetricValue, ScaledObjectRef,
};
use tokio::time::{Instant, timeout};
use tonic::{Code, Request, Streaming};

use super::*;

/// A region wakes up within a second; a busy machine takes longer.
const WAKE_LIMIT: Duration = Duration::from_secs(3);
/// A stream says again every 5 s that there is work.
const REPEAT_LIMIT: Duration = Duration::from_secs(20);
/// Several looks of a stream.
const QUIET_TIME: Duration = Duration::from_millis(1_500);
const METRIC: &str = "postrider-demand";

fn reference(metadata: &[(&str, &str)]) -> ScaledObjectRef {
    let metadata = metadata.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    let (name, namespace) = ("agents".into(), "postrider".into());
    ScaledObjectRef { name, namespace, scaler_metadata: metadata.collect() }
}

fn region(name: &str) -> ScaledObjectRef {
    reference(&[("region", name), ("target", "320"), ("scalerAddress", "postrider:7443")])
}

fn metrics(reference: ScaledObjectRef, name: &str) -> GetMetricsRequest {
    GetMetricsRequest { scaled_object_ref: Some(reference), metric_name: name.into() }
}

fn fields(status: &Status) -> Vec<String> {
    assert_eq!((status.code(), reason(status)), (Code::InvalidArgument, "INVALID_REQUEST".into()));
    let violations = status.get_details_bad_request().unwrap().field_violations;
    violations.into_iter().map(|violation| violation.field).collect()
}

async fn told(stream: &mut Streaming<IsActiveResponse>) -> bool {
    let told = timeout(WAKE_LIMIT, stream.message()).await;
    told.expect("the stream is silent").unwrap().expect("the stream ended").result
}

impl TestApi {
    async fn scaler(&self) -> ExternalScalerClient<Channel> {
        ExternalScalerClient::new(self.channel().await)
    }

    /// A subscription in a region that has no agent.
    async fn subscribe_overseas(&mut self) {
        self.tenant("acme").await;
        self.subscription("erp", |wanted| wanted.region = "regions/overseas".into()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sleeping_region_wakes_up_and_its_stream_is_quiet_otherwise() {
    let mut api = TestApi::start().await;
    api.subscribe_overseas().await;
    let mut scaler = api.scaler().await;
    let mut stream = scaler.stream_is_active(region("overseas")).await.unwrap().into_inner();
    let mut other = scaler.stream_is_active(region("eu")).await.unwrap().into_inner();
    assert!(!told(&mut stream).await && !told(&mut other).await, "each begins with what is");
    assert!(timeout(QUIET_TIME, stream.message()).await.is_err());
    let idle = scaler.is_active(region("overseas")).await.unwrap().into_inner();
    assert!(!idle.result);

    let begun = Instant::now();
    api.publish(event(1)).await.unwrap();
    assert!(told(&mut stream).await);
    println!("woke up after {:?}", begun.elapsed());
    assert!(scaler.is_active(region("overseas")).await.unwrap().into_inner().result);
    api.publish(event(2)).await.unwrap();
    assert!(timeout(QUIET_TIME, stream.message()).await.is_err(), "it is told once");
    assert!(timeout(QUIET_TIME, other.message()).await.is_err(), "other regions sleep on");
    let again = timeout(REPEAT_LIMIT, stream.message()).await.expect("it is told again");
    assert!(again.unwrap().expect("the stream ended").result);
    assert!(timeout(QUIET_TIME, other.message()).await.is_err(), "idleness is told once");
    api.plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_metric_is_what_could_be_in_flight_and_its_target_is_the_triggers() {
    let mut api = TestApi::start().await;
    api.subscribe_overseas().await;
    let mut scaler = api.scaler().await;
    let specs = scaler.get_metric_spec(region("overseas")).await.unwrap().into_inner();
    let spec =
        MetricSpec { metric_name: METRIC.into(), target_size: 320, target_size_float: 320.0 };
    assert_eq!(specs.metric_specs, [spec]);
    let none = scaler.get_metrics(metrics(region("overseas"), METRIC)).await.unwrap();
    let zero = MetricValue { metric_name: METRIC.into(), ..Default::default() };
    assert_eq!(none.into_inner().metric_values, [zero]);
    for number in 0..5 {
        api.publish(event(number)).await.unwrap();
    }
    let grown = async {
        loop {
            let asked = scaler.get_metrics(metrics(region("overseas"), METRIC)).await.unwrap();
            let value = asked.into_inner().metric_values.remove(0);
            if value.metric_value == 5 {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let value = timeout(Duration::from_secs(60), grown).await.unwrap();
    assert!(value.metric_value_float <= 5.0, "{value:?}");
    let regions = api.fleet.list_regions(v1::ListRegionsRequest::default()).await.unwrap();
    let regions = regions.into_inner().regions;
    let overseas = regions.iter().find(|region| region.name == "regions/overseas").unwrap();
    assert_eq!((overseas.wanted_count, overseas.backlog_count), (5, 5));
    api.plane.stop().await;
}

#[tokio::test]
async fn metadata_that_are_wrong_are_named() {
    let api = TestApi::start().await;
    let mut scaler = api.scaler().await;
    let both = ["scalerMetadata.region", "scalerMetadata.target"];
    let wrong = || reference(&[("region", "Overseas"), ("target", "0")]);
    assert_eq!(fields(&scaler.is_active(wrong()).await.unwrap_err()), both);
    assert_eq!(fields(&scaler.stream_is_active(reference(&[])).await.unwrap_err()), both);
    assert_eq!(fields(&scaler.get_metric_spec(wrong()).await.unwrap_err()), both);
    let refused = scaler.get_metrics(metrics(wrong(), "queue")).await.unwrap_err();
    let told = fields(&refused);
    let of_metric = both.map(|field| format!("scaledObjectRef.{field}"));
    assert_eq!(told, ["metricName".to_owned()].into_iter().chain(of_metric).collect::<Vec<_>>());
    let unknown = scaler.is_active(region("nowhere")).await.unwrap().into_inner();
    assert!(!unknown.result, "a region may be scaled before anybody names it");
    api.plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_autoscaler_asks_this_and_nothing_else() {
    let api = TestApi::with(&[("server.insecure_no_auth", "false")]).await;
    let in_acme = GrantScope::tenant("acme".parse().unwrap());
    for (role, scope, may) in [
        (Role::Autoscaler, GrantScope::Installation, true),
        (Role::Operator, GrantScope::Installation, true),
        (Role::Autoscaler, in_acme, false),
        (Role::Reader, GrantScope::Installation, false),
    ] {
        let token = api.token(vec![Grant { role, scope }]).await;
        let bearer = |message: ScaledObjectRef| {
            let mut request = Request::new(message);
            let header = format!("Bearer {token}").parse().unwrap();
            request.metadata_mut().insert("authorization", header);
            request
        };
        let mut scaler = api.scaler().await;
        let asked = scaler.is_active(bearer(region("eu"))).await;
        let code = asked.map_or_else(|status| status.code(), |_| Code::Ok);
        assert_eq!(code, if may { Code::Ok } else { Code::PermissionDenied }, "{role}");
        if role == Role::Autoscaler {
            let mut list = Request::new(v1::ListRegionsRequest::default());
            let header = format!("Bearer {token}").parse().unwrap();
            list.metadata_mut().insert("authorization", header);
            let mut fleet = FleetServiceClient::new(api.channel().await);
            let refused = fleet.list_regions(list).await.unwrap_err();
            assert_eq!(refused.code(), Code::PermissionDenied);
        }
    }
    api.plane.stop().await;
}

#[tokio::test]
async fn a_caller_has_so_many_streams() {
    let api = TestApi::with(&[("api.max_scaler_streams_per_caller", "1")]).await;
    let mut scaler = api.scaler().await;
    let open = scaler.stream_is_active(region("eu")).await.unwrap();
    let refused = scaler.stream_is_active(region("us")).await.unwrap_err();
    assert_eq!(reason(&refused), "TOO_MANY_WATCHES");
    let quota = refused.get_details_quota_failure().unwrap().violations;
    assert_eq!(quota[0].subject, "api.max_scaler_streams_per_caller");
    // Without authentication, another connection is another caller.
    api.scaler().await.stream_is_active(region("us")).await.unwrap();
    drop(open);
    api.plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_are_so_many_and_end_without_an_error() {
    let settings = [("api.max_scaler_streams", "1"), ("connections.max_age_seconds", "3")];
    let api = TestApi::with(&settings).await;
    let mut scaler = api.scaler().await;
    let mut stream = scaler.stream_is_active(region("eu")).await.unwrap().into_inner();
    assert!(!told(&mut stream).await);
    let refused = scaler.stream_is_active(region("us")).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::ResourceExhausted, "TOO_MANY_WATCHES".into())
    );
    let quota = refused.get_details_quota_failure().unwrap().violations;
    assert_eq!(quota[0].subject, "api.max_scaler_streams");
    // At the age of its connection.
    let ended = timeout(Duration::from_secs(10), stream.message()).await.unwrap();
    assert_eq!(ended.unwrap(), None);
    drop(stream);
    let mut scaler = api.scaler().await;
    let mut stream = timeout(WAKE_LIMIT, async {
        loop {
            match scaler.stream_is_active(region("us")).await {
                Ok(stream) => return stream.into_inner(),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    })
    .await
    .unwrap();
    assert!(!told(&mut stream).await);
    let (ended, ()) = tokio::join!(stream.message(), api.plane.stop());
    assert_eq!(ended.unwrap(), None, "when the replica stops");
}
