//! `PortalService`.
//!
//! Fed by customers' portals' backends; feeds `state::tokens`. Guarantees that a portal
//! token holds for one tenant, for a day at most, and grants what its maker holds there.

use std::time::Duration;

use postrider_identity::{
    CallerIdentity, ConsoleEntryKind, ConsoleIdKey, ConsoleSession, Grant, GrantScope, MAX_GRANTS,
    TokenKind, TokenRecord,
};
use postrider_proto::v1;
use postrider_proto::v1::portal_service_server::PortalService;
use postrider_store::ConsoleCreation;
use tonic::{Request, Response, Status, async_trait};

use crate::api::rpc::caller::Caller;
use crate::api::rpc::errors::{self, ErrorReason, FieldViolations};
use crate::api::rpc::spans;
use crate::api::tenants::stored::require_live_tenant;
use crate::api::tokens::conversion::{issue, role, to_proto, ttl};
use crate::api::tokens::service::{end_of, grant_not_held, store};
use crate::api::values::names;
use crate::state::console_bounds::{PORTAL_CODE_TTL, console_bounds};
use crate::state::context::ReplicaContext;

/// A visit to a page; its backend makes another.
const DEFAULT_PORTAL_TTL: Duration = Duration::from_secs(15 * 60);
/// A working day, and it is in a browser.
const MAX_PORTAL_TTL: Duration = Duration::from_secs(86_400);

pub struct PortalApi {
    context: ReplicaContext,
}

impl PortalApi {
    pub fn new(context: ReplicaContext) -> Self {
        Self { context }
    }

    async fn create(
        &self,
        request: v1::CreatePortalTokenRequest,
        caller: &Caller,
    ) -> Result<v1::CreatePortalTokenResponse, Status> {
        let mut violations = FieldViolations::default();
        let tenant = violations.keep("parent", names::tenant(&request.parent));
        if request.roles.is_empty() || request.roles.len() > MAX_GRANTS {
            violations.add("roles", format!("must hold 1 to {MAX_GRANTS} roles"));
        }
        let roles = request.roles.iter().take(MAX_GRANTS).enumerate();
        let roles: Vec<_> = roles
            .filter_map(|(at, code)| role(*code, &format!("roles[{at}]"), &mut violations))
            .collect();
        let ttl = ttl(request.ttl.as_ref(), MAX_PORTAL_TTL, &mut violations);
        let tenant = violations.finish(tenant)?;
        spans::record_in_span("tenant", &tenant);
        let scope = GrantScope::tenant(tenant.clone());
        let grants: Vec<Grant> =
            roles.into_iter().map(|role| Grant { role, scope: scope.clone() }).collect();
        if !caller.identity.covers(&grants) {
            return Err(grant_not_held());
        }
        require_live_tenant(&self.context, &tenant).await?;
        let now = self.context.clock.now();
        let expire_time = end_of(ttl, Some(DEFAULT_PORTAL_TTL), &caller.identity, now)?;
        let mut token = issue(TokenKind::Portal, grants, now);
        token.record.created_by.clone_from(&caller.who);
        token.record.expire_time = expire_time;
        store(&self.context, &token, caller).await?;
        let console_url = self.console_link(&token.record).await?;
        spans::log_change(&caller.who, "portal token created", &names::of_token(&token.record.id));
        Ok(v1::CreatePortalTokenResponse {
            token: Some(to_proto(&token.record)),
            secret: token.text.reveal().to_owned(),
            console_url,
        })
    }

    /// A link with a code that stands for the token once; empty where there is no console.
    async fn console_link(&self, token: &TokenRecord) -> Result<String, Status> {
        let kind = ConsoleEntryKind::PortalCode;
        let ids = ConsoleIdKey::of(&self.context.assignment_key);
        let code = ids.make(kind, &rand::random());
        let address = format!("/portal/{}", code.reveal());
        let Some(link) = self.context.settings.console.public_address(&address) else {
            return Ok(String::new());
        };
        let identity = CallerIdentity::of_token(token);
        let bounds = console_bounds(&identity);
        let now = self.context.clock.now();
        let entry = ConsoleSession::new(&code, kind, identity, now, PORTAL_CODE_TTL);
        let created = self.context.store.create_console_session(&entry, bounds).await;
        match created.map_err(errors::store)? {
            ConsoleCreation::Created => Ok(link),
            ConsoleCreation::TooMany | ConsoleCreation::TooManyOfTenant => {
                let problem = "there are too many sessions of the console and links that begin one";
                Err(errors::status(ErrorReason::TooManyTokens, problem))
            }
        }
    }
}

#[async_trait]
impl PortalService for PortalApi {
    async fn create_portal_token(
        &self,
        request: Request<v1::CreatePortalTokenRequest>,
    ) -> Result<Response<v1::CreatePortalTokenResponse>, Status> {
        let (caller, message) = Caller::admit(request)?;
        self.create(message, &caller).await.map(Response::new)
    }
}
