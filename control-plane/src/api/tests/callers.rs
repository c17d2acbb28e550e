//! Tokens, portals' tokens, and what a caller of one tenant sees.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use postrider_identity::{CallerIdentity, Grant, GrantScope, Role};
use postrider_proto::v1::portal_service_client::PortalServiceClient;
use postrider_proto::v1::token_service_client::TokenServiceClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::{Code, Request, Status};

use super::*;

/// Within this an open stream ends after its token was revoked.
const STREAM_END_LIMIT: Duration = Duration::from_secs(5);

#[derive(Clone)]
struct PresentedToken(MetadataValue<Ascii>);

impl Interceptor for PresentedToken {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

type BearerChannel = InterceptedService<Channel, PresentedToken>;

/// Clients of one caller.
struct CallerClients {
    tenants: TenantServiceClient<BearerChannel>,
    deliveries: DeliveryServiceClient<BearerChannel>,
    events: EventServiceClient<BearerChannel>,
    tokens: TokenServiceClient<BearerChannel>,
    portal: PortalServiceClient<BearerChannel>,
}

impl TestApi {
    async fn strict() -> Self {
        Self::with(&[("server.insecure_no_auth", "false")]).await
    }

    async fn as_who_presents(&self, token: &str) -> CallerClients {
        let bearer = PresentedToken(format!("Bearer {token}").parse().unwrap());
        let channel = InterceptedService::new(self.channel().await, bearer);
        CallerClients {
            tenants: TenantServiceClient::new(channel.clone()),
            deliveries: DeliveryServiceClient::new(channel.clone()),
            events: EventServiceClient::new(channel.clone()),
            tokens: TokenServiceClient::new(channel.clone()),
            portal: PortalServiceClient::new(channel),
        }
    }

    async fn as_role(&self, role: Role, tenants: &[&str]) -> CallerClients {
        let scope = match tenants {
            [] => GrantScope::Installation,
            some => GrantScope::Tenants(some.iter().map(|id| id.parse().unwrap()).collect()),
        };
        let token = self.token(vec![Grant { role, scope }]).await;
        self.as_who_presents(&token).await
    }
}

impl CallerClients {
    async fn create_tenant(&mut self, id: &str) {
        let request = v1::CreateTenantRequest { tenant_id: id.into(), tenant: None };
        self.tenants.create_tenant(request).await.unwrap();
    }

    async fn create_token(
        &mut self,
        role: v1::Role,
        tenants: &[&str],
    ) -> Result<v1::CreateTokenResponse, Status> {
        let names = tenants.iter().map(|id| format!("tenants/{id}")).collect();
        let grant =
            v1::Grant { role: role.into(), tenants: names, installation: tenants.is_empty() };
        let token = v1::Token { grants: vec![grant], ..Default::default() };
        let request = v1::CreateTokenRequest { token: Some(token), ttl: None };
        self.tokens.create_token(request).await.map(tonic::Response::into_inner)
    }

