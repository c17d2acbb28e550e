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
use http::Version;
use hyper::Response;
use hyper::body::Incoming;
use postrider_proto::agent::v1::{self as wire, Assignment, Fact};
use postrider_proto::attempt_limits::is_http_status;
use postrider_webhook_request::{
    EchoMask, OutgoingTraceContext, RequestTemplate, SigningTime, UserAgent, build_request,
};
use tokio::time::timeout_at;

use self::progress::{
    AttemptFailure, AttemptPhase, AttemptProgress, describe_with_causes, wire_duration,
};
use crate::client::connect::ConnectError;
use crate::client::dial::DialError;
use crate::client::origin_connections::ConnectionReuse;
use crate::client::pool::ConnectionRequest;
use crate::client::{PooledConnection, SendFailureKind, WebhookClient};
use crate::limits::ResponseLimits;
use crate::resolve::ResolveError;
use crate::response::{announced_keep_alive, irregularities};
use crate::subscriptions::{CachedSubscription, SubscriptionPermit, SubscriptionSettings};
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
    pub client: WebhookClient,
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
            let template = template_of(&settings)?;
            let version = connection.version();
            let now = SigningTime { wall: self.clock.signing_time(), monotonic: Instant::now() };
            let mut request = build_request(assignment, template, trace, version, now)
                .map_err(|error| AttemptFailure::new(Fact::InvalidRequest, error))?;
            self.user_agent.write(request.headers_mut());
            settings.header_case.write(&mut request);
            progress.version = Some(version);
            progress.sent_with = Some(Arc::clone(&settings));
            progress.phase = AttemptPhase::Waiting;
            let sent = Instant::now();
            trace.note_sent(sent);
            let error = match connection.send(request).await {
                Ok(response) => {
                    progress.timings.first_byte = wire_duration(sent.elapsed());
                    progress.phase = AttemptPhase::Reading;
                    return self
                        .read_response(connection, response, &template.echoes, progress)
                        .await;
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

    /// A connection for the newest settings. Waiting for one takes time, in which
    /// the subscription may be pointed elsewhere: then the wait begins again. A
    /// connection that is shared gives the turn back.
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
            let RequestTemplate { target, http1_only, .. } = template_of(&settings)?;
            let (origin, http1_only) = (&target.origin, *http1_only);
            let began = Instant::now();
            let (addresses, looked_up) = self.client.resolve(origin, subscription.tenant()).await;
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
            let wanted = ConnectionRequest { reuse, http1_only, progress: &progress.dialling };
            let connection = self.client.acquire_connection(origin, &addresses, wanted).await;
            let connection = connection.map_err(|error| {
                progress.record_dialled_address(error.dialled());
                AttemptFailure::new(fact_of_connect_error(&error), error)
            })?;
            if connection.is_shared() {
                *permit = None;
            }
            let newest = subscription.newest_settings();
            let now = template_of(&newest)?;
            if now.target.origin == *origin && now.http1_only == http1_only {
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
        echoes: &EchoMask,
        progress: &mut AttemptProgress,
    ) -> Result<String, AttemptFailure> {
        let (head, body) = response.into_parts();
        progress.read_response(&head, body, &self.limits, echoes).await?;
        let note = irregularities(&head.headers, connection.version(), connection.traffic());
        self.client.give_back(connection, announced_keep_alive(&head.headers));
        Ok(note)
    }
}

fn template_of(settings: &SubscriptionSettings) -> Result<&RequestTemplate, AttemptFailure> {
    settings.template.as_ref().map_err(|error| AttemptFailure::new(Fact::InvalidRequest, error))
}

fn fact_of_connect_error(error: &ConnectError) -> Fact {
    match error {
        ConnectError::Dial(DialError::NoAddress | DialError::Tcp { .. }) => Fact::ConnectFailed,
        ConnectError::Dial(DialError::Tls { .. }) => Fact::TlsFailed,
        ConnectError::Http(_) => Fact::ConnectionClosed,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use postrider_proto::attempt_limits::MAX_ERROR_BYTES;
    use postrider_telemetry::metrics::MetricRegistry;

    use super::*;
    use crate::address_guard::{PortRules, SubnetRules};
    use crate::client::connect::ReceiverConnector;
    use crate::client::pool::ConnectionPool;
    use crate::limits::{ConnectionLimits, LookupBackend, LookupLimits};
    use crate::metrics::AgentMetrics;
    use crate::refused_receivers::RefusedReceivers;
    use crate::resolve::Resolver;
    use crate::subscriptions::SubscriptionCache;

    /// As many wait as the agent may hold: what happens rarely, or at few of them at
    /// a time, has its state elsewhere.
    #[tokio::test]
    async fn an_attempt_that_waits_is_small() {
        let limits = ConnectionLimits {
            per_origin: 1,
            per_subscription: 1,
            total: 1,
            idle_timeout: Duration::from_secs(1),
        };
        let connector = ReceiverConnector::new(&[], &[], Duration::from_secs(1)).unwrap();
        let metrics = AgentMetrics::new(&MetricRegistry::unread());
        let pool = ConnectionPool::new(connector, limits, metrics.connections);
        let limits_of_lookups = LookupLimits::default();
        let resolver =
            Resolver::new(SubnetRules::default(), LookupBackend::System, limits_of_lookups);
        let refused = RefusedReceivers::new(metrics.refused_receivers);
        let ports = PortRules::default();
        let client = WebhookClient::new(resolver, pool, ports, refused);
        let mut subscriptions = SubscriptionCache::new(1, 1);
        subscriptions.update(&wire::SubscriptionUpdate::default());
        let subscription = subscriptions.get_at_version("", "", 0).unwrap();
        let limits = ResponseLimits { body_bytes: 1, excerpt_bytes: 1, headers_bytes: 1 };
        let trace = OutgoingTraceContext::default();
        let user_agent = UserAgent::default();
        let attempts = HttpAttemptExecutor { client, limits, user_agent, clock: Arc::default() };
        let attempt = attempts.execute(&subscription, Assignment::default(), &trace);
        assert!(size_of_val(&*attempt) < 2000, "{} bytes", size_of_val(&*attempt));
    }

    /// What is known of an attempt whose request carried `secret-1`.
    fn progress_with_secret() -> AttemptProgress {
        let mut subscriptions = SubscriptionCache::new(1, 1);
        subscriptions.update(&wire::SubscriptionUpdate {
            url: "https://pay.example/hooks".to_owned(),
            unsigned: true,
            headers: vec![wire::Header { name: "x-key".to_owned(), value: "secret-1".into() }],
            ..Default::default()
        });
        let subscription = subscriptions.get_at_version("", "", 0).unwrap();
        let sent_with = Some(subscription.newest_settings());
        AttemptProgress { sent_with, ..AttemptProgress::default() }
    }

    #[tokio::test]
    async fn an_excerpt_shows_no_secret_of_the_request() {
        let progress = AttemptProgress {
            excerpt: (&b"you sent secret-1, and sec"[..]).into(),
            body_bytes: 40,
            ..progress_with_secret()
        };
        let result = progress.into_result(Assignment::default(), Fact::Timeout, String::new());
        assert_eq!(result.response_body, "you sent ********, and sec");
        assert!(result.response_body_truncated);
    }

    #[test]
    fn an_error_shows_no_secret_of_the_request() {
        let told = |error: &str| {
            let (assignment, fact) = (Assignment::default(), Fact::ConnectionClosed);
            progress_with_secret().into_result(assignment, fact, error.to_owned()).error
        };
        let said = bytes::Bytes::from_static(b"\"you sent Secret-1\"");
        let masked = r#"it was closed (b"\"you sent ********\"")"#;
        assert_eq!(told(&format!("it was closed ({said:?})")), masked);
        // Where it is cut, too.
        let long = "x".repeat(MAX_ERROR_BYTES - 8);
        let shown = told(&format!("{long}secret-1, and more"));
        assert_eq!(shown, format!("{long}*****…"));
    }
}
