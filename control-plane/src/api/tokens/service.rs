//! `TokenService`.
//!
//! Fed by callers; feeds `state::tokens` and the store. Guarantees that nobody makes, sees
//! or revokes a token that grants what he does not hold, that a token makes none that
//! outlives it, and that a token's text is in one
//! answer only.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use postrider_domain::ids::TenantId;
use postrider_domain::time::Timestamp;
use postrider_identity::{
    AuditChain, AuditDraft, AuditFields, CallerIdentity, Grant, GrantScope, IssuedToken, Principal,
    TokenId, TokenKind, TokenRecord,
};
use postrider_proto::v1;
use postrider_proto::v1::token_service_server::TokenService;
use postrider_store::{Store, StoreResult, TokenCreation, TokenQuery};
use tonic::{Request, Response, Status, async_trait};

use crate::api::lists::listing::{ListCall, StoredList};
use crate::api::rpc::caller::Caller;
use crate::api::rpc::errors::{self, ErrorReason, FieldViolations, ResourceKind};
use crate::api::rpc::spans;
use crate::api::tokens::conversion::{grants, issue, to_proto, ttl};
use crate::api::values::{names, validate};
use crate::audited_fields;
use crate::state::context::ReplicaContext;

/// Ten years: who wants more leaves it out.
const MAX_TOKEN_TTL: Duration = Duration::from_secs(10 * 366 * 86_400);
/// Most rows read at once: each may have many grants.
const MAX_READ_ROWS: usize = 200;

pub struct TokenApi {
    context: ReplicaContext,
}

impl TokenApi {
    pub fn new(context: ReplicaContext) -> Self {
        Self { context }
    }

    async fn create(
        &self,
        request: v1::CreateTokenRequest,
        caller: &Caller,
    ) -> Result<v1::CreateTokenResponse, Status> {
        let given = request.token.unwrap_or_default();
        let mut violations = FieldViolations::default();
        validate::display_name("token.display_name", &given.display_name, &mut violations);
        let grants = grants(&given.grants, &mut violations);
        let ttl = ttl(request.ttl.as_ref(), MAX_TOKEN_TTL, &mut violations);
        violations.check()?;
        if !caller.identity.covers(&grants) {
            return Err(grant_not_held());
        }
        refuse_deleted_tenants(&self.context, &grants).await?;
        let now = self.context.clock.now();
        let expire_time = end_of(ttl, None, &caller.identity, now)?;
        let mut token = issue(TokenKind::Service, grants, now);
        token.record.display_name = given.display_name;
        token.record.created_by.clone_from(&caller.who);
        token.record.expire_time = expire_time;
        store(&self.context, &token, caller).await?;
        spans::log_change(&caller.who, "token created", &names::of_token(&token.record.id));
        Ok(v1::CreateTokenResponse {
            token: Some(to_proto(&token.record)),
            secret: token.text.reveal().to_owned(),
        })
    }

    /// A token of which the caller holds every grant; any other is not found.
    async fn find(&self, name: &str, caller: &Caller) -> Result<TokenRecord, Status> {
        let id: TokenId = names::token(name).map_err(|error| errors::invalid("name", error))?;
        let found = self.context.store.get_token(&id).await.map_err(errors::store)?;
        let found = found.filter(|token| caller.identity.covers(&token.grants));
        found.ok_or_else(|| errors::not_found(ResourceKind::Token, &name))
    }

    async fn list(
        &self,
        request: v1::ListTokensRequest,
        caller: &Caller,
    ) -> Result<v1::ListTokensResponse, Status> {
        let (settings, key) = (&self.context.settings.api, &self.context.assignment_key);
        let v1::ListTokensRequest { page_size, page_token, .. } = &request;
        let mut call = ListCall::begin("ListTokens", *page_size, page_token, settings, key);
        let show_portal = call.choice("with portal", request.show_portal);
        let ((), page) = call.finish(Some(()))?;
        let store = Arc::clone(&self.context.store);
        let identity = Arc::clone(&caller.identity);
        let page = page.fill(&TokenList { store, identity, show_portal }).await?;
        Ok(v1::ListTokensResponse {
            tokens: page.items.iter().map(to_proto).collect(),
            next_page_token: page.next_page_token,
        })
    }

