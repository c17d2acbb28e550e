//! `TokenService`.
//!
//! Fed by callers; feeds `state::tokens` and the store. Guarantees that nobody makes, sees
//! or revokes a token that grants what he does not hold, and that a token's text is in one
//! answer only.

use std::sync::Arc;
use std::time::Duration;

use postrider_identity::{CallerIdentity, TokenId, TokenKind, TokenRecord};
use postrider_proto::v1;
use postrider_proto::v1::token_service_server::TokenService;
use postrider_store::{Store, StoreResult, TokenQuery};
use tonic::{Request, Response, Status, async_trait};

use crate::api::lists::listing::{ListCall, StoredList};
use crate::api::rpc::caller::Caller;
use crate::api::rpc::errors::{self, ErrorReason, FieldViolations, ResourceKind};
use crate::api::rpc::spans;
use crate::api::tokens::conversion::{grants, issue, to_proto, ttl};
use crate::api::values::{names, validate};
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
        let now = self.context.clock.now();
        let mut token = issue(TokenKind::Service, grants, now);
        token.record.display_name = given.display_name;
        token.record.created_by.clone_from(&caller.who);
        token.record.expire_time = ttl.map(|ttl| now + ttl);
        store(&self.context, &token).await?;
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
        let settings = &self.context.settings.api;
        let v1::ListTokensRequest { page_size, page_token, .. } = &request;
        let mut call = ListCall::begin("ListTokens", *page_size, page_token, settings);
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
        self.context.tokens.revoke(&token.id).await.map_err(errors::store)?;
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
    token: &postrider_identity::IssuedToken,
) -> Result<(), Status> {
    let name = names::of_token(&token.record.id);
    let created = context.tokens.create(token).await;
    let created = created.map_err(|error| errors::write(error, ResourceKind::Token, &name))?;
    if created {
        return Ok(());
    }
    Err(errors::status(ErrorReason::TooManyTokens, "this installation has too many tokens"))
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
