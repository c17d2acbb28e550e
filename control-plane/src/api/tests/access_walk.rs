//! Every method, as every role, in its own tenant, another's and none.
//!
//! Fed by the descriptors, so that a new method is walked as soon as it is written.
//! Guarantees that nothing is reachable that the table of permissions does not allow.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use futures::StreamExt as _;
use http::uri::PathAndQuery;
use postrider_identity::{ALL_ROLES, Grant, GrantScope, MethodReach, Role, TokenKind};
use postrider_proto::FILE_DESCRIPTOR_SET;
use postrider_proto::access::{DescribedMethod, described_methods};
use postrider_proto::v1;
use postrider_store::TokenCreation;
use prost::Message as _;
use prost_types::{DescriptorProto, FileDescriptorSet};
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use super::*;
use crate::api::rpc::methods::{MethodRule, MethodTable};
use crate::api::tokens::conversion::issue;

/// How long the first answer of a stream is waited for.
const STREAM_PATIENCE: Duration = Duration::from_secs(5);

/// Passes bytes through, so that any method can be called.
#[derive(Clone, Copy, Default)]
pub struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let length = buffer.remaining();
        Ok(Some(buffer.copy_to_bytes(length)))
    }
}

/// Calls a method with one message; the code is that of the answer, or of the one event's.
async fn call(
    channel: &Channel,
    method: &DescribedMethod,
    message: Bytes,
    token: Option<&str>,
) -> (Code, String) {
    let mut client = Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let path: PathAndQuery = method.path.parse().unwrap();
    // A stream of requests that stays open, as a publisher's does.
    let sent = futures::stream::iter([message]).chain(futures::stream::pending());
    let mut request = Request::new(sent);
    if let Some(token) = token {
        let header = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", header);
    }
    let answered = async {
        if method.client_streaming {
            let mut answers = client.streaming(request, path, RawCodec).await?.into_inner();
            return answers.message().await.map(Option::unwrap_or_default);
        }
        let (metadata, extensions, mut sent) = request.into_parts();
        let message = sent.next().await.unwrap();
        let request = Request::from_parts(metadata, extensions, message);
        if method.server_streaming {
            client.server_streaming(request, path, RawCodec).await.map(|_| Bytes::new())
        } else {
            client.unary(request, path, RawCodec).await.map(tonic::Response::into_inner)
        }
    };
    match tokio::time::timeout(STREAM_PATIENCE, answered).await.expect(&method.path) {
        Err(status) => (status.code(), status.message().to_owned()),
        Ok(answer) => {
            let told = event_error(method, answer);
            told.map_or((Code::Ok, String::new()), |told| (told.code.into(), told.message))
        }
    }
}

/// The error of the one event that was published, which is in its own answer.
fn event_error(method: &DescribedMethod, answer: Bytes) -> Option<tonic_types::pb::Status> {
    use v1::publish_result::Result as Published;
    use v1::publish_stream_response::Result as Streamed;
    if method.path.ends_with("/PublishEvents") {
        let answer = v1::PublishEventsResponse::decode(answer).unwrap();
        let first = answer.results.into_iter().next()?.result?;
        return if let Published::Error(error) = first { Some(error) } else { None };
    }
    if method.path.ends_with("/PublishStream") {
        let answer = v1::PublishStreamResponse::decode(answer).unwrap();
        return if let Streamed::Error(error) = answer.result? { Some(error) } else { None };
    }
    None
}

/// The descriptors of messages, by which a field is found.
struct DescribedMessages(FileDescriptorSet);

impl DescribedMessages {
    fn read() -> Self {
        Self(FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap())
    }

    fn message(&self, name: &str) -> &DescriptorProto {
        let mut all = self.0.file.iter().flat_map(|file| {
            file.message_type.iter().map(move |message| (file.package(), message))
        });
        let found = all.find(|(package, message)| {
            name.trim_start_matches('.') == format!("{package}.{}", message.name())
        });
        found.unwrap_or_else(|| panic!("{name}")).1
    }

