//! Where a chain ends: the call's answer, and the POST for each message.
//!
//! Fed by the driver over mutual TLS; feeds the receiver. Guarantees that a POST
//! waits for nothing but a connection.

use std::fs;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, Stream};
use parking_lot::Mutex;
use postrider_proto::agent::v1::agent_service_server::{AgentService, AgentServiceServer};
use postrider_proto::agent::v1::{WorkRequest, WorkResponse, work_request};
use postrider_proto::replica::v1::replica_service_server::{ReplicaService, ReplicaServiceServer};
use postrider_proto::replica::v1::{
    CheckReplicaRequest, CheckReplicaResponse, ForgetTokenRequest, ForgetTokenResponse,
    GetActivityRequest, GetActivityResponse, GetPublishWatermarkRequest,
    GetPublishWatermarkResponse, GetReplicaRequest, GetReplicaResponse, HintRequest, HintResponse,
    ListLoopOutcomesRequest, ListLoopOutcomesResponse, ListRegionDemandRequest,
    ListRegionDemandResponse, ListRegionFiguresRequest, ListRegionFiguresResponse,
    RefreshCatalogueRequest, RefreshCatalogueResponse, RefreshTenantRequest, RefreshTenantResponse,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status, Streaming};

use crate::client::{Address, Connection};
use crate::worker;

/// What the process is started with.
#[derive(Debug, Serialize, Deserialize)]
pub struct ChainPeerSetting {
    pub port: u16,
    pub certificate_file: PathBuf,
    pub key_file: PathBuf,
    pub ca_file: PathBuf,
    /// Where it POSTs to.
    pub url: String,
}

/// Serves until the commander ends.
pub async fn serve(setting: ChainPeerSetting) -> Result<()> {
    let identity =
        Identity::from_pem(fs::read(&setting.certificate_file)?, fs::read(&setting.key_file)?);
    let authority = Certificate::from_pem(fs::read(&setting.ca_file)?);
    let tls = ServerTlsConfig::new().identity(identity).client_ca_root(authority);
    let address = Address::new(&setting.url, &setting.ca_file)?;
    let listener = TcpListener::bind(("127.0.0.1", setting.port)).await?;
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let server = Server::builder()
        .tls_config(tls)?
        .add_service(ReplicaServiceServer::new(BareServices))
        .add_service(AgentServiceServer::new(ChainPoster(Arc::new(Pool::new(address)))))
        .serve_with_incoming(incoming);
    tokio::spawn(server);
    worker::serve(async |()| Ok(json!(null))).await
}

/// Answers at once.
struct BareServices;

#[async_trait]
impl ReplicaService for BareServices {
    async fn hint(&self, _: Request<HintRequest>) -> Result<Response<HintResponse>, Status> {
        Ok(Response::new(HintResponse {}))
    }

    async fn refresh_tenant(
        &self,
        _: Request<RefreshTenantRequest>,
    ) -> Result<Response<RefreshTenantResponse>, Status> {
        Err(Status::unimplemented("no part of the chain"))
    }

    async fn forget_token(
        &self,
        _: Request<ForgetTokenRequest>,
    ) -> Result<Response<ForgetTokenResponse>, Status> {
        Ok(Response::new(ForgetTokenResponse {}))
    }

    async fn refresh_catalogue(
        &self,
        _: Request<RefreshCatalogueRequest>,
    ) -> Result<Response<RefreshCatalogueResponse>, Status> {
        Err(Status::unimplemented("no part of the chain"))
    }

    async fn get_replica(
        &self,
        _: Request<GetReplicaRequest>,
    ) -> Result<Response<GetReplicaResponse>, Status> {
        Err(Status::unimplemented("no part of the chain"))
    }

    async fn check_replica(
        &self,
        _: Request<CheckReplicaRequest>,
    ) -> Result<Response<CheckReplicaResponse>, Status> {
        Err(Status::unimplemented("no part of the chain"))
    }

    async fn list_region_figures(
        &self,
        _: Request<ListRegionFiguresRequest>,
    ) -> Result<Response<ListRegionFiguresResponse>, Status> {
        Err(Status::unimplemented("no part of the chain"))
    }

    async fn list_loop_outcomes(
        &self,
        _: Request<ListLoopOutcomesRequest>,
    ) -> Result<Response<ListLoopOutcomesResponse>, Status> {
        Err(Status::unimplemented("no part of the chain"))
    }

    async fn get_activity(
        &self,
        _: Request<GetActivityRequest>,
    ) -> Result<Response<GetActivityResponse>, Status> {
        Err(Status::unimplemented("no part of the chain"))
    }

    async fn list_region_demand(
        &self,
        _: Request<ListRegionDemandRequest>,
    ) -> Result<Response<ListRegionDemandResponse>, Status> {
        Err(Status::unimplemented("no part of the chain"))
    }

    async fn get_publish_watermark(
        &self,
        _: Request<GetPublishWatermarkRequest>,
    ) -> Result<Response<GetPublishWatermarkResponse>, Status> {
        Err(Status::unimplemented("no part of the chain"))
    }
}

struct ChainPoster(Arc<Pool>);

#[async_trait]
impl AgentService for ChainPoster {
    type WorkStream = Pin<Box<dyn Stream<Item = Result<WorkResponse, Status>> + Send>>;

    async fn work(
        &self,
        request: Request<Streaming<WorkRequest>>,
    ) -> Result<Response<Self::WorkStream>, Status> {
        let mut messages = request.into_inner();
        let pool = Arc::clone(&self.0);
        tokio::spawn(async move {
            while let Ok(Some(message)) = messages.message().await {
                let Some(work_request::Message::Results(results)) = message.message else {
                    continue;
                };
                for result in results.results {
                    tokio::spawn(post(Arc::clone(&pool), result.response_body));
                }
            }
        });
        Ok(Response::new(Box::pin(stream::pending())))
    }
}

/// Idle connections, the one that was used last first.
struct Pool {
    address: Address,
    idle: Mutex<Vec<Connection>>,
}

impl Pool {
    fn new(address: Address) -> Self {
        Self { address, idle: Mutex::new(Vec::new()) }
    }

    fn idle(&self) -> parking_lot::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock()
    }

    async fn post(&self, body: Bytes) -> Result<()> {
        let idle = self.idle().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => Connection::open(&self.address).await?,
        };
        connection.post("evt_chain", body).await?;
        self.idle().push(connection);
        Ok(())
    }
}

async fn post(pool: Arc<Pool>, body: Bytes) {
    // One that fails is missing at the receiver, and its wait says so.
    if let Err(error) = pool.post(body).await {
        eprintln!("a POST: {error:#}");
    }
}
