//! One attempt: one POST under one deadline, and the facts about it.
//!
//! Fed by `session` with an assignment and the place of its subscription's
//! settings; feeds `report` a result. Guarantees that the deadline covers
//! everything, the response's body included; that no more of a response is read
//! than the limit; that no redirect is followed; and that a POST which a
//! receiver may have seen is never sent again by itself, while one that no
//! receiver looked at is sent again at once. It says what happened and judges
//! nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use http::Version;
use http::header::RETRY_AFTER;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{Response, StatusCode};
use postrider_proto::agent::v1::{self as wire, Assignment, Fact};
use tokio::time::timeout_at;

use crate::client::{Client, Fate, Lent};
use crate::connect::ConnectError;
use crate::desk::Attempts;
use crate::dial::{DialError, DialProgress};
use crate::host::Reuse;
use crate::pool::Wanted;
use crate::request::{self, Moment};
use crate::resolve::ResolveError;
use crate::response::{announced_keep_alive, irregularities, reported_headers};
use crate::subscriptions::{Settings, Subscription, Turn, Usable};
use crate::telemetry::TraceHeaders;
use crate::wall_clock::WallClock;

/// A POST that was not processed is sent again so often within one attempt …
const MAX_RESENDS: u32 = 5;
/// … and from this time on over a connection of its own: many that come back at
/// once may be more than the next connection takes as well.
const FIRST_RESEND_ALONE: u32 = 3;

/// How much of a response is read, and how much of that is reported.
#[derive(Debug, Clone)]
pub struct ResponseLimits {
    /// Bytes of the body that are read; what is larger ends the attempt.
    pub body_bytes: usize,
    /// Bytes of the body that are reported.
    pub excerpt_bytes: usize,
    /// Bytes of the headers' names and values that are reported.
    pub headers_bytes: usize,
}

/// What an attempt was about to do, for the words of a time-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    #[default]
    Connecting,
    Waiting,
    Reading,
}

impl Phase {
    fn words(self) -> &'static str {
        match self {
            Self::Connecting => "before a connection was ready",
            Self::Waiting => "before a response came",
            Self::Reading => "before the response's body was complete",
        }
    }
}

/// What is known so far; kept outside the deadline's reach, so that a time-out
/// still reports what came before it.
#[derive(Debug, Default)]
struct Seen {
    phase: Phase,
    /// Of the settings that the request is made with.
    settings_version: u64,
    timings: wire::Timings,
    dialling: DialProgress,
    remote_address: String,
    version: Option<Version>,
    status: Option<StatusCode>,
    headers: Vec<wire::Header>,
    retry_after: bytes::Bytes,
    excerpt: bytes::BytesMut,
    body_bytes: usize,
}

/// An attempt that came to no complete response.
struct Failure(Fact, String);

impl Failure {
    fn new(fact: Fact, error: impl ToString) -> Self {
        Self(fact, error.to_string())
    }
}

/// Attempts over HTTP.
pub struct HttpAttempts {
    pub client: Client,
    pub limits: ResponseLimits,
    pub clock: Arc<WallClock>,
}

#[async_trait]
impl Attempts for HttpAttempts {
    async fn perform(
        &self,
        subscription: &Subscription,
        assignment: Assignment,
        trace: TraceHeaders,
    ) -> wire::AttemptResult {
        let began = Instant::now();
        let settings = subscription.newest();
        let mut seen = Seen { settings_version: settings.version, ..Seen::default() };
        // Many may wait and few are under way: what waits is small, and what an exchange
        // needs is not there before its turn.
        let work = async {
            let turn = subscription.turn().await;
            Box::pin(self.exchange(subscription, turn, &assignment, &trace, &mut seen)).await
        };
        let deadline = began + settings.timeout;
        let outcome = match timeout_at(deadline.into(), work).await {
            Ok(outcome) => outcome,
            Err(_) => {
                if seen.remote_address.is_empty() {
                    seen.tell_dialled(seen.dialling.dialled());
                }
                let phase = seen.phase.words();
                let text = format!("the deadline of {:?} passed {phase}", settings.timeout);
                Err(Failure(Fact::Timeout, text))
            }
        };
        let (fact, error) = match outcome {
            Ok(note) => (Fact::Response, note),
            Err(Failure(fact, error)) => (fact, error),
        };
        seen.timings.total = wire_duration(began.elapsed());
        seen.into_result(assignment, fact, error)
    }
}

