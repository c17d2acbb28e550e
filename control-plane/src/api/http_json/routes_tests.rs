//! That every method has its path, and no path has two methods.

use std::collections::BTreeSet;

use postrider_proto::FILE_DESCRIPTOR_SET;

use super::*;
use crate::api::rpc::methods::MethodTable;

/// Methods that HTTP does not have: they are for programs that speak gRPC, and are read
/// elsewhere (`/readyz`, `/openapi.json`).
const WITHOUT_HTTP: [&str; 8] = [
    "/externalscaler.ExternalScaler/GetMetricSpec",
    "/externalscaler.ExternalScaler/GetMetrics",
    "/externalscaler.ExternalScaler/IsActive",
    "/externalscaler.ExternalScaler/StreamIsActive",
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

fn table() -> RouteTable {
    RouteTable::read(FILE_DESCRIPTOR_SET).unwrap()
}

fn found(method: Method, path: &str) -> Option<(String, Vec<String>)> {
    match table().find(&method, path) {
        FoundRoute::Route(route, captures) => Some((route.rpc_uri.path().to_owned(), captures)),
        FoundRoute::OtherMethods(_) | FoundRoute::Nothing => None,
    }
}

#[test]
fn every_method_has_a_path_or_is_listed() {
    let methods = MethodTable::read(FILE_DESCRIPTOR_SET, true).unwrap();
    let served: BTreeSet<&str> = methods.all().map(|(path, _)| path).collect();
    let table = table();
    let mut reached: BTreeSet<&str> = table.all().map(|route| route.rpc_uri.path()).collect();
    for path in WITHOUT_HTTP {
        assert!(reached.insert(path), "{path} is listed and has a path");
    }
    assert_eq!(reached, served);
}

#[test]
fn no_path_leads_to_two_methods() {
    let table = table();
    let routes: Vec<_> = table.all().collect();
    for (index, route) in routes.iter().enumerate() {
        for other in &routes[index + 1..] {
            let overlap =
                route.http_method == other.http_method && route.template.overlaps(&other.template);
            assert!(!overlap, "{} and {}", route.rpc_uri, other.rpc_uri);
        }
    }
}

#[test]
fn a_request_finds_its_method() {
    let (method, names) = found(Method::POST, "/v1/tenants/acme/events:publish").unwrap();
    assert_eq!(method, "/postrider.v1.EventService/PublishEvent");
    assert_eq!(names, ["tenants/acme"]);
    let update = "/v1/tenants/acme/subscriptions/erp";
    let (method, names) = found(Method::PATCH, update).unwrap();
    assert_eq!(method, "/postrider.v1.SubscriptionService/UpdateSubscription");
    assert_eq!(names, ["tenants/acme/subscriptions/erp"]);
    let (method, names) = found(Method::GET, "/v1/installation/auditRecords:verify").unwrap();
    assert_eq!(method, "/postrider.v1.AuditService/VerifyAuditLog");
    assert_eq!(names, ["installation"]);
    let (method, _) = found(Method::POST, "/v1/tenants/acme/operations/op:cancel").unwrap();
    assert_eq!(method, "/google.longrunning.Operations/CancelOperation");
    for parent in ["tenants/acme/deliveries/d", "tenants/acme/subscriptions/erp", "tenants/acme"] {
        let (method, names) = found(Method::GET, &format!("/v1/{parent}/attempts")).unwrap();
        assert_eq!(method, "/postrider.v1.DeliveryService/ListAttempts");
        assert_eq!(names, [parent]);
    }
    assert!(found(Method::GET, "/v1/nothing").is_none());
    assert!(found(Method::POST, "/postrider.v1.EventService/PublishEvent").is_none());
}

#[test]
fn another_method_is_told_which_there_are() {
    let FoundRoute::OtherMethods(mut methods) = table().find(&Method::PUT, "/v1/tenants/acme")
    else {
        panic!("it was found");
    };
    methods.sort_by_key(|method| method.as_str().to_owned());
    assert_eq!(methods, [Method::DELETE, Method::GET, Method::PATCH]);
}

#[test]
fn batches_take_lines() {
    let table = table();
    let of_lines = table.all().filter(|route| route.lines_field.is_some());
    let names: Vec<_> = of_lines.map(|route| route.rpc.name().to_owned()).collect();
    assert_eq!(names, ["PublishEvents"]);
}

#[test]
fn a_path_stands_for_texts_alone() {
    let table = table();
    let service = table.pool.get_service_by_name("postrider.v1.TenantService").unwrap();
    let update = service.methods().find(|rpc| rpc.name() == "UpdateTenant").unwrap();
    assert_eq!(path_field(&update, "tenant.name").unwrap().len(), 2);
    for bad in ["", "name", "tenant", "tenant.labels", "update_mask.paths", "tenant.name.x"] {
        assert!(path_field(&update, bad).is_err(), "{bad}");
    }
}
