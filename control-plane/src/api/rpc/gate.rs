//! The judgement of calls.
//!
//! Fed by `layer` with each request; feeds it the caller, or the error. Guarantees that
//! health is open and nothing else is, unless the settings say so, and that a caller's
//! changes are counted once, by the replica that it called.
//!
//! Keeps the invariant `nothing-without-permission`.

use std::time::Duration;

use http::Uri;
use http::request::Parts;
use postrider_identity::CallerIdentity;
use postrider_proto::FILE_DESCRIPTOR_SET;
use tokio::time::Instant;
use tonic::Status;

use crate::api::rpc::byte_budget::ByteBudget;
use crate::api::rpc::caller::{self, CallPlace, Caller};
use crate::api::rpc::errors::{self, ErrorReason};
use crate::api::rpc::forwarding;
use crate::api::rpc::lifetimes;
use crate::api::rpc::methods::{self, MethodTable};
use crate::api::rpc::unsent_answers::AnswerBounds;
use crate::callers::{Authenticator, CredentialRefusal};
use crate::listeners::Door;
use crate::metrics::{CallSystem, DoorCalls, RunningCall};
use crate::state::context::ReplicaContext;
use crate::state::rate_limits::{RateLimits, RatedCall};
use crate::state::read_turns::ReadTurns;

/// How often it is looked whether the caller of a stream may still call. It must end within
/// five seconds of a revocation.
const STREAM_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Who may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialSource {
    /// Callers, who show a credential.
    Callers,
    /// Other replicas, which pass on calls that they have judged, with their callers.
    /// Nobody else reaches their listener.
    Replicas,
}

impl CredentialSource {
    const fn door(self) -> Door {
        match self {
            Self::Callers => Door::Callers,
            Self::Replicas => Door::Replicas,
        }
    }
}

/// Judges calls.
pub struct CallGate {
    source: CredentialSource,
    methods: MethodTable,
    authenticator: Authenticator,
    rate_limits: RateLimits,
    read_turns: ReadTurns,
    pub answers: AnswerBounds,
    calls: DoorCalls,
}

/// A call that may go on.
pub struct Judged {
    /// Absent where the method is open.
    pub caller: Option<Caller>,
    pub streams: bool,
    /// Absent where another replica has counted the call.
    pub rate_limits: Option<RateLimits>,
    /// Where the call has to wait for its turn.
    pub read_turns: Option<ReadTurns>,
}

impl CallGate {
    /// An error names a method of which nothing is said.
    pub fn new(
        source: CredentialSource,
        context: &ReplicaContext,
        authenticator: Authenticator,
    ) -> anyhow::Result<Self> {
        let open_reflection = context.settings.auth.open_reflection;
        let methods = MethodTable::read(FILE_DESCRIPTOR_SET, open_reflection)?;
        let (rate_limits, read_turns) = (context.rate_limits.clone(), context.read_turns.clone());
        let requests = &context.settings.requests;
        let metrics = context.metrics.limits().clone();
        let budget = ByteBudget::of_answers(requests, source.door().name(), metrics);
        let answers = AnswerBounds::new(budget, requests.send_timeout());
        let calls = context.metrics.calls().of_door(source.door().name(), methods.paths());
        Ok(Self { source, methods, authenticator, rate_limits, read_turns, answers, calls })
    }

    /// Counts a call from now on. Nothing of a path that names no method is kept.
    pub fn begin_call(&self, path: &Uri, system: CallSystem) -> RunningCall {
        self.calls.begin(path.path(), system)
    }

    /// Judges a call by all that comes before its message.
    pub async fn judge(&self, call: &Parts, place: CallPlace) -> Result<Judged, Status> {
        let Some(rule) = self.methods.find(call.uri.path()) else {
            let message = methods::not_served(call.uri.path());
            return Err(errors::status(ErrorReason::MethodNotFound, message));
        };
        let Some(access) = rule.access else {
            let (caller, streams) = (None, rule.streams);
            return Ok(Judged { caller, streams, rate_limits: None, read_turns: None });
        };
        let (identity, place) = match self.source {
            CredentialSource::Callers => {
                let found = self.authenticator.authenticate(&call.headers, &call.extensions);
                (found.await.map_err(refused)?, place)
            }
            CredentialSource::Replicas => {
                let caller = forwarding::forwarded_caller(&call.headers, place.method);
                caller.ok_or_else(|| refused(CredentialRefusal::Missing))?
            }
        };
        access.judge_caller(&identity).map_err(caller::denied)?;
        let caller = Caller::new(identity, access, place);
        let is_counted = self.source == CredentialSource::Callers;
        if is_counted && access.permission.administers() {
            let taken = self.rate_limits.take_of_caller(RatedCall::Administration, &caller.who);
            taken.map_err(errors::rate_limited)?;
        }
        let waits = is_counted && !rule.streams && access.permission.reads_stored();
        Ok(Judged {
            caller: Some(caller),
            streams: rule.streams,
            rate_limits: is_counted.then(|| self.rate_limits.clone()),
            read_turns: waits.then(|| self.read_turns.clone()),
        })
    }

    /// Returns once a stream must end, with the error that tells it: its caller may no longer
    /// call, or its connection is closed.
    pub async fn wait_for_end(
        &self,
        identity: Option<&CallerIdentity>,
        latest: Option<Instant>,
    ) -> Status {
        loop {
            let check = Instant::now() + STREAM_CHECK_INTERVAL;
            tokio::time::sleep_until(latest.map_or(check, |latest| latest.min(check))).await;
            if latest.is_some_and(|latest| Instant::now() >= latest) {
                return lifetimes::aged_connection();
            }
            if let Some(identity) = identity
                && let Err(refusal) = self.authenticator.is_still_valid(identity).await
            {
                return refused(refusal);
            }
        }
    }
}

fn refused(refusal: CredentialRefusal) -> Status {
    let message = refusal.to_string();
    match refusal {
        CredentialRefusal::Missing | CredentialRefusal::Invalid(_) => {
            errors::status(ErrorReason::Unauthenticated, message)
        }
        CredentialRefusal::Unavailable(error) => errors::store(error),
    }
}
