//! Entrances for fuzzing: what the API makes of what callers send.
//!
//! Fed by `tests/fuzz` with requests and texts; feeds it what came of them. Guarantees
//! that the code is the services' own; only the store and the clock are left out.

use std::sync::{Arc, LazyLock};

use postrider_domain::assignment_key::AssignmentKey;
use postrider_domain::event::EventContent;
use postrider_domain::event_type::EventTypeInput;
use postrider_domain::ids::{DeliveryId, EventId, TenantId};
use postrider_domain::subscription::Subscription;
use postrider_domain::time::Timestamp;
use postrider_identity::ChainPosition;
use postrider_proto::externalscaler::GetMetricsRequest;
use postrider_proto::{FILE_DESCRIPTOR_SET, v1};
use postrider_store::{AuditPosition, SortKey};
use prost::Message as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic::Status;

use crate::api::audit::filter::AuditFilter;
use crate::api::deliveries::attempt_filter::AttemptFilter;
use crate::api::deliveries::filter::DeliveryFilter;
use crate::api::deliveries::resume_tokens::ResumeTokens;
use crate::api::event_types::conversion as event_types;
use crate::api::events::filter::EventFilter;
use crate::api::events::{publish, reconcile};
use crate::api::fleet::filter::AgentFilter;
use crate::api::http_json::{FoundRoute, HttpCall, RouteTable};
use crate::api::lists::filter_syntax;
use crate::api::lists::listing::ListOrder;
use crate::api::lists::page_tokens::{PageTokens, QueryHasher};
use crate::api::rpc::errors::{self, FieldViolations};
pub use crate::api::rpc::receiving::EntryFault;
use crate::api::rpc::receiving::{EntryCounter, MessageShapes};
use crate::api::scaler::query::ScalerQuery;
use crate::api::subscriptions::filter::SubscriptionFilter;
use crate::api::subscriptions::moved_secrets::require_values_again;
use crate::api::subscriptions::{changes, conversion, fixed_fields, signing_keys};
use crate::api::tenants::filter::TenantFilter;
use crate::api::tokens::conversion as tokens;
use crate::api::values::masks::UpdateMask;
use crate::api::values::trace::TraceContext;
use crate::api::values::{names, time, validate};

/// When everything happens.
pub const FUZZED_TIME: Timestamp = Timestamp::from_micros(1_793_491_200_000_000);
/// The default of `publish.max_payload_bytes` is larger; what matters is reached with this.
const MAX_PAYLOAD_BYTES: usize = 64 * 1024;
/// The key of an installation, which page tokens are sealed with.
const INSTALLATION_KEY: [u8; 32] = [0x5c; 32];

/// What `CreateSubscription` makes of its message.
pub fn create_subscription(
    request: &v1::CreateSubscriptionRequest,
    allow_insecure_urls: bool,
) -> Result<Subscription, Status> {
    let given = errors::required("subscription", request.subscription.as_ref())?;
    let mut violations = FieldViolations::default();
    let tenant = violations.keep("parent", names::tenant(&request.parent));
    let id = violations.keep("subscription_id", request.subscription_id.parse());
    let named = tenant.zip(id);
    let new =
        changes::new_subscription(named, given, allow_insecure_urls, FUZZED_TIME, &mut violations);
    violations.finish(new)
}

/// What `UpdateSubscription` makes of a subscription.
pub fn update_subscription(
    request: &v1::UpdateSubscriptionRequest,
    there: &Subscription,
    allow_insecure_urls: bool,
) -> Result<Subscription, Status> {
    let given = errors::required("subscription", request.subscription.as_ref())?;
    let mut violations = FieldViolations::default();
    violations.keep("subscription.name", names::subscription(&given.name));
    let elsewhere = fixed_fields::SUBSCRIPTION_FIELDS;
    let known = conversion::fields(given);
    let mask = UpdateMask::read(request.update_mask.as_ref(), &known, elsewhere, &mut violations);
    violations.check()?;
    let mut changed = there.clone();
    let mut violations = FieldViolations::default();
    if mask.is_whole() {
        fixed_fields::in_subscription(given, there, FUZZED_TIME, &mut violations);
    }
    conversion::apply(&mut changed.settings, given, &mask, allow_insecure_urls, &mut violations);
    let before = &there.settings;
    require_values_again(before, &changed, given, &mask, FUZZED_TIME, &mut violations);
    signing_keys::require_key_for_each_scheme(&changed, FUZZED_TIME, &mut violations);
    violations.finish(Some(changed))
}

