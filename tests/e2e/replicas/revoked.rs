//! A token that is revoked at one replica while another is called with it.

use std::time::Duration;

use postrider_proto::v1::{
    CreateTokenRequest, GetTenantRequest, Grant, RevokeTokenRequest, Role, Token,
    WatchAttemptsRequest,
};
use postrider_tests::api::{Api, channel, reason};
use tokio::time::timeout;
use tonic::Code;

use super::two_replicas;

/// Within this an open stream ends after its token was revoked.
const STREAM_END_LIMIT: Duration = Duration::from_secs(5);
const ROUND_COUNT: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_revoked_here_is_refused_there_on_postgres() {
    let cluster = two_replicas().await;
    let mut here = cluster.api_of(0).unwrap();
    here.create_tenant("acme").await.unwrap();
    for _ in 0..ROUND_COUNT {
        let grants = vec![Grant {
            role: Role::Reader.into(),
            tenants: vec!["tenants/acme".to_owned()],
            installation: false,
        }];
        let token = Some(Token { grants, ..Token::default() });
        let made = here.tokens.create_token(CreateTokenRequest { token, ttl: None }).await;
        let made = made.unwrap().into_inner();
        let caller = Some((cluster.pki(), cluster.caller()));
        let there = channel(&cluster.replicas[1].url(), caller).unwrap();
        let mut there = Api::with_token(there, &made.secret);
        let get = GetTenantRequest { name: "tenants/acme".to_owned() };
        there.tenants.get_tenant(get.clone()).await.unwrap();
        let watch = WatchAttemptsRequest {
            parent: "tenants/-".to_owned(),
            ..WatchAttemptsRequest::default()
        };
        let mut watch = there.deliveries.watch_attempts(watch).await.unwrap().into_inner();
        let name = made.token.unwrap().name;
        here.tokens.revoke_token(RevokeTokenRequest { name }).await.unwrap();
        let refused = there.tenants.get_tenant(get).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
        let ended = timeout(STREAM_END_LIMIT, watch.message()).await;
        let ended = ended.expect("the stream went on").unwrap_err();
        assert_eq!(reason(&ended), "UNAUTHENTICATED");
    }
}