    /// The request of a method.
    fn input(&self, path: &str) -> &DescriptorProto {
        let (service, method) = path.trim_start_matches('/').split_once('/').unwrap();
        let mut services = self
            .0
            .file
            .iter()
            .flat_map(|file| file.service.iter().map(move |service| (file.package(), service)));
        let found =
            services.find(|(package, known)| format!("{package}.{}", known.name()) == service);
        let mut methods = found.unwrap().1.method.iter();
        self.message(methods.find(|known| known.name() == method).unwrap().input_type())
    }

    /// A message with nothing but a name at a path of fields.
    fn encode(&self, message: &DescriptorProto, path: &str, name: &str) -> Vec<u8> {
        let (field, rest) = path.split_once('.').unwrap_or((path, ""));
        let field = message.field.iter().find(|known| known.name() == field).unwrap();
        let value = match rest {
            "" => name.as_bytes().to_vec(),
            rest => self.encode(self.message(field.type_name()), rest, name),
        };
        let mut bytes = Vec::new();
        prost::encoding::encode_varint((field.number() as u64) << 3 | 2, &mut bytes);
        prost::encoding::encode_varint(value.len() as u64, &mut bytes);
        bytes.extend(value);
        bytes
    }
}

/// What there is in a tenant, to be named.
struct TenantNames {
    tenant: String,
    event: String,
}

impl TenantNames {
    async fn create(api: &mut TestApi, id: &str) -> Self {
        api.tenant(id).await;
        let tenant = format!("tenants/{id}");
        let subscription = v1::CreateSubscriptionRequest {
            parent: tenant.clone(),
            subscription_id: "erp".into(),
            subscription: Some(v1::Subscription {
                url: "https://erp.example/hook".into(),
                event_types: vec!["*".into()],
                ..Default::default()
            }),
        };
        api.subscriptions.create_subscription(subscription).await.unwrap();
        let published = v1::PublishEventRequest { parent: tenant.clone(), ..event(1) };
        let event = api.publish(published).await.unwrap().event;
        Self { tenant, event }
    }

    /// What the walk hands to a method.
    fn named(&self, path: &str, field: &str) -> String {
        let (tenant, zeros) = (&self.tenant, "0".repeat(32));
        let of_tenant = path.ends_with("/ListOperations") || path.contains("TenantService");
        if of_tenant || field.ends_with("parent") {
            tenant.clone()
        } else if path.contains("EventService") {
            self.event.clone()
        } else if path.contains("SubscriptionService") {
            format!("{tenant}/subscriptions/erp")
        } else if path.ends_with("/GetAttempt") {
            format!("{tenant}/deliveries/dlv_{zeros}/attempts/1")
        } else if path.contains("Operations") {
            format!("{tenant}/operations/op_{zeros}")
        } else {
            format!("{tenant}/deliveries/dlv_{zeros}")
        }
    }
}

/// One method, ready to be called.
struct WalkedMethod {
    described: DescribedMethod,
    rule: MethodRule,
    field: String,
}

fn walked() -> Vec<WalkedMethod> {
    let table = MethodTable::read(FILE_DESCRIPTOR_SET, false).unwrap();
    let described = described_methods(FILE_DESCRIPTOR_SET).unwrap();
    let mut walked = Vec::new();
    for described in described {
        let Some(rule) = table.find(&described.path) else { continue };
        let named = described.access.as_ref().map(|access| access.resource_field.clone());
        let field = named.unwrap_or_else(|| match described.path.contains("Operations") {
            true => "name".to_owned(),
            false => String::new(),
        });
        walked.push(WalkedMethod { described, rule, field });
    }
    for version in ["v1", "v1alpha"] {
        let service = format!("grpc.reflection.{version}.ServerReflection");
        let path = format!("/{service}/ServerReflectionInfo");
        let rule = table.find(&path).unwrap();
        let described = DescribedMethod {
            path,
            service,
            client_streaming: true,
            server_streaming: true,
            access: None,
        };
        walked.push(WalkedMethod { described, rule, field: String::new() });
    }
    assert!(walked.len() > 50, "{}", walked.len());
    walked
}

/// What a caller must be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Allowed,
    Unauthenticated,
    Denied,
    NotFound,
}

