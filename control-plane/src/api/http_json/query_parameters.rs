//! Fields of a request that stand in the query.
//!
//! Fed by `routes` with a method's request, and by requests with their query; feeds the
//! message with what was given, and `open_api` with what may be. Guarantees that a parameter
//! which the method does not have is refused: a credential that somebody puts there too.

use anyhow::bail;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};
use serde_json::Value as JsonValue;
use tonic::Status;

use super::message_fields::message_of;
use crate::api::rpc::errors;

/// Messages that ProtoJSON has as a text.
const TEXT_MESSAGES: [&str; 3] =
    ["google.protobuf.Duration", FIELD_MASK, "google.protobuf.Timestamp"];
const FIELD_MASK: &str = "google.protobuf.FieldMask";
/// How deep parameters are nested at most, so that a message within itself ends.
const MAX_PARAMETER_DEPTH: usize = 4;

/// A field that may be given in the query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryParameter {
    /// As JSON has it: "pageSize".
    pub name: String,
    /// As the proto has it, which is taken too: `page_size`.
    pub proto_name: String,
    /// The fields along the way to it.
    pub path: Vec<FieldDescriptor>,
}

/// All parameters of a request but for what stands in the path or in the body.
pub(super) fn of_message(
    message: &MessageDescriptor,
    path_fields: &[Vec<FieldDescriptor>],
    body: Option<&FieldDescriptor>,
) -> anyhow::Result<Vec<QueryParameter>> {
    let mut parameters = Vec::new();
    for field in message.fields().filter(|field| Some(field) != body) {
        push_parameters(vec![field], path_fields, &mut parameters)?;
    }
    Ok(parameters)
}

fn push_parameters(
    path: Vec<FieldDescriptor>,
    path_fields: &[Vec<FieldDescriptor>],
    parameters: &mut Vec<QueryParameter>,
) -> anyhow::Result<()> {
    let Some(field) = path.last() else { return Ok(()) };
    if path_fields.contains(&path) {
        return Ok(());
    }
    if let Some(inside) = message_of(field).filter(|inside| !is_text_message(inside)) {
        if path.len() >= MAX_PARAMETER_DEPTH {
            bail!("{} is nested too deeply for a query", field.full_name());
        }
        for field in inside.fields() {
            let mut longer = path.clone();
            longer.push(field);
            push_parameters(longer, path_fields, parameters)?;
        }
        return Ok(());
    }
    if field.is_map() || (field.is_list() && field.kind().as_message().is_some()) {
        bail!("{} cannot stand in a query", field.full_name());
    }
    let joined =
        |name: fn(&FieldDescriptor) -> &str| path.iter().map(name).collect::<Vec<_>>().join(".");
    let (name, proto_name) = (joined(FieldDescriptor::json_name), joined(FieldDescriptor::name));
    parameters.push(QueryParameter { name, proto_name, path });
    Ok(())
}

fn is_text_message(message: &MessageDescriptor) -> bool {
    TEXT_MESSAGES.contains(&message.full_name())
}

/// A request with what its query gives.
pub(super) fn read(
    input: MessageDescriptor,
    parameters: &[QueryParameter],
    query: &str,
) -> Result<DynamicMessage, Status> {
    let mut given: Vec<(&QueryParameter, Vec<String>)> = Vec::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let mut known = parameters.iter();
        let parameter = known.find(|known| name == known.name || name == known.proto_name);
        let Some(parameter) = parameter else {
            return Err(errors::invalid(name, "is no parameter of this method"));
        };
        match given.iter_mut().find(|(earlier, _)| earlier.name == parameter.name) {
            Some((_, values)) => values.push(value.into_owned()),
            None => given.push((parameter, vec![value.into_owned()])),
        }
    }
    let mut message = DynamicMessage::new(input);
    for (parameter, values) in given {
        let value = parsed(parameter, values);
        let value = value.map_err(|problem| errors::invalid(&parameter.name, problem))?;
        set(&mut message, &parameter.path, value);
    }
    Ok(message)
}

