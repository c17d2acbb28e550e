//! Which method needs what.
//!
//! Fed by the options in the protos, and by the table below for methods of others'
//! protos; feeds the layer. Guarantees that a method of which nothing is said keeps the
//! program from starting, and that a method which is not listed is not served.
//!
//! Keeps the invariant `nothing-without-permission`.

use std::collections::HashMap;

use anyhow::{Context as _, anyhow, bail};
use postrider_identity::{MethodAccess, MethodReach, Permission};
use postrider_proto::access::{DescribedMethod, described_methods};
use postrider_proto::v1;
use postrider_proto::v1::method_access::Reach;
use prost::Message as _;
use prost_types::{FileDescriptorSet, ServiceDescriptorProto};

/// What is served elsewhere, to agents and to other replicas.
const OTHER_DOORS: [&str; 2] = [AGENT_SERVICE, REPLICA_SERVICE];
const AGENT_SERVICE: &str = "postrider.agent.v1.AgentService";
const REPLICA_SERVICE: &str = "postrider.replica.v1.ReplicaService";

/// What a caller of a method that is not served is told: who comes to the wrong door is told
/// which is his.
pub fn not_served(path: &str) -> &'static str {
    match path.trim_start_matches('/').split('/').next() {
        Some(AGENT_SERVICE) => {
            "there is no such method at this door: agents come in at agents.listen, port 7444 by \
             default"
        }
        Some(REPLICA_SERVICE) => {
            "there is no such method at this door: replicas come in at replicas.listen, port 7445 \
             by default"
        }
        _ => "there is no such method",
    }
}

/// What a method of another's proto needs.
#[derive(Clone, Copy)]
enum ForeignNeed {
    /// Nothing: it is open to whoever reaches the port.
    Open,
    /// What reflection needs.
    Reflection,
    Tenant(Permission),
    Installation(Permission),
}

/// Methods whose protos are others', which say nothing of permissions.
const FOREIGN_METHODS: [(&str, ForeignNeed); 13] = [
    ("/externalscaler.ExternalScaler/IsActive", REGION_LOAD),
    ("/externalscaler.ExternalScaler/StreamIsActive", REGION_LOAD),
    ("/externalscaler.ExternalScaler/GetMetricSpec", REGION_LOAD),
    ("/externalscaler.ExternalScaler/GetMetrics", REGION_LOAD),
    ("/google.longrunning.Operations/GetOperation", OPERATION_READ),
    ("/google.longrunning.Operations/ListOperations", OPERATION_READ),
    ("/google.longrunning.Operations/WaitOperation", OPERATION_READ),
    ("/google.longrunning.Operations/CancelOperation", OPERATION_WRITE),
    ("/google.longrunning.Operations/DeleteOperation", OPERATION_WRITE),
    ("/grpc.health.v1.Health/Check", ForeignNeed::Open),
    ("/grpc.health.v1.Health/Watch", ForeignNeed::Open),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", ForeignNeed::Reflection),
    ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", ForeignNeed::Reflection),
];
const REGION_LOAD: ForeignNeed = ForeignNeed::Installation(Permission::ReadRegionLoad);
const OPERATION_READ: ForeignNeed = ForeignNeed::Tenant(Permission::ReadOperations);
const OPERATION_WRITE: ForeignNeed = ForeignNeed::Tenant(Permission::WriteOperations);

/// What is known of one method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MethodRule {
    /// Absent where it is open.
    pub access: Option<MethodAccess>,
    /// Whether its answer is a stream, which may outlast the credential.
    pub streams: bool,
    /// Whether its request is one, which may be silent.
    pub streams_requests: bool,
}

/// All methods, by their paths.
#[derive(Debug)]
pub struct MethodTable(HashMap<String, MethodRule>);

impl MethodTable {
    /// Reads the descriptors. An error names a method of which nothing is said.
    pub fn read(descriptors: &[u8], open_reflection: bool) -> anyhow::Result<Self> {
        let mut rules = HashMap::new();
        for (path, need) in FOREIGN_METHODS {
            let (access, streams) = match need {
                ForeignNeed::Open => (None, path.ends_with("/Watch")),
                ForeignNeed::Reflection if open_reflection => (None, true),
                ForeignNeed::Reflection => {
                    let permission = Permission::ReadDescriptors;
                    (Some(MethodAccess { permission, reach: MethodReach::Anywhere }), true)
                }
                ForeignNeed::Tenant(permission) => {
                    (Some(MethodAccess { permission, reach: MethodReach::Tenant }), false)
                }
                ForeignNeed::Installation(permission) => {
                    let reach = MethodReach::Installation;
                    (Some(MethodAccess { permission, reach }), path.contains("/Stream"))
                }
            };
            let streams_requests = path.contains(".ServerReflection/");
            rules.insert(path.to_owned(), MethodRule { access, streams, streams_requests });
        }
        let described = described_methods(descriptors).context("the compiled-in descriptors")?;
        for method in described {
            if OTHER_DOORS.contains(&method.service.as_str()) || rules.contains_key(&method.path) {
                continue;
            }
            let access = access_of(&method).with_context(|| method.path.clone())?;
            let rule = MethodRule {
                access: Some(access),
                streams: method.server_streaming,
                streams_requests: method.client_streaming,
            };
            rules.insert(method.path, rule);
        }
        Ok(Self(rules))
    }

    pub fn find(&self, path: &str) -> Option<MethodRule> {
        self.0.get(path).copied()
    }

    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    #[cfg(test)]
    pub fn all(&self) -> impl Iterator<Item = (&str, MethodRule)> {
        self.0.iter().map(|(path, rule)| (path.as_str(), *rule))
    }
}

