//! Which path is which method's, and where the fields of its request stand.
//!
//! Fed by the options `google.api.http` of the protos, and by the table below for methods of
//! others' protos; feeds `layer` with the method of a request, and `open_api` with all of
//! them. Guarantees that a rule which cannot be followed keeps the program from starting.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use http::{Method, Uri};
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MethodDescriptor};

use super::message_fields::message_of;
use super::path_template::{PathTemplate, RequestPath};
use super::payload_members::PayloadMessages;
use super::query_parameters::{self, QueryParameter};
use crate::api::rpc::receiving::{MessageShapes, RequestShape};

/// The option's name, as a proto imports it.
const HTTP_OPTION: &str = "google.api.http";
/// What stands for the whole request in a rule's `body`.
const WHOLE_BODY: &str = "*";

/// A method, the request's path and where its body goes.
struct HttpBinding {
    method: Method,
    path: String,
    body: String,
}

/// Rules of methods whose protos are others'.
const FOREIGN_RULES: [(&str, &str, &str, &str); 5] = [
    ("GetOperation", "GET", "/v1/{name=tenants/*/operations/*}", ""),
    ("ListOperations", "GET", "/v1/{name=tenants/*}/operations", ""),
    ("DeleteOperation", "DELETE", "/v1/{name=tenants/*/operations/*}", ""),
    ("CancelOperation", "POST", "/v1/{name=tenants/*/operations/*}:cancel", WHOLE_BODY),
    ("WaitOperation", "POST", "/v1/{name=tenants/*/operations/*}:wait", WHOLE_BODY),
];
const FOREIGN_SERVICE: &str = "google.longrunning.Operations";

/// What of the request a body is.
#[derive(Clone, Debug)]
pub enum RouteBody {
    /// There is none.
    Nothing,
    /// All that does not stand in the path.
    Whole,
    Field(FieldDescriptor),
}

/// A method as HTTP reaches it.
#[derive(Debug)]
pub struct HttpRoute {
    pub http_method: Method,
    /// Which of its method's rules it is, from 0.
    pub rule_index: usize,
    pub template: PathTemplate,
    /// The path as OpenAPI has it, by which it is counted.
    pub label: Arc<str>,
    /// The fields of the template's variables, in their order.
    pub path_fields: Vec<Vec<FieldDescriptor>>,
    pub body: RouteBody,
    /// What stands neither in the path nor in the body.
    pub parameters: Vec<QueryParameter>,
    pub rpc: MethodDescriptor,
    /// "/package.Service/Method".
    pub rpc_uri: Uri,
    /// What in the request may repeat; absent if nothing does.
    pub request_shape: Option<RequestShape>,
    /// The list that lines of a body become, where the request is many at once.
    pub lines_field: Option<FieldDescriptor>,
}

impl HttpRoute {
    fn new(
        rpc: &MethodDescriptor,
        binding: &HttpBinding,
        rule_index: usize,
    ) -> anyhow::Result<Self> {
        let input = rpc.input();
        let template = PathTemplate::parse(&binding.path)?;
        let variables = template.variables.iter();
        let path_fields = variables
            .map(|variable| path_field(rpc, &variable.field_path))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let body = match binding.body.as_str() {
            "" => RouteBody::Nothing,
            WHOLE_BODY => RouteBody::Whole,
            name => {
                let field = input.get_field_by_name(name).context("the body is no field")?;
                ensure!(message_of(&field).is_some(), "the body {name} is no message");
                RouteBody::Field(field)
            }
        };
        let parameters = match &body {
            RouteBody::Whole => Vec::new(),
            RouteBody::Nothing => query_parameters::of_message(&input, &path_fields, None)?,
            RouteBody::Field(field) => {
                query_parameters::of_message(&input, &path_fields, Some(field))?
            }
        };
        let lines_field = match body {
            RouteBody::Whole if !rpc.is_client_streaming() => only_list(rpc),
            RouteBody::Whole | RouteBody::Nothing | RouteBody::Field(_) => None,
        };
        let rpc_path = format!("/{}/{}", rpc.parent_service().full_name(), rpc.name());
        Ok(Self {
            http_method: binding.method.clone(),
            rule_index,
            label: template.open_api_path().0.into(),
            template,
            path_fields,
            body,
            parameters,
            rpc: rpc.clone(),
            request_shape: MessageShapes::compiled_in()?.of_request(&rpc_path),
            rpc_uri: rpc_path.parse()?,
            lines_field,
        })
    }

    pub fn streams_answers(&self) -> bool {
        self.rpc.is_server_streaming()
    }

    pub fn streams_requests(&self) -> bool {
        self.rpc.is_client_streaming()
    }
}

