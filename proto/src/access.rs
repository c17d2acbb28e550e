//! What each method needs of its caller, as the `.proto` files say.
//!
//! Fed by the compiled-in descriptors, and by `build.rs` with where each request names its
//! resource; feeds the control plane's judgement of calls, and the table in the documents.

use prost::{DecodeError, Message};

use crate::externalscaler;
use crate::longrunning as operations;
use crate::v1::MethodAccess;

/// A request that may name a resource.
pub trait ResourceRequest {
    /// The name of the resource, which begins with its tenant's; empty where the method
    /// needs none.
    fn resource_name(&self) -> &str;
}

include!(concat!(env!("OUT_DIR"), "/resource_requests.rs"));

impl ResourceRequest for crate::v1::PublishEventsRequest {
    /// The parent of all, where there is one; each event names its own besides.
    fn resource_name(&self) -> &str {
        &self.parent
    }
}

/// The methods of others' protos say in their comments where the name stands.
macro_rules! named {
    ($($request:ident),*) => {$(
        impl ResourceRequest for operations::$request {
            fn resource_name(&self) -> &str {
                &self.name
            }
        }
    )*};
}
named!(
    GetOperationRequest,
    ListOperationsRequest,
    CancelOperationRequest,
    DeleteOperationRequest,
    WaitOperationRequest
);

/// What an autoscaler asks about belongs to the installation.
macro_rules! unnamed {
    ($($request:ident),*) => {$(
        impl ResourceRequest for externalscaler::$request {
            fn resource_name(&self) -> &str {
                ""
            }
        }
    )*};
}
unnamed!(ScaledObjectRef, GetMetricsRequest);

/// A method as it is described.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribedMethod {
    /// "/package.Service/Method".
    pub path: String,
    /// Its service, "package.Service".
    pub service: String,
    pub client_streaming: bool,
    pub server_streaming: bool,
    /// Absent where the `.proto` does not say.
    pub access: Option<MethodAccess>,
}

/// Reads the methods of an encoded set of descriptors.
pub fn described_methods(descriptors: &[u8]) -> Result<Vec<DescribedMethod>, DecodeError> {
    let mut found = Vec::new();
    for file in DescribedFiles::decode(descriptors)?.file {
        for service in file.service {
            let name = format!("{}.{}", file.package, service.name);
            found.extend(service.method.into_iter().map(|method| DescribedMethod {
                path: format!("/{name}/{}", method.name),
                service: name.clone(),
                client_streaming: method.client_streaming,
                server_streaming: method.server_streaming,
                access: method.options.and_then(|options| options.access),
            }));
        }
    }
    Ok(found)
}

// The parts of google.protobuf's descriptors that are read here: prost's own types leave
// out the options that others add.

#[derive(Clone, PartialEq, Message)]
struct DescribedFiles {
    #[prost(message, repeated, tag = "1")]
    file: Vec<DescribedFile>,
}

#[derive(Clone, PartialEq, Message)]
struct DescribedFile {
    #[prost(string, tag = "2")]
    package: String,
    #[prost(message, repeated, tag = "6")]
    service: Vec<DescribedService>,
}

#[derive(Clone, PartialEq, Message)]
struct DescribedService {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "2")]
    method: Vec<MethodOfService>,
}

#[derive(Clone, PartialEq, Message)]
struct MethodOfService {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "4")]
    options: Option<DescribedOptions>,
    #[prost(bool, tag = "5")]
    client_streaming: bool,
    #[prost(bool, tag = "6")]
    server_streaming: bool,
}

#[derive(Clone, PartialEq, Message)]
struct DescribedOptions {
    #[prost(message, optional, tag = "50717")]
    access: Option<MethodAccess>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FILE_DESCRIPTOR_SET;
    use crate::v1::method_access::Reach;

    #[test]
    fn every_public_method_says_what_it_needs() {
        let methods = described_methods(FILE_DESCRIPTOR_SET).unwrap();
        let public: Vec<_> =
            methods.iter().filter(|method| method.path.starts_with("/postrider.v1.")).collect();
        assert!(public.len() > 40, "{}", public.len());
        for method in public {
            let access = method.access.as_ref().unwrap();
            assert!(!access.permission.is_empty(), "{}", method.path);
            assert_ne!(access.reach(), Reach::Unspecified, "{}", method.path);
            let names_one = access.reach() == Reach::Tenant;
            assert_eq!(names_one, !access.resource_field.is_empty(), "{}", method.path);
        }
        let stream = methods.iter().find(|m| m.path.ends_with("/PublishStream")).unwrap();
        assert!(stream.client_streaming && stream.server_streaming);
    }

    #[test]
    fn a_request_names_its_resource() {
        let subscription = crate::v1::Subscription {
            name: "tenants/a/subscriptions/b".into(),
            ..Default::default()
        };
        let update = crate::v1::UpdateSubscriptionRequest {
            subscription: Some(subscription),
            ..Default::default()
        };
        assert_eq!(update.resource_name(), "tenants/a/subscriptions/b");
        assert_eq!(crate::v1::UpdateSubscriptionRequest::default().resource_name(), "");
        let get = crate::v1::GetTenantRequest { name: "tenants/a".into() };
        assert_eq!(get.resource_name(), "tenants/a");
        assert_eq!(crate::v1::ListReplicasRequest::default().resource_name(), "");
    }
}