/// What `RotateSigningSecret` makes of a subscription.
pub fn rotate_secret(
    request: &v1::RotateSigningSecretRequest,
    there: &Subscription,
) -> Result<Subscription, Status> {
    let mut violations = FieldViolations::default();
    let kind = signing_keys::read_key_kind(request.kind, &mut violations);
    let grace = request.grace_period.as_ref().map(time::span).transpose();
    let grace = violations.keep("grace_period", grace);
    let grace = violations.finish(grace)?.unwrap_or_default();
    let mut changed = there.clone();
    signing_keys::rotate_keys(&mut changed, kind, &request.signing_secret, grace, FUZZED_TIME)?;
    Ok(changed)
}

/// A subscription as reads show it.
pub fn show_subscription(subscription: &Subscription) -> v1::Subscription {
    conversion::to_proto(subscription, None, FUZZED_TIME)
}

/// Counts the entries of a method's request, which arrives in parts of so many bytes.
pub fn count_entries(path: &str, request: &[u8], part_bytes: usize) -> Result<(), EntryFault> {
    let shape = MessageShapes::compiled_in().ok().and_then(|shapes| shapes.of_request(path));
    let Some(shape) = shape else { return Ok(()) };
    let mut counter = EntryCounter::new(shape, request.len());
    request.chunks(part_bytes.max(1)).try_for_each(|part| counter.take(part))
}

/// The event that a publish is about.
pub fn read_event(request: v1::PublishEventRequest) -> Result<(TenantId, EventContent), Status> {
    publish::read_unpublished_event(request, None, &TraceContext::default(), MAX_PAYLOAD_BYTES)
}

/// What `CreateEventType` makes of its message.
pub fn create_event_type(request: &v1::CreateEventTypeRequest) -> Result<EventTypeInput, Status> {
    let given = errors::required("event_type", request.event_type.as_ref())?;
    let mut violations = FieldViolations::default();
    let mask = UpdateMask::everything(&event_types::fields(given));
    let mut input =
        EventTypeInput { name: request.event_type_id.clone(), ..EventTypeInput::default() };
    event_types::apply(&mut input, given, &mask, &mut violations);
    event_types::note(input.check(), &mut violations);
    violations.finish(Some(input))
}

/// Reads a request for a token.
pub fn read_token_request(request: &v1::CreateTokenRequest) -> Result<(), Status> {
    let given = errors::required("token", request.token.as_ref())?;
    let mut violations = FieldViolations::default();
    validate::display_name("token.display_name", &given.display_name, &mut violations);
    tokens::grants(&given.grants, &mut violations);
    violations.check()
}

/// Reads what an autoscaler asks.
pub fn read_scaler_query(request: &GetMetricsRequest) -> Result<(), Status> {
    ScalerQuery::read_of_metric(request)?;
    let reference = request.scaled_object_ref.clone().unwrap_or_default();
    ScalerQuery::read(&reference).map(drop)
}

/// Reads the window of an account.
pub fn read_window(request: &v1::ReconcileEventsRequest) -> Result<(), Status> {
    reconcile::window(request, FUZZED_TIME).map(drop)
}

/// What each list makes of a filter.
pub fn read_filters(text: &str) -> Vec<Result<(), String>> {
    let tenant = TenantId::from_stored("acme");
    vec![
        TenantFilter::parse(text).map(drop),
        SubscriptionFilter::parse(text).map(drop),
        EventFilter::parse(text).map(drop),
        DeliveryFilter::parse(text, &tenant).map(drop),
        AttemptFilter::parse(text, &tenant).map(drop),
        AgentFilter::parse(text).map(drop),
        AuditFilter::parse(text).map(drop),
    ]
}

/// The values that a filter compares with, if it is one.
pub fn read_filter_values(text: &str) -> Option<Vec<String>> {
    let comparisons = filter_syntax::parse(text).ok()?;
    Some(comparisons.into_iter().map(|comparison| comparison.value).collect())
}

/// Reads an order, as a list would; the error if it is refused.
pub fn read_order(text: &str) -> Result<(), Status> {
    let mut violations = FieldViolations::default();
    ListOrder::read(text, &mut violations);
    violations.check()
}

/// What lists with positions of all kinds make of a page token: how many take it.
pub fn read_page_token(token: &str, filter: &str) -> Result<usize, Status> {
    let tokens = page_tokens(filter);
    let taken = [
        reads_again::<SortKey>(token, &tokens)?,
        reads_again::<EventId>(token, &tokens)?,
        reads_again::<DeliveryId>(token, &tokens)?,
        reads_again::<u32>(token, &tokens)?,
        reads_again::<String>(token, &tokens)?,
        reads_again::<AuditPosition>(token, &tokens)?,
        reads_again::<ChainPosition>(token, &tokens)?,
    ];
    Ok(taken.into_iter().filter(|taken| *taken).count())
}

