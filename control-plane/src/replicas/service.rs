//! The service that the other replicas call.
//!
//! Fed by other replicas; feeds the scheduler and the caches.

use postrider_domain::ids::{AttemptKey, DeliveryId, ReplicaId, SubscriptionKey, TenantId};
use postrider_identity::TokenId;
use postrider_proto::replica::v1::replica_service_server::{ReplicaService, ReplicaServiceServer};
use postrider_proto::replica::v1::{
    CheckReplicaRequest, CheckReplicaResponse, ForgetTokenRequest, ForgetTokenResponse,
    GetActivityRequest, GetActivityResponse, GetPublishWatermarkRequest,
    GetPublishWatermarkResponse, GetReplicaRequest, GetReplicaResponse, HintRequest, HintResponse,
    ListLoopOutcomesRequest, ListLoopOutcomesResponse, ListRegionDemandRequest,
    ListRegionDemandResponse, ListRegionFiguresRequest, ListRegionFiguresResponse,
    RefreshCatalogueRequest, RefreshCatalogueResponse, RefreshTenantRequest, RefreshTenantResponse,
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{convert, loop_outcomes};
use crate::listeners::ReplicaGrants;
use crate::state::context::ReplicaContext;

/// Most hints of one kind in a call; a replica sends no more.
const MAX_HINTS: usize = 10_000;
/// Longest address that is called for another replica. A host name of 253 bytes fits with
/// scheme and port.
const MAX_ADDRESS_BYTES: usize = 512;

fn check_hints(field: &str, count: usize) -> Result<(), Status> {
    match count <= MAX_HINTS {
        true => Ok(()),
        false => Err(Status::invalid_argument(format!("{field} has more than {MAX_HINTS} hints"))),
    }
}

/// Serves the other replicas.
pub fn service(context: ReplicaContext) -> ReplicaServiceServer<impl ReplicaService> {
    let max = context.settings.replicas.max_message_bytes;
    ReplicaServiceServer::new(PeerService { context }).max_decoding_message_size(max)
}

/// What this replica does for the others.
pub struct PeerService {
    pub context: ReplicaContext,
}

#[tonic::async_trait]
impl ReplicaService for PeerService {
    async fn hint(&self, request: Request<HintRequest>) -> Result<Response<HintResponse>, Status> {
        let hint = request.into_inner();
        check_hints("waiting", hint.waiting.len())?;
        check_hints("concluded", hint.concluded.len())?;
        let concluded = hint.concluded.iter().filter_map(|concluded| {
            let delivery = DeliveryId(Uuid::from_slice(&concluded.delivery_id).ok()?);
            Some(AttemptKey { delivery, number: concluded.number })
        });
        self.context.dispatcher.update(|scheduler, now| {
            for key in concluded {
                scheduler.concluded_elsewhere(key, now);
            }
        });
        for waiting in hint.waiting {
            let ids = (waiting.tenant.parse(), waiting.subscription.parse());
            let (Ok(tenant), Ok(subscription)) = ids else { continue };
            let key = SubscriptionKey { tenant, subscription };
            if !self.context.dispatcher.read(|scheduler, _| scheduler.has_lane(&key)) {
                // Reading the configuration makes the lane.
                let _ = self.context.tenants.refresh(&key.tenant).await;
            }
            self.context.dispatcher.update(|scheduler, now| scheduler.note_due(&key, now, now));
        }
        Ok(Response::new(HintResponse {}))
    }

    async fn refresh_tenant(
        &self,
        request: Request<RefreshTenantRequest>,
    ) -> Result<Response<RefreshTenantResponse>, Status> {
        let wanted = request.into_inner();
        let tenant: TenantId =
            wanted.tenant.parse().map_err(|_| Status::invalid_argument("tenant is not valid"))?;
        let snapshot = self.context.tenants.refresh(&tenant).await.map_err(|error| {
            Status::unavailable(format!("the configuration could not be read: {error}"))
        })?;
        let config_version = snapshot.map_or(0, |snapshot| snapshot.tenant.config_version);
        Ok(Response::new(RefreshTenantResponse { config_version }))
    }

    async fn refresh_catalogue(
        &self,
        _request: Request<RefreshCatalogueRequest>,
    ) -> Result<Response<RefreshCatalogueResponse>, Status> {
        let catalogue = self.context.event_types.refresh().await.map_err(|error| {
            Status::unavailable(format!("the event types could not be read: {error}"))
        })?;
        Ok(Response::new(RefreshCatalogueResponse { version: catalogue.version() }))
    }

    async fn forget_token(
        &self,
        request: Request<ForgetTokenRequest>,
    ) -> Result<Response<ForgetTokenResponse>, Status> {
        let token = TokenId::parse(&request.into_inner().token);
        let token = token.ok_or_else(|| Status::invalid_argument("token is not valid"))?;
        self.context.tokens.forget(&token);
        Ok(Response::new(ForgetTokenResponse {}))
    }

    async fn get_replica(
        &self,
        _request: Request<GetReplicaRequest>,
    ) -> Result<Response<GetReplicaResponse>, Status> {
        Ok(Response::new(GetReplicaResponse { replica_id: self.context.replica.0.to_string() }))
    }

    async fn check_replica(
        &self,
        request: Request<CheckReplicaRequest>,
    ) -> Result<Response<CheckReplicaResponse>, Status> {
        let grants = request.extensions().get::<ReplicaGrants>().cloned();
        let asked = request.into_inner();
        // Only here does a replica say who it is.
        if grants.is_some_and(|grants| !grants.permit(&asked.replica_id)) {
            let problem = "the certificate does not allow this replica_id";
            return Err(Status::permission_denied(problem));
        }
        if asked.address.len() > MAX_ADDRESS_BYTES {
            return Err(Status::invalid_argument("address is too long"));
        }
        let replica = ReplicaId(asked.replica_id.into());
        let problem = self.context.peers.check(&replica, &asked.address).await;
        Ok(Response::new(CheckReplicaResponse { problem }))
    }

    async fn list_region_figures(
        &self,
        _request: Request<ListRegionFiguresRequest>,
    ) -> Result<Response<ListRegionFiguresResponse>, Status> {
        let figures = self.context.dispatcher.region_figures();
        let figures = figures.into_iter().map(convert::to_wire);
        Ok(Response::new(ListRegionFiguresResponse { figures: figures.collect() }))
    }

    async fn list_region_demand(
        &self,
        _request: Request<ListRegionDemandRequest>,
    ) -> Result<Response<ListRegionDemandResponse>, Status> {
        Ok(Response::new(convert::demand_to_wire(self.context.dispatcher.demand())))
    }

    async fn get_activity(
        &self,
        _request: Request<GetActivityRequest>,
    ) -> Result<Response<GetActivityResponse>, Status> {
        let activity = self.context.recent_activity.with_circuits(&self.context.dispatcher);
        Ok(Response::new(convert::activity_to_wire(activity)))
    }

    async fn list_loop_outcomes(
        &self,
        _request: Request<ListLoopOutcomesRequest>,
    ) -> Result<Response<ListLoopOutcomesResponse>, Status> {
        Ok(Response::new(loop_outcomes::to_wire(self.context.loops.outcomes())))
    }

    async fn get_publish_watermark(
        &self,
        _request: Request<GetPublishWatermarkRequest>,
    ) -> Result<Response<GetPublishWatermarkResponse>, Status> {
        let watermark = self.context.watermark.current(self.context.clock.now());
        Ok(Response::new(GetPublishWatermarkResponse { watermark_us: watermark.as_micros() }))
    }
}