/// The value of a parameter; an error says what is wrong with it.
fn parsed(parameter: &QueryParameter, values: Vec<String>) -> Result<Option<Value>, String> {
    let Some(field) = parameter.path.last() else { return Ok(None) };
    if !field.is_list() && values.len() > 1 {
        return Err("is given more than once".to_owned());
    }
    let kind = field.kind();
    let values: Result<Vec<JsonValue>, String> =
        values.into_iter().map(|value| json_value(&kind, value)).collect();
    let mut values = values?;
    let value = match field.is_list() {
        true => JsonValue::Array(values),
        false => values.pop().unwrap_or_default(),
    };
    // ProtoJSON's reader knows numbers, enums and times in texts.
    let mut members = serde_json::Map::new();
    members.insert(field.json_name().to_owned(), value);
    let mut message =
        DynamicMessage::deserialize(field.parent_message().clone(), JsonValue::Object(members))
            .map_err(|error| error.to_string())?;
    Ok(message.take_field(field))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all other kinds are texts in ProtoJSON too")]
fn json_value(kind: &Kind, text: String) -> Result<JsonValue, String> {
    match kind {
        Kind::Bool => match text.as_str() {
            "true" => Ok(JsonValue::Bool(true)),
            "false" => Ok(JsonValue::Bool(false)),
            _ => Err("must be true or false".to_owned()),
        },
        Kind::Enum(_) => Ok(match text.parse::<i32>() {
            Ok(number) => JsonValue::from(number),
            Err(_) => JsonValue::String(text),
        }),
        Kind::Message(message) if message.full_name() == FIELD_MASK => {
            Ok(JsonValue::String(camel_case(&text)))
        }
        _ => Ok(JsonValue::String(text)),
    }
}

/// The names in a mask as JSON has them, where they are the protos'.
fn camel_case(names: &str) -> String {
    let mut parts = names.split('_');
    let mut camel = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut letters = part.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

fn set(message: &mut DynamicMessage, path: &[FieldDescriptor], value: Option<Value>) {
    let (Some((field, rest)), Some(value)) = (path.split_first(), value) else { return };
    if rest.is_empty() {
        message.set_field(field, value);
    } else if let Value::Message(inside) = message.get_field_mut(field) {
        set(inside, rest, Some(value));
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use postrider_proto::{FILE_DESCRIPTOR_SET, v1};
    use tonic_types::StatusExt as _;

    use super::*;
    use crate::api::http_json::routes::{FoundRoute, RouteTable};

    fn given(method: &Method, path: &str, query: &str) -> Result<DynamicMessage, Status> {
        let table = RouteTable::read(FILE_DESCRIPTOR_SET).unwrap();
        let FoundRoute::Route(route, _) = table.find(method, path) else { panic!("{path}") };
        read(route.rpc.input(), &route.parameters, query)
    }

    #[test]
    fn what_stands_in_neither_path_nor_body_is_a_parameter() {
        let table = RouteTable::read(FILE_DESCRIPTOR_SET).unwrap();
        let names = |rpc: &str| {
            let route = table.all().find(|route| route.rpc.name() == rpc).unwrap();
            route.parameters.iter().map(|parameter| parameter.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names("UpdateSubscription"), ["updateMask"]);
        assert_eq!(names("GetEvent"), ["view"]);
        assert_eq!(names("CreateTenant"), ["tenantId"]);
        assert_eq!(names("PublishEvent"), Vec::<String>::new());
        assert_eq!(names("ReconcileEvents"), ["startTime", "endTime", "subscription"]);
    }

    #[test]
    fn texts_become_what_the_fields_are() {
        let list = "/v1/tenants/acme/events";
        let query = "pageSize=7&filter=account+%3D+%22a%22&view=EVENT_VIEW_FULL";
        let message: v1::ListEventsRequest =
            given(&Method::GET, list, query).unwrap().transcode_to().unwrap();
        assert_eq!((message.page_size, message.filter.as_str()), (7, "account = \"a\""));
        assert_eq!(message.view, 2);
        let watch = "/v1/tenants/acme/attempts:watch";
        let message: v1::WatchAttemptsRequest =
            given(&Method::GET, watch, "send_progress=true").unwrap().transcode_to().unwrap();
        assert!(message.send_progress);
        let update = "/v1/tenants/acme/subscriptions/erp";
        let message: v1::UpdateSubscriptionRequest =
            given(&Method::PATCH, update, "updateMask=display_name,url,jsonForm")
                .unwrap()
                .transcode_to()
                .unwrap();
        assert_eq!(message.update_mask.unwrap().paths, ["display_name", "url", "json_form"]);
        let reconcile = "/v1/tenants/acme/events:reconcile";
        let message: v1::ReconcileEventsRequest =
            given(&Method::GET, reconcile, "startTime=2026-01-01T00:00:00Z")
                .unwrap()
                .transcode_to()
                .unwrap();
        assert_eq!(message.start_time.unwrap().seconds, 1_767_225_600);
    }

    #[test]
    fn what_is_no_parameter_is_refused_by_its_name() {
        let list = "/v1/tenants/acme/events";
        for (query, field) in [
            ("access_token=prt_x", "access_token"),
            ("parent=tenants/other", "parent"),
            ("pageSize=many", "pageSize"),
            ("pageSize=", "pageSize"),
            ("pageSize=1&page_size=2", "pageSize"),
            ("view=EVENT_VIEW_NONE", "view"),
        ] {
            let refused = given(&Method::GET, list, query).unwrap_err();
            let violations = refused.get_details_bad_request().unwrap().field_violations;
            assert_eq!(violations[0].field, field, "{query}");
        }
    }
}
