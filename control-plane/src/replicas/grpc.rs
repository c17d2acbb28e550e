//! Calls the other replicas over gRPC.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use async_trait::async_trait;
use parking_lot::Mutex;
use postrider_domain::ids::{ReplicaId, TenantId};
use postrider_domain::scheduler::{RegionFigures, ReplicaDemand};
use postrider_domain::time::Timestamp;
use postrider_identity::TokenId;
use postrider_proto::replica::v1::replica_service_client::ReplicaServiceClient;
use postrider_proto::replica::v1::{
    ForgetTokenRequest, GetActivityRequest, GetPublishWatermarkRequest, GetReplicaRequest,
    ListLoopOutcomesRequest, ListRegionDemandRequest, ListRegionFiguresRequest,
    RefreshCatalogueRequest,
};
use postrider_tls::{Reloading, TlsDialer};
use rustls::ClientConfig;
use tonic::transport::{Channel, Endpoint, Uri};

use super::{convert, loop_outcomes};
use crate::progress::LoopOutcome;
use crate::state::peers::calls::{CALL_TIMEOUT, PeerCalls, PeerHint};
use crate::state::recent_activity::ReplicaActivity;

/// Replicas stand near one another; half of `CALL_TIMEOUT`.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// A connection over which nothing comes back is given up, and made again. Together 7 s: a
/// connection that died is made again soon after its replica would count as lost.
const PING_INTERVAL: Duration = Duration::from_secs(5);
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// Calls over channels that are kept. With TLS, whoever answers has shown a replica's
/// certificate, at whatever address.
pub struct GrpcCalls {
    tls: Option<Reloading<ClientConfig>>,
    channels: Mutex<HashMap<String, Channel>>,
}

impl GrpcCalls {
    pub fn new(tls: Option<Reloading<ClientConfig>>) -> Self {
        Self { tls, channels: Mutex::new(HashMap::new()) }
    }

    fn client(&self, address: &str) -> anyhow::Result<ReplicaServiceClient<Channel>> {
        self.channel(address).map(ReplicaServiceClient::new)
    }
}

/// A request whose answer is not waited for longer than a call may take.
fn with_call_timeout<T>(message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(CALL_TIMEOUT);
    request
}

#[async_trait]
impl PeerCalls for GrpcCalls {
    async fn hint(&self, address: &str, hints: Vec<PeerHint>) -> anyhow::Result<()> {
        self.client(address)?.hint(convert::hint_request(hints)).await?;
        Ok(())
    }

    async fn refresh_tenant(
        &self,
        address: &str,
        tenant: &TenantId,
        config_version: i64,
    ) -> anyhow::Result<()> {
        let request = convert::refresh_tenant_request(tenant, config_version);
        self.client(address)?.refresh_tenant(with_call_timeout(request)).await?;
        Ok(())
    }

    async fn refresh_catalogue(&self, address: &str, version: i64) -> anyhow::Result<()> {
        let request = RefreshCatalogueRequest { version };
        self.client(address)?.refresh_catalogue(with_call_timeout(request)).await?;
        Ok(())
    }

    async fn forget_token(&self, address: &str, id: &TokenId) -> anyhow::Result<()> {
        let request = ForgetTokenRequest { token: id.to_string() };
        self.client(address)?.forget_token(with_call_timeout(request)).await?;
        Ok(())
    }

    async fn publish_watermark(&self, address: &str) -> anyhow::Result<Timestamp> {
        let mut client = self.client(address)?;
        let answer = client.get_publish_watermark(GetPublishWatermarkRequest {}).await;
        let answer = answer.context("a replica did not say what it is committing")?;
        Ok(Timestamp::from_micros(answer.into_inner().watermark_us))
    }

    async fn identify(&self, address: &str) -> anyhow::Result<ReplicaId> {
        let answer =
            self.client(address)?.get_replica(with_call_timeout(GetReplicaRequest {})).await?;
        Ok(ReplicaId(answer.into_inner().replica_id.into()))
    }

    async fn check(
        &self,
        address: &str,
        replica: &ReplicaId,
        advertised: &str,
    ) -> anyhow::Result<String> {
        let request = convert::check_request(replica, advertised);
        let answer = self.client(address)?.check_replica(request).await?;
        Ok(answer.into_inner().problem)
    }

    async fn region_figures(&self, address: &str) -> anyhow::Result<Vec<RegionFigures>> {
        let request = with_call_timeout(ListRegionFiguresRequest {});
        let answer = self.client(address)?.list_region_figures(request).await?;
        answer.into_inner().figures.into_iter().map(convert::from_wire).collect()
    }

    async fn region_demand(&self, address: &str) -> anyhow::Result<ReplicaDemand> {
        let request = with_call_timeout(ListRegionDemandRequest {});
        let answer = self.client(address)?.list_region_demand(request).await?;
        convert::demand_from_wire(answer.into_inner())
    }

    async fn activity(&self, address: &str) -> anyhow::Result<ReplicaActivity> {
        let request = with_call_timeout(GetActivityRequest {});
        let answer = self.client(address)?.get_activity(request).await?;
        convert::activity_from_wire(answer.into_inner())
    }

    async fn loop_outcomes(&self, address: &str) -> anyhow::Result<Vec<LoopOutcome>> {
        let request = with_call_timeout(ListLoopOutcomesRequest {});
        let answer = self.client(address)?.list_loop_outcomes(request).await?;
        Ok(loop_outcomes::from_wire(answer.into_inner()))
    }

    fn forget(&self, address: &str) {
        self.channels.lock().remove(address);
    }

    /// Connected when it is first used.
    fn channel(&self, address: &str) -> anyhow::Result<Channel> {
        let mut channels = self.channels.lock();
        if let Some(channel) = channels.get(address) {
            return Ok(channel.clone());
        }
        let uri: Uri = address.parse()?;
        let authority = uri.authority().context("an address without a host")?.as_str();
        // The channel would bring TLS of its own for https.
        let endpoint = Endpoint::from_shared(format!("http://{authority}"))?
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT);
        let is_tls = uri.scheme_str() == Some("https");
        let channel = match &self.tls {
            Some(tls) => {
                ensure!(is_tls, "{address} is an address without TLS");
                let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
                let dialer = TlsDialer::new(tls.clone(), host)?;
                endpoint.origin(uri).connect_with_connector_lazy(dialer)
            }
            None => {
                ensure!(!is_tls, "{address} is an address with TLS, and replicas.tls_ca is empty");
                endpoint.connect_lazy()
            }
        };
        channels.insert(address.to_owned(), channel.clone());
        Ok(channel)
    }
}