    async fn revoke(
        &self,
        request: v1::RevokeTokenRequest,
        caller: &Caller,
    ) -> Result<v1::Token, Status> {
        let token = self.find(&request.name, caller).await?;
        let now = self.context.clock.now();
        let revoked = TokenRecord { revoke_time: Some(now), ..token.clone() };
        let fields = audited_fields::of_token;
        let audit = record_of(&token, caller, now).with_changes(&fields(&token), &fields(&revoked));
        self.context.tokens.revoke(&token.id, &audit).await.map_err(errors::store)?;
        spans::log_change(&caller.who, "token revoked", &request.name);
        Ok(to_proto(&self.find(&request.name, caller).await?))
    }
}

/// The tokens of which a caller holds every grant.
struct TokenList {
    store: Arc<dyn Store>,
    identity: Arc<CallerIdentity>,
    show_portal: bool,
}

impl StoredList for TokenList {
    type Row = TokenRecord;
    type Position = TokenId;

    async fn read(&self, after: Option<TokenId>, limit: u32) -> StoreResult<Vec<TokenRecord>> {
        self.store.list_tokens(&TokenQuery { show_portal: self.show_portal, after, limit }).await
    }

    fn position(&self, row: &TokenRecord) -> TokenId {
        row.id.clone()
    }

    fn is_exact(&self) -> bool {
        false
    }

    fn matches(&self, row: &TokenRecord) -> bool {
        self.identity.covers(&row.grants)
    }

    fn max_read_rows(&self) -> usize {
        MAX_READ_ROWS
    }
}

/// Stores a token that was just made.
pub(super) async fn store(
    context: &ReplicaContext,
    token: &IssuedToken,
    caller: &Caller,
) -> Result<(), Status> {
    let name = names::of_token(&token.record.id);
    let audit = record_of(&token.record, caller, token.record.create_time);
    let after = audited_fields::of_token(&token.record);
    let audit = audit.with_changes(&AuditFields::none(), &after);
    let created = context.tokens.create(token, &audit).await;
    let created = created.map_err(|error| errors::write(error, ResourceKind::Token, &name))?;
    let problem = match created {
        TokenCreation::Created => return Ok(()),
        TokenCreation::TooMany => "this installation has too many tokens",
        TokenCreation::TooManyOfTenant => {
            "the tenant has too many tokens; ended ones count until they are forgotten"
        }
        TokenCreation::TooManyOfMaker => {
            "this caller has made too many tokens; ended ones count until they are forgotten"
        }
    };
    Err(errors::status(ErrorReason::TooManyTokens, problem))
}

/// When a token that a token makes ends: no later than its maker, so that what was given
/// for a time is not kept for longer. A JWT or a certificate that makes one ends for
/// another reason, and is renewed.
pub(super) fn end_of(
    asked: Option<Duration>,
    otherwise: Option<Duration>,
    maker: &CallerIdentity,
    now: Timestamp,
) -> Result<Option<Timestamp>, Status> {
    let maker_ends = match &maker.principal {
        Principal::Token(_) | Principal::PortalToken(_) => maker.expire_time,
        Principal::Subject { .. } | Principal::Certificate(_) | Principal::Unknown => None,
    };
    let end = asked.or(otherwise).map(|ttl| now + ttl);
    let Some(latest) = maker_ends else { return Ok(end) };
    match (asked, end) {
        (Some(_), Some(end)) if end > latest => Err(errors::invalid(
            "ttl",
            format!(
                "must be at most {} s: the token that makes it ends then",
                latest.since(now).as_secs()
            ),
        )),
        (_, Some(end)) => Ok(Some(end.min(latest))),
        (_, None) => Ok(Some(latest)),
    }
}

