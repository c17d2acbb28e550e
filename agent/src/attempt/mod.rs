//! One attempt: one POST under one deadline, and what happened to it.
//!
//! Fed by `work::coordinator` with an assignment and the request's template; feeds it the
//! result. Guarantees that the deadline covers everything, including the response body;
//! that no more of a response is read than the limit; that redirects are not followed;
//! and that a POST which the receiver may have seen is never sent again here. One that
//! the receiver did not process is sent again at once. The result states facts, not a
//! verdict, and shows none of the secrets that the request carried, except where they are
//! encoded in a way that `EchoMask` does not read.
//!
//! Keeps the invariant `agent-reports-facts`.

pub mod progress;

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use http::header::AUTHORIZATION;
use http::{StatusCode, Version};
use hyper::Response;
use hyper::body::Incoming;
use postrider_proto::agent::v1::{self as wire, Assignment, Fact};
use postrider_proto::attempt_limits::is_http_status;
use postrider_webhook_request::{
    OutgoingTraceContext, RequestTemplate, SigningTime, UserAgent, WebhookRequest, build_request,
};
use tokio::time::timeout_at;

use self::progress::{
    AttemptFailure, AttemptPhase, AttemptProgress, describe_with_causes, wire_duration,
};
use crate::client::connect::ConnectError;
use crate::client::destination_connections::ConnectionReuse;
use crate::client::dial::DialError;
use crate::client::pool::ConnectionRequest;
use crate::client::{PooledConnection, SendFailureKind, WebhookClient};
use crate::limits::ResponseLimits;
use crate::oauth::{TokenClient, TokenKeeper};
use crate::resolve::ResolveError;
use crate::response::{announced_keep_alive, irregularities};
use crate::subscriptions::{
    CachedSubscription, ReceiverAccess, SubscriptionPermit, SubscriptionSettings,
};
use crate::wall_clock::WallClock;

/// How often a POST that the receiver did not process is sent again within one attempt. One
/// that is refused so often is refused by what the receiver is; the deadline is there for
/// the rest.
const MAX_RESENDS: u32 = 5;
/// From this resend on, the request gets a connection of its own: many requests returned at
/// once may exceed what the next connection accepts. Two go to connections that are there,
/// which costs no handshake.
const FIRST_RESEND_ON_NEW_CONNECTION: u32 = 3;

/// Makes attempts: over HTTP, or in a simulation.
#[async_trait]
pub trait AttemptExecutor: Send + Sync + 'static {
    /// Makes one attempt and returns its result. It always ends.
    async fn execute(
        &self,
        subscription: &CachedSubscription,
        assignment: Assignment,
        trace: &OutgoingTraceContext,
    ) -> wire::AttemptResult;
}

/// Attempts over HTTP.
pub struct HttpAttemptExecutor {
    pub client: Arc<WebhookClient>,
    pub tokens: TokenKeeper,
    pub limits: ResponseLimits,
    pub user_agent: UserAgent,
    pub clock: Arc<WallClock>,
}

#[async_trait]
impl AttemptExecutor for HttpAttemptExecutor {
    async fn execute(
        &self,
        subscription: &CachedSubscription,
        assignment: Assignment,
        trace: &OutgoingTraceContext,
    ) -> wire::AttemptResult {
        let began = Instant::now();
        let settings = subscription.newest_settings();
        let mut progress =
            AttemptProgress { settings_version: settings.version, ..AttemptProgress::default() };
        // Many attempts wait and few are active: a waiting attempt keeps little state; the
        // state of an exchange is allocated when its turn comes.
        let work = async {
            let permit = subscription.acquire_permit().await;
            Box::pin(self.send_until_answered(
                subscription,
                permit,
                &assignment,
                trace,
                &mut progress,
            ))
            .await
        };
        let deadline = began + settings.timeout;
        let outcome = match timeout_at(deadline.into(), work).await {
            Ok(outcome) => outcome,
            Err(_) => {
                if progress.remote_address.is_empty() {
                    progress.record_dialled_address(progress.dialling.dialled());
                }
                let phase = progress.phase.description();
                let text = format!("the request timed out after {:?}, {phase}", settings.timeout);
                Err(AttemptFailure(Fact::Timeout, text))
            }
        };
        let (fact, error) = match outcome {
            Ok(note) => (Fact::Response, note),
            Err(AttemptFailure(fact, error)) => (fact, error),
        };
        progress.timings.total = wire_duration(began.elapsed());
        progress.into_result(assignment, fact, error)
    }
}