impl HttpAttempts {
    /// Gives what is to be noted about a complete response.
    async fn exchange(
        &self,
        subscription: &Subscription,
        mut turn: Option<Turn>,
        assignment: &Assignment,
        trace: &TraceHeaders,
        seen: &mut Seen,
    ) -> Result<String, Failure> {
        let mut reuse = Reuse::Any;
        let mut resends = 0;
        loop {
            seen.phase = Phase::Connecting;
            let (settings, mut lent) =
                self.connection(subscription, &mut turn, reuse, seen).await?;
            let usable = usable(&settings)?;
            let version = lent.version();
            let post = request::build(assignment, usable, trace, version, Moment::now(&self.clock))
                .map_err(|error| Failure::new(Fact::InvalidRequest, error))?;
            seen.version = Some(version);
            seen.phase = Phase::Waiting;
            let sent = Instant::now();
            let error = match lent.send(post).await {
                Ok(response) => {
                    seen.timings.first_byte = wire_duration(sent.elapsed());
                    seen.phase = Phase::Reading;
                    return self.read(lent, response, seen).await;
                }
                Err(error) => error,
            };
            // No receiver looked at it, so this is still the same POST. A receiver that
            // closes new connections at once is not asked again and again.
            let same = match error.fate {
                Fate::NotWritten => lent.was_kept() || version == Version::HTTP_2,
                Fate::NotProcessed | Fate::NeedsHttp1 => true,
                Fate::Unknown => false,
            };
            if !same || resends >= MAX_RESENDS {
                if error.fate == Fate::NotProcessed {
                    lent.count_broken();
                }
                seen.status = error.status;
                return Err(Failure::new(Fact::ConnectionClosed, with_causes(&error.cause)));
            }
            resends += 1;
            reuse = match resends {
                FIRST_RESEND_ALONE.. => Reuse::Nothing,
                _ => Reuse::NewerThan(lent.id()),
            };
        }
    }

    /// A connection for the newest settings. Waiting for one takes time, in which
    /// the subscription may be pointed elsewhere: then the wait begins again. A
    /// connection that is shared gives the turn back.
    async fn connection(
        &self,
        subscription: &Subscription,
        turn: &mut Option<Turn>,
        reuse: Reuse,
        seen: &mut Seen,
    ) -> Result<(Arc<Settings>, Lent), Failure> {
        loop {
            let settings = subscription.newest();
            seen.settings_version = settings.version;
            let Usable { target, http1_only, .. } = usable(&settings)?;
            let (origin, http1_only) = (&target.origin, *http1_only);
            let began = Instant::now();
            let (addresses, looked_up) = self.client.resolve(origin, subscription.tenant()).await;
            if looked_up {
                seen.timings.dns = wire_duration(began.elapsed());
            }
            let addresses = addresses.map_err(|error| match error {
                ResolveError::NotFound { .. } => Failure::new(Fact::DnsFailed, error),
                ResolveError::Refused(_) => Failure::new(Fact::BlockedAddress, error),
            })?;
            if turn.is_none() {
                *turn = subscription.turn().await;
            }
            let wanted = Wanted { reuse, http1_only, progress: &seen.dialling };
            let lent = self.client.lend(origin, &addresses, wanted).await;
            let lent = lent.map_err(|error| {
                seen.tell_dialled(error.dialled());
                Failure::new(connect_fact(&error), error)
            })?;
            if lent.is_shared() {
                *turn = None;
            }
            let newest = subscription.newest();
            let now = usable(&newest)?;
            if now.target.origin == *origin && now.http1_only == http1_only {
                if let Some(new) = lent.new_timings() {
                    seen.timings.connect = wire_duration(new.tcp);
                    seen.timings.tls = new.tls.and_then(wire_duration);
                }
                seen.remote_address = lent.address().to_owned();
                seen.settings_version = newest.version;
                return Ok((newest, lent));
            }
            self.client.put_back(lent, None);
        }
    }

    /// Reads the body up to the limit and keeps the connection if all of it came;
    /// gives what is to be noted about the response.
    async fn read(
        &self,
        lent: Lent,
        response: Response<Incoming>,
        seen: &mut Seen,
    ) -> Result<String, Failure> {
        let (head, mut body) = response.into_parts();
        seen.status = Some(head.status);
        if let Some(value) = head.headers.get(RETRY_AFTER) {
            seen.retry_after = bytes::Bytes::copy_from_slice(value.as_bytes());
        }
        seen.headers = reported_headers(&head.headers, self.limits.headers_bytes);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                let words = format!("the response's body ended early: {}", with_causes(&error));
                Failure(Fact::ConnectionClosed, words)
            })?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            let room = self.limits.excerpt_bytes.saturating_sub(seen.excerpt.len());
            seen.excerpt.extend_from_slice(data.get(..room).unwrap_or(&data));
            seen.body_bytes += data.len();
            if seen.body_bytes > self.limits.body_bytes {
                seen.body_bytes = self.limits.body_bytes;
                return Err(Failure(
                    Fact::ResponseTooLarge,
                    format!("the response's body is larger than {} bytes", self.limits.body_bytes),
                ));
            }
        }
        let note = irregularities(&head.headers, lent.version(), lent.traffic());
        self.client.put_back(lent, announced_keep_alive(&head.headers));
        Ok(note)
    }
}