/// Refuses a token for a tenant that was deleted. One for a tenant that is still to be
/// made is allowed.
async fn refuse_deleted_tenants(context: &ReplicaContext, grants: &[Grant]) -> Result<(), Status> {
    let scopes = grants.iter().filter_map(|grant| match &grant.scope {
        GrantScope::Installation => None,
        GrantScope::Tenants(tenants) => Some(tenants),
    });
    let tenants: BTreeSet<&TenantId> = scopes.flatten().collect();
    for id in tenants {
        let found = context.store.get_tenant(id).await.map_err(errors::store)?;
        if found.is_some_and(|tenant| tenant.delete_time.is_some()) {
            return Err(errors::deleted(ResourceKind::Tenant, &names::of_tenant(id)));
        }
    }
    Ok(())
}

/// A record about a token, in the chain of the one tenant for which it holds; others are in
/// the installation's.
fn record_of(token: &TokenRecord, caller: &Caller, now: Timestamp) -> AuditDraft {
    let chain = AuditChain::of_grants(&token.grants);
    caller.record(&names::of_token(&token.id), now).in_chain(chain)
}

pub(super) fn grant_not_held() -> Status {
    errors::status(
        ErrorReason::GrantNotHeld,
        "a token can hold only roles and tenants that its maker holds too",
    )
}

#[async_trait]
impl TokenService for TokenApi {
    async fn create_token(
        &self,
        request: Request<v1::CreateTokenRequest>,
    ) -> Result<Response<v1::CreateTokenResponse>, Status> {
        let (caller, message) = Caller::admit(request)?;
        self.create(message, &caller).await.map(Response::new)
    }

    async fn get_token(
        &self,
        request: Request<v1::GetTokenRequest>,
    ) -> Result<Response<v1::Token>, Status> {
        let (caller, message) = Caller::admit(request)?;
        async { Ok(to_proto(&self.find(&message.name, &caller).await?)) }.await.map(Response::new)
    }

    async fn list_tokens(
        &self,
        request: Request<v1::ListTokensRequest>,
    ) -> Result<Response<v1::ListTokensResponse>, Status> {
        let (caller, message) = Caller::admit(request)?;
        self.list(message, &caller).await.map(Response::new)
    }

    async fn revoke_token(
        &self,
        request: Request<v1::RevokeTokenRequest>,
    ) -> Result<Response<v1::Token>, Status> {
        let (caller, message) = Caller::admit(request)?;
        self.revoke(message, &caller).await.map(Response::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_makes_none_that_outlives_it() {
        let now = Timestamp::from_micros(1_000_000);
        let span = Duration::from_secs;
        let maker = |principal, ends: Option<u64>| CallerIdentity {
            principal,
            grants: Vec::new(),
            expire_time: ends.map(|seconds| now + span(seconds)),
        };
        let token = || Principal::Token(TokenId::from_stored("1"));
        let ends = |asked: Option<u64>, otherwise: Option<u64>, maker: &CallerIdentity| {
            let end = end_of(asked.map(span), otherwise.map(span), maker, now);
            end.map(|end| end.map(|end| end.since(now).as_secs())).map_err(|error| error.code())
        };
        let minute = maker(token(), Some(60));
        assert_eq!(ends(None, None, &minute), Ok(Some(60)));
        assert_eq!(ends(None, Some(900), &minute), Ok(Some(60)));
        assert_eq!(ends(Some(60), None, &minute), Ok(Some(60)));
        assert_eq!(ends(Some(61), None, &minute), Err(tonic::Code::InvalidArgument));
        let lasting = maker(token(), None);
        assert_eq!(ends(None, None, &lasting), Ok(None));
        assert_eq!(ends(Some(61), None, &lasting), Ok(Some(61)));
        // A JWT is renewed; that it ends says nothing of the right.
        let named = Principal::Certificate("CN=x".to_owned());
        assert_eq!(ends(None, None, &maker(named, Some(60))), Ok(None));
    }
}