    async fn tenant(&mut self, id: &str) -> Result<v1::Tenant, Status> {
        let request = v1::GetTenantRequest { name: format!("tenants/{id}") };
        self.tenants.get_tenant(request).await.map(tonic::Response::into_inner)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_token_is_refused_at_once_and_its_streams_end() {
    let api = TestApi::strict().await;
    let mut administrator = api.as_role(Role::Administrator, &[]).await;
    administrator.create_tenant("acme").await;
    let made = administrator.create_token(v1::Role::Reader, &["acme"]).await.unwrap();
    let name = made.token.unwrap().name;
    let mut reader = api.as_who_presents(&made.secret).await;
    assert_eq!(reader.tenant("acme").await.unwrap().name, "tenants/acme");
    let watch = v1::WatchAttemptsRequest { parent: "tenants/-".into(), ..Default::default() };
    let mut watch = reader.deliveries.watch_attempts(watch).await.unwrap().into_inner();

    let revoke = v1::RevokeTokenRequest { name: name.clone() };
    let revoked = administrator.tokens.revoke_token(revoke.clone()).await.unwrap().into_inner();
    assert!(revoked.revoke_time.is_some());
    let began = Instant::now();
    let refused = reader.tenant("acme").await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::Unauthenticated, "UNAUTHENTICATED".into())
    );
    let ended = tokio::time::timeout(STREAM_END_LIMIT, watch.message()).await;
    let ended = ended.expect("the stream went on").unwrap_err();
    assert_eq!((ended.code(), reason(&ended)), (Code::Unauthenticated, "UNAUTHENTICATED".into()));
    assert!(began.elapsed() < STREAM_END_LIMIT);
    // Again, and it is still listed.
    administrator.tokens.revoke_token(revoke).await.unwrap();
    let listed = administrator.tokens.list_tokens(v1::ListTokensRequest::default()).await.unwrap();
    assert!(listed.into_inner().tokens.iter().any(|token| token.name == name));
    api.plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_makes_or_sees_a_token_with_more_than_he_has() {
    let api = TestApi::strict().await;
    let mut everywhere = api.as_role(Role::Administrator, &[]).await;
    everywhere.create_tenant("acme").await;
    let mut acme = api.as_role(Role::Administrator, &["acme"]).await;
    let made = acme.create_token(v1::Role::Publisher, &["acme"]).await.unwrap();
    for (role, tenants) in [
        (v1::Role::Publisher, &[][..]),
        (v1::Role::Publisher, &["other"]),
        (v1::Role::Publisher, &["acme", "other"]),
    ] {
        let refused = acme.create_token(role, tenants).await.unwrap_err();
        let told = (refused.code(), reason(&refused));
        assert_eq!(told, (Code::PermissionDenied, "GRANT_NOT_HELD".into()), "{tenants:?}");
    }
    let foreign = everywhere.create_token(v1::Role::Reader, &["other"]).await.unwrap();
    let name = foreign.token.unwrap().name;
    let get = v1::GetTokenRequest { name: name.clone() };
    assert_eq!(acme.tokens.get_token(get).await.unwrap_err().code(), Code::NotFound);
    let revoke = v1::RevokeTokenRequest { name: name.clone() };
    assert_eq!(acme.tokens.revoke_token(revoke).await.unwrap_err().code(), Code::NotFound);
    let listed = acme.tokens.list_tokens(v1::ListTokensRequest::default()).await.unwrap();
    let listed = listed.into_inner().tokens;
    assert!(listed.iter().any(|token| token.name == made.token.as_ref().unwrap().name));
    assert!(listed.iter().all(|token| token.name != name));
    api.plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_portal_token_is_one_tenants_and_makes_no_token() {
    let api = TestApi::strict().await;
    let mut administrator = api.as_role(Role::Administrator, &[]).await;
    administrator.create_tenant("acme").await;
    administrator.create_tenant("other").await;
    let request = |tenant: &str, role: v1::Role| v1::CreatePortalTokenRequest {
        parent: format!("tenants/{tenant}"),
        roles: vec![role.into()],
        ttl: None,
    };
    let all = request("acme", v1::Role::Administrator);
    let made = administrator.portal.create_portal_token(all).await.unwrap().into_inner();
    let token = made.token.unwrap();
    let seconds = |time: Option<prost_types::Timestamp>| time.unwrap().seconds;
    assert_eq!(seconds(token.expire_time) - seconds(token.create_time), 15 * 60);
    assert!(token.portal);
    let mut portal = api.as_who_presents(&made.secret).await;
    assert!(portal.tenant("acme").await.is_ok());
    assert_eq!(portal.tenant("other").await.unwrap_err().code(), Code::NotFound);
    let refused = portal.create_token(v1::Role::Reader, &["acme"]).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let again = request("acme", v1::Role::Reader);
    let refused = portal.portal.create_portal_token(again).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    // A backend passes on what it has itself, where it has it, and nowhere else.
    let mut backend = api.as_role(Role::SubscriptionManager, &["acme"]).await;
    let manager = v1::Role::SubscriptionManager;
    assert!(backend.portal.create_portal_token(request("acme", manager)).await.is_ok());
    let more = request("acme", v1::Role::Reader);
    let refused = backend.portal.create_portal_token(more).await.unwrap_err();
    assert_eq!(reason(&refused), "GRANT_NOT_HELD");
    let elsewhere = request("other", manager);
    let refused = backend.portal.create_portal_token(elsewhere).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    let nowhere = request("missing", manager);
    let refused = administrator.portal.create_portal_token(nowhere).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    api.plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_makes_none_that_outlives_it_or_its_tenant() {
    let api = TestApi::strict().await;
    let mut administrator = api.as_role(Role::Administrator, &[]).await;
    administrator.create_tenant("acme").await;
    let grant = v1::Grant {
        role: v1::Role::Administrator.into(),
        tenants: vec!["tenants/acme".to_owned()],
        installation: false,
    };
    let request = |seconds: Option<i64>| v1::CreateTokenRequest {
        token: Some(v1::Token { grants: vec![grant.clone()], ..Default::default() }),
        ttl: seconds.map(|seconds| prost_types::Duration { seconds, nanos: 0 }),
    };
    let made = administrator.tokens.create_token(request(Some(300))).await.unwrap().into_inner();
    let end = made.token.unwrap().expire_time;
    let mut ending = api.as_who_presents(&made.secret).await;
    let child = ending.tokens.create_token(request(None)).await.unwrap().into_inner();
    assert_eq!(child.token.unwrap().expire_time, end);
    let longer = ending.tokens.create_token(request(Some(3600))).await.unwrap_err();
    assert_eq!(longer.code(), Code::InvalidArgument);
    let delete = v1::DeleteTenantRequest { name: "tenants/acme".to_owned(), ..Default::default() };
    administrator.tenants.delete_tenant(delete).await.unwrap();
    let late = ending.tokens.create_token(request(None)).await.unwrap_err();
    assert_eq!((late.code(), reason(&late)), (Code::FailedPrecondition, "RESOURCE_DELETED".into()));
    api.plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_and_pages_are_a_callers_own() {
    let api = TestApi::strict().await;
    let mut administrator = api.as_role(Role::Administrator, &[]).await;
    for id in ["acme", "beta", "other"] {
        administrator.create_tenant(id).await;
        for number in 0..3 {
            let published =
                v1::PublishEventRequest { parent: format!("tenants/{id}"), ..event(number) };
            administrator.events.publish_event(published).await.unwrap();
        }
    }
    let mut reader = api.as_role(Role::Reader, &["acme", "beta"]).await;
    let listed = reader.tenants.list_tenants(v1::ListTenantsRequest::default()).await.unwrap();
    let listed: Vec<_> = listed.into_inner().tenants.into_iter().map(|it| it.name).collect();
    assert_eq!(listed, ["tenants/acme", "tenants/beta"]);
    // Between its two tenants there is one of which it does not know.
    let mut apart = api.as_role(Role::Reader, &["acme", "other"]).await;
    let one = v1::ListTenantsRequest { page_size: 1, ..Default::default() };
    let first = apart.tenants.list_tenants(one.clone()).await.unwrap().into_inner();
    let bytes = URL_SAFE_NO_PAD.decode(&first.next_page_token).unwrap();
    assert!(!bytes.windows(4).any(|part| part == b"beta"), "{}", first.next_page_token);
    let next = v1::ListTenantsRequest { page_token: first.next_page_token, ..one };
    let second = apart.tenants.list_tenants(next).await.unwrap().into_inner();
    assert_eq!(second.tenants[0].name, "tenants/other");
    let list = |tenant: &str, page_token: String| v1::ListEventsRequest {
        parent: format!("tenants/{tenant}"),
        page_size: 1,
        page_token,
        ..Default::default()
    };
    let first = reader.events.list_events(list("acme", String::new())).await.unwrap().into_inner();
    let token = first.next_page_token;
    assert!(!token.is_empty());
    assert!(reader.events.list_events(list("acme", token.clone())).await.is_ok());
    let refused = reader.events.list_events(list("beta", token.clone())).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let refused = reader.events.list_events(list("other", token)).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    api.plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bootstrap_token_is_an_administrators() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    let token = format!("prt_{}_{}", "a".repeat(20), "b".repeat(64));
    std::fs::write(&path, format!("{token}\n")).unwrap();
    let path = path.display().to_string();
    let settings =
        [("server.insecure_no_auth", "false"), ("auth.bootstrap_token_file", path.as_str())];
    let api = TestApi::with(&settings).await;
    let mut first = api.as_who_presents(&token).await;
    first.create_tenant("acme").await;
    let wrong = format!("prt_{}_{}", "a".repeat(20), "c".repeat(64));
    let refused = api.as_who_presents(&wrong).await.tenant("acme").await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert!(!refused.message().contains(&wrong), "{refused:?}");
    api.plane.stop().await;
}

/// What a replica says of a caller it says at another door.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_does_not_say_who_called() {
    let api = TestApi::strict().await;
    let administrator = serde_json::to_vec(&CallerIdentity::unchecked()).unwrap();
    let mut request = Request::new(v1::ListTenantsRequest::default());
    let said = URL_SAFE_NO_PAD.encode(administrator).parse().unwrap();
    request.metadata_mut().insert("postrider-caller", said);
    request.metadata_mut().insert("postrider-forwarded", "1".parse().unwrap());
    let mut tenants = TenantServiceClient::new(api.channel().await);
    let refused = tenants.list_tenants(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    api.plane.stop().await;
}