/// Whether a token is taken; if so, what it says is written and read back. The error is that
/// of a refused one.
fn reads_again<P>(token: &str, tokens: &PageTokens) -> Result<bool, Status>
where
    P: Serialize + DeserializeOwned,
{
    match tokens.decode::<P>(token) {
        Ok(Some(position)) => {
            let again = tokens.encode(Some(&position))?;
            tokens.decode::<P>(&again).map(|read| read.is_some())
        }
        Ok(None) => Ok(false),
        Err(status) if status.code() == tonic::Code::InvalidArgument => Ok(false),
        Err(status) => Err(status),
    }
}

/// A page token of the list that [`read_page_token`] reads for, to begin with.
pub fn write_page_token(filter: &str, value: &str, id: &str) -> Result<String, Status> {
    let key = SortKey { value: value.to_owned(), id: id.to_owned() };
    page_tokens(filter).encode(Some(&key))
}

fn page_tokens(filter: &str) -> PageTokens {
    let mut query = QueryHasher::new("ListEvents", &AssignmentKey::new(INSTALLATION_KEY));
    query.add(filter);
    query.finish()
}

/// What a watch makes of a resume token; the error if it is refused.
pub fn read_resume_token(text: &str) -> Result<Option<i64>, Status> {
    resume_tokens().decode(text)
}

/// A resume token of the watch that [`read_resume_token`] reads for.
pub fn write_resume_token(position: i64) -> Result<String, Status> {
    resume_tokens().encode(position)
}

fn resume_tokens() -> ResumeTokens {
    let request = v1::WatchAttemptsRequest { parent: "tenants/acme".into(), ..Default::default() };
    ResumeTokens::of(&request, &AssignmentKey::new(INSTALLATION_KEY))
}

/// The names as which a text is read, each written again.
pub fn read_names(text: &str) -> Vec<String> {
    let named = [
        names::tenant(text).map(|tenant| names::of_tenant(&tenant)),
        names::subscription(text).map(|key| key.to_string()),
        names::event(text).map(|(tenant, id)| names::of_event(&tenant, id)),
        names::delivery(text).map(|(tenant, id)| names::of_delivery(&tenant, id)),
        names::attempt(text)
            .map(|(tenant, key)| names::of_attempt(&tenant, key.delivery, key.number)),
        names::event_type(text).map(|name| names::of_event_type(&name)),
        names::operation(text).map(|(tenant, id)| names::of_operation(&tenant, id)),
        names::region(text).map(|region| names::of_region(&region)),
        names::token(text).map(|token| names::of_token(&token)),
        names::agent(text).map(|agent| names::of_agent(&agent)),
        names::audit_chain(text).map(|chain| names::of_chain(&chain)),
    ];
    let _ = names::attempt_parent(text);
    let _ = names::audit_parent(text);
    let _ = names::named_resource(text);
    named.into_iter().filter_map(Result::ok).collect()
}

static ROUTES: LazyLock<Option<Arc<RouteTable>>> =
    LazyLock::new(|| RouteTable::read(FILE_DESCRIPTOR_SET).ok().map(Arc::new));

/// What a request over HTTP becomes: the method's path and its message, encoded. `None` if
/// there is no such path.
pub fn read_http_request(
    method: &str,
    target: &str,
    body: &[u8],
) -> Option<Result<(String, Vec<u8>), Status>> {
    let table = ROUTES.as_ref()?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let FoundRoute::Route(route, captures) = table.find(&method.parse().ok()?, path) else {
        return None;
    };
    let rpc_path = route.rpc_uri.path().to_owned();
    let call = HttpCall {
        table: Arc::clone(table),
        has_lines: route.lines_field.is_some(),
        route,
        captures,
        query: query.to_owned(),
        sends_events: false,
        last_event_id: None,
        idempotency_key: None,
    };
    Some(call.read_body(body).map(|message| (rpc_path, message.encode_to_vec())))
}

/// Reads a time as filters have it.
pub fn read_time(text: &str) -> Result<Timestamp, String> {
    time::parse(text)
}

/// Reads a time as messages have it, and writes it again.
pub fn reread_moment(given: &prost_types::Timestamp) -> Result<prost_types::Timestamp, String> {
    time::moment(given).map(time::timestamp)
}

/// The same for a duration.
pub fn reread_span(given: &prost_types::Duration) -> Result<prost_types::Duration, String> {
    time::span(given).map(time::duration)
}
