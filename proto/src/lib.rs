//! Postrider's wire contract as Rust types, clients and servers.
//!
//! Fed by the `.proto` files beside this crate through `build.rs`; feeds the
//! control plane, the agent and the tests. Guarantees that all of them speak the
//! same contract, and holds nothing else that they share but what its fields need on
//! both sides: one check ([`webhook_url`]), the bounds of what is told about an
//! attempt ([`attempt_limits`]) and the names of codes ([`status_code`]). Every `bytes` field is a [`prost::bytes::Bytes`], so
//! that a payload is passed on without a copy.

pub mod access;
pub mod attempt_limits;
mod redacted;
pub mod status_code;
pub mod webhook_url;

pub use generated::externalscaler;
pub use generated::google::longrunning;
pub use generated::postrider::{agent, replica, v1};

/// As the generator expects it: one module for each part of a package's name.
mod generated {
    // The lints and documentation of these items are those of the generator and of
    // the `.proto` files.
    #![allow(
        clippy::all,
        clippy::allow_attributes_without_reason,
        clippy::doc_markdown,
        clippy::large_futures,
        rustdoc::all,
        reason = "they are made by generators"
    )]

    /// What KEDA asks an external scaler.
    pub mod externalscaler {
        tonic::include_proto!("externalscaler");
    }

    pub mod google {
        /// Long-running operations (AIP-151).
        pub mod longrunning {
            tonic::include_proto!("google.longrunning");
        }
    }

    pub mod postrider {
        /// The public API: what publishers, operators and tenants' own systems call.
        pub mod v1 {
            tonic::include_proto!("postrider.v1");
        }

        /// Between the control plane and its agents.
        pub mod agent {
            /// Version 1 of the work stream.
            pub mod v1 {
                tonic::include_proto!("postrider.agent.v1");
            }
        }

        /// Between the replicas of one control plane.
        pub mod replica {
            /// Version 1 of what replicas tell each other.
            pub mod v1 {
                tonic::include_proto!("postrider.replica.v1");
            }
        }
    }
}

/// Every file of the contract, encoded, with the details that errors carry and
/// the health service: what reflection serves, so that a caller needs no copy of
/// the `.proto` files.
pub const FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::FILE_DESCRIPTOR_SET;

    fn described() -> FileDescriptorSet {
        FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap()
    }

    #[test]
    fn every_service_is_described() {
        let files = described().file;
        let services: BTreeSet<_> = files
            .iter()
            .flat_map(|file| {
                file.service.iter().map(move |s| format!("{}.{}", file.package(), s.name()))
            })
            .collect();
        let expected = [
            "externalscaler.ExternalScaler",
            "google.longrunning.Operations",
            "grpc.health.v1.Health",
            "postrider.agent.v1.AgentService",
            "postrider.replica.v1.ReplicaService",
            "postrider.v1.AuditService",
            "postrider.v1.DeliveryService",
            "postrider.v1.EventService",
            "postrider.v1.EventTypeService",
            "postrider.v1.FleetService",
            "postrider.v1.PortalService",
            "postrider.v1.SubscriptionService",
            "postrider.v1.TenantService",
            "postrider.v1.TokenService",
        ];
        assert_eq!(services, expected.map(str::to_owned).into());
    }

    #[test]
    fn every_file_comes_after_what_it_imports() {
        let mut seen = BTreeSet::new();
        for file in described().file {
            for import in &file.dependency {
                assert!(seen.contains(import), "{} before {import}", file.name());
            }
            seen.insert(file.name().to_owned());
        }
        assert!(seen.contains("google/rpc/error_details.proto"));
    }

    #[test]
    fn payloads_are_shared_not_copied() {
        let payload = prost::bytes::Bytes::from_static(b"{}");
        let event = super::v1::Event {
            payload_form: Some(super::v1::event::PayloadForm::Payload(payload.clone())),
            ..Default::default()
        };
        let Some(super::v1::event::PayloadForm::Payload(kept)) = event.clone().payload_form else {
            panic!("no payload");
        };
        assert_eq!(kept.as_ptr(), payload.as_ptr());
    }
}