/// The fields along a path, of which the last is a text.
fn path_field(rpc: &MethodDescriptor, path: &str) -> anyhow::Result<Vec<FieldDescriptor>> {
    let mut message = Some(rpc.input());
    let mut fields = Vec::new();
    for name in path.split('.') {
        let inside = message.with_context(|| format!("{path} leads through no message"))?;
        let field = inside.get_field_by_name(name).with_context(|| format!("no field {path}"))?;
        message = message_of(&field);
        fields.push(field);
    }
    let last = fields.last().with_context(|| format!("no field {path}"))?;
    ensure!(last.kind() == Kind::String && !last.is_list(), "{path} is no text");
    Ok(fields)
}

/// The one list of messages of a request that is nothing else: a batch (AIP-231).
fn only_list(rpc: &MethodDescriptor) -> Option<FieldDescriptor> {
    let input = rpc.input();
    let mut lists =
        input.fields().filter(|field| field.is_list() && field.kind().as_message().is_some());
    let list = lists.next()?;
    lists.next().is_none().then_some(list)
}

/// All routes, and what is known of their messages.
#[derive(Debug)]
pub struct RouteTable {
    pub pool: DescriptorPool,
    pub payloads: PayloadMessages,
    /// By how many segments their paths have.
    by_length: HashMap<usize, Vec<Arc<HttpRoute>>>,
}

/// What a path and a method lead to.
#[derive(Debug)]
pub enum FoundRoute {
    Route(Arc<HttpRoute>, Vec<String>),
    /// The path is there, for these methods only.
    OtherMethods(Vec<Method>),
    Nothing,
}

impl RouteTable {
    /// Reads the rules in the descriptors.
    pub fn read(descriptors: &[u8]) -> anyhow::Result<Self> {
        let pool = DescriptorPool::decode(descriptors).context("the compiled-in descriptors")?;
        let mut by_length: HashMap<usize, Vec<Arc<HttpRoute>>> = HashMap::new();
        for service in pool.services() {
            for rpc in service.methods() {
                for (rule_index, binding) in bindings(&rpc)?.iter().enumerate() {
                    let route = HttpRoute::new(&rpc, binding, rule_index);
                    let route = route.with_context(|| format!("{}: http", rpc.full_name()))?;
                    let length = route.template.segment_count();
                    by_length.entry(length).or_default().push(Arc::new(route));
                }
            }
        }
        let payloads = PayloadMessages::of(&pool);
        Ok(Self { pool, payloads, by_length })
    }

    /// The route of a request.
    pub fn find(&self, http_method: &Method, path: &str) -> FoundRoute {
        let Some(path) = RequestPath::parse(path) else { return FoundRoute::Nothing };
        let candidates = self.by_length.get(&path.segment_count());
        let mut others = Vec::new();
        for route in candidates.into_iter().flatten() {
            let Some(captures) = route.template.captures(&path) else { continue };
            if route.http_method == *http_method {
                return FoundRoute::Route(Arc::clone(route), captures);
            }
            others.push(route.http_method.clone());
        }
        match others.is_empty() {
            true => FoundRoute::Nothing,
            false => FoundRoute::OtherMethods(others),
        }
    }

    /// All routes, in no order.
    pub fn all(&self) -> impl Iterator<Item = &Arc<HttpRoute>> {
        self.by_length.values().flatten()
    }
}

/// What the proto says of a method, or the table of foreign rules.
fn bindings(rpc: &MethodDescriptor) -> anyhow::Result<Vec<HttpBinding>> {
    if rpc.parent_service().full_name() == FOREIGN_SERVICE {
        let rules = FOREIGN_RULES.iter().filter(|(name, ..)| *name == rpc.name());
        let mut bindings = Vec::new();
        for (_, method, path, body) in rules {
            let (path, body) = ((*path).to_owned(), (*body).to_owned());
            bindings.push(HttpBinding { method: method.parse()?, path, body });
        }
        return Ok(bindings);
    }
    let option = rpc.parent_pool().get_extension_by_name(HTTP_OPTION);
    let option = option.with_context(|| format!("no option {HTTP_OPTION}"))?;
    let options = rpc.options();
    if !options.has_extension(&option) {
        return Ok(Vec::new());
    }
    let rule = options.get_extension(&option);
    let rule = rule.as_message().context("the option is no message")?;
    let mut bindings = vec![binding_of(rule)?];
    let more = rule.get_field_by_name("additional_bindings").context("no additional_bindings")?;
    for other in more.as_list().unwrap_or_default() {
        bindings.push(binding_of(other.as_message().context("a rule is no message")?)?);
    }
    Ok(bindings)
}

fn binding_of(rule: &DynamicMessage) -> anyhow::Result<HttpBinding> {
    let text = |name: &str| {
        let value = rule.get_field_by_name(name);
        value.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
    };
    let methods = [Method::GET, Method::PUT, Method::POST, Method::DELETE, Method::PATCH];
    for method in methods {
        let path = text(&method.as_str().to_ascii_lowercase());
        if !path.is_empty() {
            return Ok(HttpBinding { method, path, body: text("body") });
        }
    }
    bail!("a rule has no path")
}

#[cfg(test)]
#[path = "routes_tests.rs"]
mod tests;