fn expected(rule: MethodRule, role: Role, everywhere: bool, own: bool) -> Verdict {
    let Some(access) = rule.access else { return Verdict::Allowed };
    if !role.has(access.permission) {
        return Verdict::Denied;
    }
    match access.reach {
        MethodReach::Installation if !everywhere => Verdict::Denied,
        MethodReach::Tenant if !everywhere && !own => Verdict::NotFound,
        _ => Verdict::Allowed,
    }
}

/// Whether an answer is what it must be. What is allowed may fail for another reason, but
/// never because its tenant is not found.
fn agrees(verdict: Verdict, (code, message): &(Code, String), tenant: &str) -> bool {
    match verdict {
        Verdict::Unauthenticated => *code == Code::Unauthenticated,
        Verdict::Denied => *code == Code::PermissionDenied,
        Verdict::NotFound => *code == Code::NotFound && message.starts_with(tenant),
        Verdict::Allowed => {
            let refused = [Code::Unauthenticated, Code::PermissionDenied, Code::Unimplemented];
            let tenant_missing = *message == format!("{tenant} was not found");
            !refused.contains(code) && !tenant_missing
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_reachable_that_the_table_does_not_allow() {
    let mut setting = TestApi::start().await;
    let own = TenantNames::create(&mut setting, "own").await;
    let other = TenantNames::create(&mut setting, "other").await;
    let (missing, event) = ("tenants/missing".to_owned(), other.event.replace("other", "missing"));
    let missing = TenantNames { tenant: missing, event };
    let api = setting.asking_for_credentials().await;
    let (channel, messages, mut findings) =
        (api.channel().await, DescribedMessages::read(), Vec::new());
    let mut callers =
        vec![(None, Role::Reader, false), (Some("wrong".to_owned()), Role::Reader, false)];
    for role in ALL_ROLES {
        for everywhere in [false, true] {
            let scope = match everywhere {
                true => GrantScope::Installation,
                false => GrantScope::tenant("own".parse().unwrap()),
            };
            let token = api.token(vec![Grant { role, scope }]).await;
            callers.push((Some(token), role, everywhere));
        }
    }
    for method in walked() {
        let WalkedMethod { described, rule, field } = &method;
        for (token, role, everywhere) in &callers {
            for names in [&own, &other, &missing] {
                let message = match field.as_str() {
                    "" => Vec::new(),
                    field => {
                        let name = names.named(&described.path, field);
                        messages.encode(messages.input(&described.path), field, &name)
                    }
                };
                let known = token.as_deref().is_some_and(|token| token != "wrong");
                let mut verdict = expected(*rule, *role, *everywhere, names.tenant == own.tenant);
                if !known && rule.access.is_some() {
                    verdict = Verdict::Unauthenticated;
                }
                if verdict == Verdict::Allowed && *everywhere && names.tenant == missing.tenant {
                    // It does not exist, and whoever may see all may know that.
                    continue;
                }
                let told = call(&channel, described, message.into(), token.as_deref()).await;
                if !agrees(verdict, &told, &names.tenant) {
                    let who = if known { role.name() } else { "nobody" };
                    findings.push(format!(
                        "{} as {who} (everywhere: {everywhere}) in {}: {told:?}, not {verdict:?}",
                        described.path, names.tenant
                    ));
                }
            }
        }
    }
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

impl TestApi {
    /// The same data, served to those who show a credential.
    pub async fn asking_for_credentials(self) -> Self {
        let Self { plane, directory, .. } = self;
        plane.stop().await;
        Self::on(directory, &[("server.insecure_no_auth", "false")]).await
    }

    pub async fn channel(&self) -> Channel {
        let address = self.plane.addresses.callers;
        Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
    }

    /// A new token with these grants.
    pub async fn token(&self, grants: Vec<Grant>) -> String {
        let context = &self.plane.context;
        let token = issue(TokenKind::Service, grants, context.clock.now());
        let created = context.tokens.create(&token, &crate::fixtures::audit()).await.unwrap();
        assert_eq!(created, TokenCreation::Created);
        token.text.reveal().to_owned()
    }
}
