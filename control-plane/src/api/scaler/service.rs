//! `ExternalScaler`.
//!
//! Fed by the loads of regions; feeds KEDA. An answer that could be wrong for lack of a
//! replica's word is an error, after which KEDA and Kubernetes leave the agents as they are.

use std::sync::Arc;

use futures::stream::{BoxStream, StreamExt};
use postrider_proto::externalscaler::external_scaler_server::ExternalScaler;
use postrider_proto::externalscaler::{
    GetMetricSpecResponse, GetMetricsRequest, GetMetricsResponse, IsActiveResponse, MetricSpec,
    MetricValue, ScaledObjectRef,
};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, async_trait};

use crate::api::rpc::caller::Caller;
use crate::api::rpc::errors::{self, ErrorReason};
use crate::api::rpc::lifetimes::StreamLifetime;
use crate::api::scaler::activity::ActivityWatch;
use crate::api::scaler::query::{METRIC_NAME, ScalerQuery};
use crate::api::scaler::region_loads::{LoadGap, RegionLoads};
use crate::api::scaler::stream_slots::StreamSlots;
use crate::api::values::names;
use crate::state::context::ReplicaContext;

type ActivityStream = BoxStream<'static, Result<IsActiveResponse, Status>>;

pub struct ScalerApi {
    loads: RegionLoads,
    slots: Arc<StreamSlots>,
    stopping: CancellationToken,
}

impl ScalerApi {
    /// Its streams end once `stopping` is cancelled.
    pub fn new(context: &ReplicaContext, stopping: CancellationToken) -> Self {
        Self {
            loads: RegionLoads::new(context),
            slots: StreamSlots::new(&context.settings.api, context.metrics.limits().clone()),
            stopping,
        }
    }

    fn watch(&self, request: Request<ScaledObjectRef>) -> Result<ActivityStream, Status> {
        let lifetime = StreamLifetime::of(&request, self.stopping.clone());
        let (caller, message) = Caller::admit(request)?;
        let region = ScalerQuery::read(&message)?.region;
        let slot = self.slots.take(&caller.who).map_err(|setting| {
            let problem = format!("there is the maximum number of streams ({setting})");
            errors::limit_passes(ErrorReason::TooManyWatches, problem, setting)
        })?;
        let watch = ActivityWatch::new(self.loads.clone(), region, &lifetime, slot);
        Ok(watch.changes().map(|result| Ok(IsActiveResponse { result })).boxed())
    }
}

/// Why an answer would say too little.
fn unknown(gap: &LoadGap) -> Status {
    match gap {
        LoadGap::SilentReplica(replica) => errors::retry_soon(
            ErrorReason::OwnerUnavailable,
            format!("{} does not say what it has of the region", names::of_replica(&replica.0)),
        ),
        LoadGap::UnownedShard => errors::retry_soon(
            ErrorReason::OwnerUnavailable,
            "a shard is changing its owner: what it has of the region is not known",
        ),
        LoadGap::SettlingShard => errors::retry_soon(
            ErrorReason::OwnerUnavailable,
            "a shard has a new owner, who does not know yet what it has of the region",
        ),
        LoadGap::UnknownReplicas => errors::retry_soon(
            ErrorReason::StoreUnavailable,
            "the database has not told for a while which replicas there are",
        ),
    }
}

fn metric_spec(target: u32) -> GetMetricSpecResponse {
    let spec = MetricSpec {
        metric_name: METRIC_NAME.to_owned(),
        target_size: i64::from(target),
        target_size_float: f64::from(target),
    };
    GetMetricSpecResponse { metric_specs: vec![spec] }
}

fn metric_value(demand: f64) -> GetMetricsResponse {
    let value = MetricValue {
        metric_name: METRIC_NAME.to_owned(),
        metric_value: demand.ceil() as i64,
        metric_value_float: demand,
    };
    GetMetricsResponse { metric_values: vec![value] }
}

#[async_trait]
impl ExternalScaler for ScalerApi {
    async fn is_active(
        &self,
        request: Request<ScaledObjectRef>,
    ) -> Result<Response<IsActiveResponse>, Status> {
        let (_, message) = Caller::admit(request)?;
        let query = ScalerQuery::read(&message)?;
        let activity = self.loads.activity(&query.region).await;
        let result = activity.map_err(|gap| unknown(&gap))?;
        Ok(Response::new(IsActiveResponse { result }))
    }

    type StreamIsActiveStream = ActivityStream;

    async fn stream_is_active(
        &self,
        request: Request<ScaledObjectRef>,
    ) -> Result<Response<Self::StreamIsActiveStream>, Status> {
        async { self.watch(request) }.await.map(Response::new)
    }

    async fn get_metric_spec(
        &self,
        request: Request<ScaledObjectRef>,
    ) -> Result<Response<GetMetricSpecResponse>, Status> {
        let (_, message) = Caller::admit(request)?;
        let query = async { ScalerQuery::read(&message) }.await?;
        Ok(Response::new(metric_spec(query.target)))
    }

    async fn get_metrics(
        &self,
        request: Request<GetMetricsRequest>,
    ) -> Result<Response<GetMetricsResponse>, Status> {
        let (_, message) = Caller::admit(request)?;
        let query = ScalerQuery::read_of_metric(&message)?;
        let load = self.loads.of(&query.region).await;
        match &load.gap {
            Some(gap) => Err(unknown(gap)),
            None => Ok(Response::new(metric_value(load.demand))),
        }
    }
}
