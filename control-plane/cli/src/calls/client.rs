//! The client of one replica: any method, by its name.

use std::time::Duration;

use anyhow::Context as _;
use futures::Stream;
use http::uri::PathAndQuery;
use postrider_proto::FILE_DESCRIPTOR_SET;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, Value};
use serde_json::{Value as Json, json};
use tonic::client::Grpc;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};

use super::codec::DynamicCodec;
use super::fields::text_at;
use crate::exits::CliError;

/// Most items of a page that are asked for.
const MAX_PAGE_ITEMS: usize = 1000;
/// More than any answer has: pages end early at 3 MiB, and a catalogue may have 4 MiB.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// The header of a caller's token.
pub type BearerToken = MetadataValue<Ascii>;

/// Calls one replica as one caller. Clones share a connection.
#[derive(Clone)]
pub struct ApiClient {
    endpoint: Endpoint,
    channel: Channel,
    token: Option<BearerToken>,
    timeout: Duration,
    pool: DescriptorPool,
}

impl ApiClient {
    /// Connects with the first call.
    pub fn new(
        endpoint: Endpoint,
        token: Option<BearerToken>,
        timeout: Duration,
    ) -> Result<Self, CliError> {
        let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).context("the API's descriptors")?;
        Ok(Self { channel: endpoint.connect_lazy(), endpoint, token, timeout, pool })
    }

    /// The same over a new connection.
    pub fn reconnected(&self) -> Self {
        Self { channel: self.endpoint.connect_lazy(), ..self.clone() }
    }

    /// The descriptor of "postrider.v1.TenantService/GetTenant".
    pub fn method(&self, name: &str) -> Result<MethodDescriptor, CliError> {
        let (service, method) = name.split_once('/').context("a method without a service")?;
        let service = self.pool.get_service_by_name(service).context("an unknown service")?;
        let found = service.methods().find(|found| found.name() == method);
        Ok(found.with_context(|| format!("the API has no method {name}"))?)
    }

    /// A method's request.
    pub fn request(&self, name: &str, request: Json) -> Result<DynamicMessage, CliError> {
        let input = self.method(name)?.input();
        DynamicMessage::deserialize(input, request)
            .map_err(|error| CliError::Usage(error.to_string()))
    }

    /// One call with one answer.
    pub async fn call(&self, name: &str, request: Json) -> Result<DynamicMessage, CliError> {
        let message = self.request(name, request)?;
        let (mut client, path, codec) = self.prepared(name).await?;
        let mut request = self.signed(message);
        request.set_timeout(self.timeout);
        Ok(client.unary(request, path, codec).await?.into_inner())
    }

    /// A call that is answered until it ends.
    pub async fn watch(
        &self,
        name: &str,
        request: Json,
    ) -> Result<Streaming<DynamicMessage>, CliError> {
        let message = self.request(name, request)?;
        let (mut client, path, codec) = self.prepared(name).await?;
        Ok(client.server_streaming(self.signed(message), path, codec).await?.into_inner())
    }

    /// A call with a stream in each direction.
    pub async fn exchange(
        &self,
        name: &str,
        requests: impl Stream<Item = DynamicMessage> + Send + 'static,
    ) -> Result<Streaming<DynamicMessage>, CliError> {
        let (mut client, path, codec) = self.prepared(name).await?;
        Ok(client.streaming(self.signed(requests), path, codec).await?.into_inner())
    }

    /// The items of a list, page by page, at most so many; 0: all.
    pub async fn list(
        &self,
        name: &str,
        request: &Json,
        field: &str,
        limit: usize,
    ) -> Result<ListedItems, CliError> {
        let mut listed = ListedItems::default();
        let mut token = String::new();
        loop {
            let wanted = match limit {
                0 => MAX_PAGE_ITEMS,
                limit => (limit - listed.items.len()).min(MAX_PAGE_ITEMS),
            };
            let mut page = request.clone();
            if let Some(page) = page.as_object_mut() {
                page.insert("page_size".to_owned(), json!(wanted));
                page.insert("page_token".to_owned(), json!(token));
            }
            let mut answer = self.call(name, page).await?;
            token = text_at(&answer, "next_page_token");
            listed.unreachable.extend(texts(answer.take_field_by_name("unreachable")));
            listed.insecure_settings = texts(answer.take_field_by_name("insecure_settings"));
            if let Some(Value::List(items)) = answer.take_field_by_name(field) {
                listed.items.extend(items.into_iter().filter_map(|item| match item {
                    Value::Message(item) => Some(item),
                    _ => None,
                }));
            }
            if token.is_empty() {
                return Ok(listed);
            }
            if limit > 0 && listed.items.len() >= limit {
                listed.items.truncate(limit);
                listed.has_more = true;
                return Ok(listed);
            }
        }
    }

    async fn prepared(
        &self,
        name: &str,
    ) -> Result<(Grpc<Channel>, PathAndQuery, DynamicCodec), CliError> {
        let answer = self.method(name)?.output();
        let path = PathAndQuery::try_from(format!("/{name}")).context("a method's path")?;
        let mut client =
            Grpc::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES);
        client.ready().await.map_err(|error| Status::from_error(Box::new(error)))?;
        Ok((client, path, DynamicCodec { answer }))
    }

    fn signed<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", token.clone());
        }
        request
    }
}

/// The items of a list.
#[derive(Default)]
pub struct ListedItems {
    pub items: Vec<DynamicMessage>,
    /// Whether there are more than were asked for.
    pub has_more: bool,
    /// Replicas whose items are missing.
    pub unreachable: Vec<String>,
    /// Of replicas: settings that let others in without a credential or in the clear.
    pub insecure_settings: Vec<String>,
}

fn texts(value: Option<Value>) -> Vec<String> {
    let Some(Value::List(items)) = value else { return Vec::new() };
    items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> ApiClient {
        let endpoint = Endpoint::from_static("http://127.0.0.1:1");
        ApiClient::new(endpoint, None, Duration::from_secs(1)).unwrap()
    }

    #[tokio::test]
    async fn a_field_that_is_not_there_is_not_sent() {
        let wrong = client().request("postrider.v1.TenantService/GetTenant", json!({"title": "x"}));
        assert!(matches!(wrong, Err(CliError::Usage(problem)) if problem.contains("title")));
    }

    #[tokio::test]
    async fn requests_are_the_fields_of_their_protos() {
        let name = "postrider.v1.DeliveryService/ReplayDeliveries";
        let request = json!({
            "parent": "tenants/acme",
            "start_time": "2026-11-01T00:00:00Z",
            "states": ["DELIVERY_STATE_EXHAUSTED"],
            "max_deliveries_per_second": 7,
        });
        let message = client().request(name, request).unwrap();
        assert_eq!(text_at(&message, "parent"), "tenants/acme");
        assert_eq!(super::super::number_at(&message, "max_deliveries_per_second"), 7);
        let begin = super::super::time_at(&message, "start_time").unwrap();
        assert_eq!(begin.to_string(), "2026-11-01T00:00:00Z");
    }
}