/// The descriptors that callers are shown: without the files of other doors' services.
pub fn callers_descriptors(descriptors: &[u8]) -> anyhow::Result<FileDescriptorSet> {
    let mut set = FileDescriptorSet::decode(descriptors).context("the compiled-in descriptors")?;
    set.file.retain(|file| {
        let is_elsewhere = |service: &ServiceDescriptorProto| {
            OTHER_DOORS.contains(&format!("{}.{}", file.package(), service.name()).as_str())
        };
        !file.service.iter().any(is_elsewhere)
    });
    Ok(set)
}

fn access_of(method: &DescribedMethod) -> anyhow::Result<MethodAccess> {
    let Some(told) = &method.access else {
        bail!("the method says no permission: it needs option (postrider.v1.access)");
    };
    let permission = told.permission.parse().map_err(|error| anyhow!("{error}"))?;
    Ok(MethodAccess { permission, reach: reach(told)? })
}

fn reach(told: &v1::MethodAccess) -> anyhow::Result<MethodReach> {
    match told.reach() {
        Reach::Tenant => Ok(MethodReach::Tenant),
        Reach::Anywhere => Ok(MethodReach::Anywhere),
        Reach::Installation => Ok(MethodReach::Installation),
        Reach::Unspecified => Err(anyhow!("the method does not say where its permission is held")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Write as _;

    use postrider_identity::ALL_ROLES;
    use postrider_proto::FILE_DESCRIPTOR_SET;
    use prost_types::MethodDescriptorProto;

    use super::*;
    use crate::fixtures;

    fn table() -> MethodTable {
        MethodTable::read(FILE_DESCRIPTOR_SET, false).unwrap()
    }

    #[test]
    fn every_method_of_the_callers_port_is_listed() {
        let table = table();
        for method in described_methods(FILE_DESCRIPTOR_SET).unwrap() {
            let elsewhere = OTHER_DOORS.contains(&method.service.as_str());
            assert_eq!(table.find(&method.path).is_none(), elsewhere, "{}", method.path);
        }
        let nothing = "/postrider.v1.TenantService/Nothing";
        assert!(table.find(nothing).is_none() && !not_served(nothing).contains("listen"));
        assert!(not_served("/postrider.agent.v1.AgentService/Connect").contains("agents.listen"));
    }

    #[test]
    fn callers_are_shown_what_they_can_call_and_all_that_it_imports() {
        let shown = callers_descriptors(FILE_DESCRIPTOR_SET).unwrap();
        let names: Vec<_> = shown.file.iter().map(|file| file.name()).collect();
        assert!(names.contains(&"postrider/v1/token.proto"), "{names:?}");
        for file in &shown.file {
            assert!(!file.package().starts_with("postrider.agent"), "{}", file.name());
            assert!(!file.package().starts_with("postrider.replica"), "{}", file.name());
            for import in &file.dependency {
                assert!(names.contains(&import.as_str()), "{} imports {import}", file.name());
            }
        }
    }

    #[test]
    fn only_health_is_open() {
        let open = |table: &MethodTable| {
            let open = table.all().filter(|(_, rule)| rule.access.is_none());
            let mut open: Vec<String> = open.map(|(path, _)| path.to_owned()).collect();
            open.sort();
            open
        };
        let health = ["/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"];
        assert_eq!(open(&table()), health);
        assert_eq!(open(&MethodTable::read(FILE_DESCRIPTOR_SET, true).unwrap()).len(), 4);
    }

    #[test]
    fn a_method_that_says_nothing_keeps_the_program_from_starting() {
        let method = MethodDescriptorProto { name: Some("Do".into()), ..Default::default() };
        let service = ServiceDescriptorProto {
            name: Some("NewService".into()),
            method: vec![method],
            ..Default::default()
        };
        let file = prost_types::FileDescriptorProto {
            package: Some("postrider.v1".into()),
            service: vec![service],
            ..Default::default()
        };
        let set = FileDescriptorSet { file: vec![file] }.encode_to_vec();
        let refused = format!("{:#}", MethodTable::read(&set, false).unwrap_err());
        assert!(refused.contains("/postrider.v1.NewService/Do"), "{refused}");
        assert!(refused.contains("option (postrider.v1.access)"), "{refused}");
    }

    /// The tables of docs/permissions.md.
    fn documented() -> String {
        let mut text = String::from("| method | permission | where it must be held |");
        text.push_str(&ALL_ROLES.map(|role| format!(" {role} |")).concat());
        let _ = writeln!(text, "\n|{}", "---|".repeat(3 + ALL_ROLES.len()));
        let table = table();
        let mut rows = BTreeMap::new();
        for (path, rule) in table.all() {
            rows.insert(path.to_owned(), rule.access);
        }
        for (path, access) in rows {
            let path = path.trim_start_matches('/');
            let Some(MethodAccess { permission, reach }) = access else {
                let _ = write!(text, "| `{path}` | | open |");
                text.push_str(&" yes |".repeat(ALL_ROLES.len()));
                text.push('\n');
                continue;
            };
            let reach = match reach {
                MethodReach::Tenant => "in the tenant",
                MethodReach::Anywhere => "anywhere",
                MethodReach::Installation => "in the installation",
            };
            let _ = write!(text, "| `{path}` | `{permission}` | {reach} |");
            for role in ALL_ROLES {
                text.push_str(if role.has(permission) { " yes |" } else { " |" });
            }
            text.push('\n');
        }
        text
    }

    /// `POSTRIDER_WRITE_DOCS=1` writes the table instead.
    #[test]
    fn the_documents_show_the_table() {
        fixtures::assert_documented("permissions.md", "generated", &documented());
    }
}