impl HttpAttemptExecutor {
    /// Gives what is to be noted about a complete response.
    async fn send_until_answered(
        &self,
        subscription: &CachedSubscription,
        mut permit: Option<SubscriptionPermit>,
        assignment: &Assignment,
        trace: &OutgoingTraceContext,
        progress: &mut AttemptProgress,
    ) -> Result<String, AttemptFailure> {
        let mut reuse = ConnectionReuse::Any;
        let mut resends = 0;
        loop {
            progress.phase = AttemptPhase::Connecting;
            let (settings, mut connection) =
                self.acquire_connection(subscription, &mut permit, reuse, progress).await?;
            let version = connection.version();
            let request = self.build_request(&settings, assignment, trace, version, progress)?;
            progress.version = Some(version);
            progress.sent_with = Some(Arc::clone(&settings));
            progress.phase = AttemptPhase::Waiting;
            let sent = Instant::now();
            trace.note_sent(sent);
            let error = match connection.send(request).await {
                Ok(response) => {
                    progress.timings.first_byte = wire_duration(sent.elapsed());
                    progress.phase = AttemptPhase::Reading;
                    if response.status() == StatusCode::UNAUTHORIZED {
                        self.forget_token(&settings, progress);
                    }
                    return self.read_response(connection, response, progress).await;
                }
                Err(error) => error,
            };
            // The receiver did not process it, so this is still the same POST. A receiver
            // that closes every new connection is not tried more than MAX_RESENDS times.
            let same = match error.kind {
                SendFailureKind::NotWritten => connection.is_reused() || version == Version::HTTP_2,
                SendFailureKind::NotProcessed | SendFailureKind::Http1Required => true,
                SendFailureKind::MaybeProcessed => false,
            };
            if !same || resends >= MAX_RESENDS {
                if error.kind == SendFailureKind::NotProcessed {
                    connection.count_broken();
                }
                progress.status =
                    error.status.filter(|status| is_http_status(status.as_u16().into()));
                return Err(AttemptFailure::new(
                    Fact::ConnectionClosed,
                    describe_with_causes(&error.cause),
                ));
            }
            resends += 1;
            reuse = match resends {
                FIRST_RESEND_ON_NEW_CONNECTION.. => ConnectionReuse::Never,
                _ => ConnectionReuse::NewerThan(connection.id()),
            };
        }
    }

    /// The request by these settings, with the access token that was had for them.
    fn build_request(
        &self,
        settings: &SubscriptionSettings,
        assignment: &Assignment,
        trace: &OutgoingTraceContext,
        version: Version,
        progress: &AttemptProgress,
    ) -> Result<WebhookRequest, AttemptFailure> {
        let template = template_of(settings)?;
        let now = SigningTime { wall: self.clock.signing_time(), monotonic: Instant::now() };
        let mut request = build_request(assignment, template, trace, version, now)
            .map_err(|error| AttemptFailure::new(Fact::InvalidRequest, error))?;
        self.user_agent.write(request.headers_mut());
        settings.header_case.write(&mut request);
        match &progress.token {
            Some(token) => {
                request.headers_mut().insert(AUTHORIZATION, token.authorization.clone());
            }
            None if template.needs_token => {
                return Err(AttemptFailure::new(Fact::TokenFailed, "there is no access token"));
            }
            None => {}
        }
        Ok(request)
    }

    /// A token for a request.
    async fn acquire_token(
        &self,
        client: &Arc<TokenClient>,
        progress: &mut AttemptProgress,
    ) -> Result<(), AttemptFailure> {
        progress.phase = AttemptPhase::WaitingForToken;
        let token = self.tokens.token(client).await;
        let token = token.map_err(|error| AttemptFailure::new(Fact::TokenFailed, error))?;
        progress.token = Some(token);
        progress.phase = AttemptPhase::Connecting;
        Ok(())
    }