fn usable(settings: &Settings) -> Result<&Usable, Failure> {
    settings.usable.as_ref().map_err(|error| Failure::new(Fact::InvalidRequest, error))
}

fn connect_fact(error: &ConnectError) -> Fact {
    match error {
        ConnectError::Dial(DialError::NoAddress | DialError::Tcp { .. }) => Fact::ConnectFailed,
        ConnectError::Dial(DialError::Tls { .. }) => Fact::TlsFailed,
        ConnectError::Http(_) => Fact::ConnectionClosed,
    }
}

impl Seen {
    /// An address that did not become a connection.
    fn tell_dialled(&mut self, dialled: Option<(SocketAddr, Option<Duration>)>) {
        if let Some((address, tcp)) = dialled {
            self.remote_address = address.to_string();
            self.timings.connect = tcp.and_then(wire_duration);
        }
    }

    fn into_result(self, assignment: Assignment, fact: Fact, error: String) -> wire::AttemptResult {
        wire::AttemptResult {
            key: assignment.key,
            tenant: assignment.tenant,
            subscription: assignment.subscription,
            event_id: assignment.event_id,
            event_type: assignment.event_type,
            fact: fact.into(),
            http_status: self.status.map_or(0, |status| status.as_u16().into()),
            age: None,
            timings: Some(self.timings),
            response_headers: self.headers,
            response_body_truncated: self.body_bytes > self.excerpt.len(),
            response_body: self.excerpt.freeze(),
            response_body_bytes: self.body_bytes as u64,
            error,
            remote_address: self.remote_address,
            http_version: match self.version {
                Some(Version::HTTP_2) => "HTTP/2".to_owned(),
                Some(_) => "HTTP/1.1".to_owned(),
                None => String::new(),
            },
            retry_after: self.retry_after,
            test: assignment.test,
            trigger: assignment.trigger,
            subscription_version: self.settings_version,
        }
    }
}

/// A duration as the wire has it; one too long for it is left out.
pub fn wire_duration(duration: Duration) -> Option<prost_types::Duration> {
    duration.try_into().ok()
}

/// hyper's errors name their causes only as sources.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words.push_str(": ");
        words.push_str(&cause.to_string());
        source = cause.source();
    }
    words
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use prometheus_client::metrics::gauge::Gauge;

    use super::*;
    use crate::connect::Connector;
    use crate::guard::AllowList;
    use crate::pool::{Pool, PoolLimits};
    use crate::resolve::{LookupLimits, LookupWay, Resolver};
    use crate::subscriptions::Subscriptions;

    /// As many wait as the agent may hold: what happens rarely, or at few of them at
    /// a time, has its state elsewhere.
    #[tokio::test]
    async fn an_attempt_that_waits_is_small() {
        let limits =
            PoolLimits { per_host: 1, per_subscription: 1, total: 1, idle: Duration::from_secs(1) };
        let connector = Connector::new(&[], Duration::from_secs(1)).unwrap();
        let pool = Pool::new(connector, limits, Gauge::default());
        let limits_of_lookups = LookupLimits::default();
        let resolver = Resolver::new(AllowList::new([]), LookupWay::System, limits_of_lookups);
        let client = Client::new(resolver, pool);
        let mut subscriptions = Subscriptions::new(1, 1);
        subscriptions.update(&wire::SubscriptionUpdate::default());
        let subscription = subscriptions.get("", "", 0).unwrap();
        let limits = ResponseLimits { body_bytes: 1, excerpt_bytes: 1, headers_bytes: 1 };
        let trace = TraceHeaders::default();
        let attempts = HttpAttempts { client, limits, clock: Arc::default() };
        let attempt = attempts.perform(&subscription, Assignment::default(), trace);
        assert!(size_of_val(&*attempt) < 2000, "{} bytes", size_of_val(&*attempt));
    }
}