    /// The receiver did not accept the token that it got.
    fn forget_token(&self, settings: &SubscriptionSettings, progress: &AttemptProgress) {
        if let Ok(ReceiverAccess { oauth: Some(client), .. }) = &settings.access
            && let Some(token) = &progress.token
        {
            self.tokens.forget(client, token);
        }
    }

    /// A connection for the newest settings, and a token if they want one. Waiting for
    /// them takes time, in which the subscription may be pointed elsewhere: then the wait
    /// begins again. A connection that is shared gives the turn back.
    async fn acquire_connection(
        &self,
        subscription: &CachedSubscription,
        permit: &mut Option<SubscriptionPermit>,
        reuse: ConnectionReuse,
        progress: &mut AttemptProgress,
    ) -> Result<(Arc<SubscriptionSettings>, PooledConnection), AttemptFailure> {
        loop {
            let settings = subscription.newest_settings();
            progress.settings_version = settings.version;
            let access = access_of(&settings)?;
            progress.token = None;
            if let Some(client) = &access.oauth {
                Box::pin(self.acquire_token(client, progress)).await?;
            }
            let destination = &access.destination;
            let began = Instant::now();
            let (addresses, looked_up) =
                self.client.resolve(&destination.origin, subscription.tenant()).await;
            if looked_up {
                progress.timings.dns = wire_duration(began.elapsed());
            }
            let addresses = addresses.map_err(|error| match error {
                ResolveError::NotFound { .. } => AttemptFailure::new(Fact::DnsFailed, error),
                ResolveError::Refused(_) | ResolveError::RefusedPort(_) => {
                    AttemptFailure::new(Fact::BlockedAddress, error)
                }
            })?;
            if permit.is_none() {
                *permit = subscription.acquire_permit().await;
            }
            let wanted = ConnectionRequest { reuse, progress: &progress.dialling };
            let connection = self.client.acquire_connection(destination, &addresses, wanted).await;
            let connection = connection.map_err(|error| {
                progress.record_dialled_address(error.dialled());
                AttemptFailure::new(fact_of_connect_error(&error), error)
            })?;
            if connection.is_shared() {
                *permit = None;
            }
            let newest = subscription.newest_settings();
            // The same credentials, so also the same token.
            if access_of(&newest)?.destination == *destination {
                if let Some(new) = connection.new_timings() {
                    progress.timings.connect = wire_duration(new.tcp);
                    progress.timings.tls = new.tls.and_then(wire_duration);
                }
                progress.remote_address = connection.address().to_owned();
                progress.settings_version = newest.version;
                return Ok((newest, connection));
            }
            self.client.give_back(connection, None);
        }
    }

    /// Reads the response and keeps the connection if all of it came; gives what is to be
    /// noted about it.
    async fn read_response(
        &self,
        connection: PooledConnection,
        response: Response<Incoming>,
        progress: &mut AttemptProgress,
    ) -> Result<String, AttemptFailure> {
        let (head, body) = response.into_parts();
        progress.read_response(&head, body, &self.limits).await?;
        let note = irregularities(&head.headers, connection.version(), connection.traffic());
        self.client.give_back(connection, announced_keep_alive(&head.headers));
        Ok(note)
    }
}

fn template_of(settings: &SubscriptionSettings) -> Result<&RequestTemplate, AttemptFailure> {
    settings.template.as_ref().map_err(|error| AttemptFailure::new(Fact::InvalidRequest, error))
}

fn access_of(settings: &SubscriptionSettings) -> Result<&ReceiverAccess, AttemptFailure> {
    settings.access.as_ref().map_err(|error| AttemptFailure::new(Fact::InvalidRequest, error))
}

fn fact_of_connect_error(error: &ConnectError) -> Fact {
    match error {
        ConnectError::Dial(DialError::NoAddress | DialError::Tcp { .. }) => Fact::ConnectFailed,
        ConnectError::Dial(DialError::Tls { .. }) => Fact::TlsFailed,
        ConnectError::Http(_) => Fact::ConnectionClosed,
    }
}

#[cfg(test)]
mod tests;
