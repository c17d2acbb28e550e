//! Compiles the wire contract with protox, so that no protoc is needed.
//!
//! Fed by the files listed below; feeds `src/lib.rs` with Rust code for
//! Postrider's own packages and with the encoded descriptors of everything that
//! a caller can meet, error details and health included. Guarantees that both
//! come from one compilation and cannot differ.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, error::Error, fs};

use protox::prost_reflect::{DescriptorPool, Kind, MessageDescriptor, MethodDescriptor};

/// Served and called by Postrider: these become Rust.
const OWN: &[&str] = &[
    "postrider/v1/tenant.proto",
    "postrider/v1/retry_policy.proto",
    "postrider/v1/signature.proto",
    "postrider/v1/event_type.proto",
    "postrider/v1/endpoint_health.proto",
    "postrider/v1/receiver_credentials.proto",
    "postrider/v1/subscription.proto",
    "postrider/v1/subscription_service.proto",
    "postrider/v1/subscription_stats.proto",
    "postrider/v1/event.proto",
    "postrider/v1/delivery.proto",
    "postrider/v1/attempt.proto",
    "postrider/v1/fleet.proto",
    "postrider/v1/access.proto",
    "postrider/v1/token.proto",
    "postrider/v1/audit.proto",
    "postrider/agent/v1/agent.proto",
    "postrider/replica/v1/replica.proto",
    "google/longrunning/operations.proto",
    "externalscaler/externalscaler.proto",
];

/// Rust for these exists in other crates; callers only need to see their shape.
const DESCRIBED: &[&str] = &[
    "google/rpc/code.proto",
    "google/rpc/status.proto",
    "google/rpc/error_details.proto",
    "grpc/health/v1/health.proto",
];

/// Imported by the files above.
const IMPORTED: &[&str] = &[
    "google/api/annotations.proto",
    "google/api/field_behavior.proto",
    "google/api/http.proto",
    "google/api/resource.proto",
];

/// Can carry a secret: `src/redacted.rs` prints these without it.
const SECRET: &[&str] = &[
    ".postrider.agent.v1.SignerKey",
    ".postrider.agent.v1.Header",
    ".postrider.agent.v1.ReceiverTls",
    ".postrider.agent.v1.BasicAuthorization",
    ".postrider.agent.v1.OauthClient",
    ".postrider.agent.v1.AssertionKey",
    ".postrider.v1.CustomHeader",
    ".postrider.v1.Subscription",
    ".postrider.v1.ClientCertificate",
    ".postrider.v1.BasicAuthorization",
    ".postrider.v1.OauthClient",
    ".postrider.v1.AssertionKey",
    ".postrider.v1.RotateSigningSecretRequest",
    ".postrider.v1.CreateTokenResponse",
    ".postrider.v1.CreatePortalTokenResponse",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    for file in OWN.iter().chain(DESCRIBED).chain(IMPORTED) {
        println!("cargo:rerun-if-changed={file}");
    }

    let mut compiler = protox::Compiler::new(["."])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(OWN.iter().chain(DESCRIBED))?;

    let out_dir = env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?;
    // Encoded by protox itself: prost's descriptor types would drop the options
    // of google.api, which tell a caller what is required and what is output.
    let descriptors = compiler.encode_file_descriptor_set();
    fs::write(Path::new(&out_dir).join("descriptors.binpb"), descriptors)?;
    let requests = resource_requests(&compiler.descriptor_pool())?;
    fs::write(Path::new(&out_dir).join("resource_requests.rs"), requests)?;

    let mut sources = compiler.file_descriptor_set();
    // The types of others are mapped to Rust that exists, so nothing is generated
    // for them, but the generator looks them up.
    let looked_up = ["google.api", "google.protobuf", "google.rpc"];
    sources.file.retain(|file| OWN.contains(&file.name()) || looked_up.contains(&file.package()));
    tonic_prost_build::configure()
        .bytes(".")
        .extern_path(".google.rpc", "::tonic_types::pb")
        .skip_debug(SECRET)
        .emit_rerun_if_changed(false)
        .compile_fds(sources)?;
    Ok(())
}

/// The public package, whose methods say what they need of their caller.
const PUBLIC_PACKAGE: &str = "postrider.v1";

/// Rust that finds the resource which a request names, by the option of its method.
/// Requests on a stream or in a batch name theirs one by one, and are left out.
fn resource_requests(pool: &DescriptorPool) -> Result<String, Box<dyn Error>> {
    let access = pool.get_extension_by_name("postrider.v1.access").ok_or("no option access")?;
    let mut rust = String::new();
    let services = pool.services().filter(|service| service.package_name() == PUBLIC_PACKAGE);
    for method in services.flat_map(|service| service.methods().collect::<Vec<_>>()) {
        let options = method.options();
        let told = options.get_extension(&access);
        let field = told
            .as_message()
            .and_then(|told| told.get_field_by_name("resource_field")?.as_str().map(str::to_owned));
        let Some(expression) = expression(&method, &field.unwrap_or_default())? else {
            continue;
        };
        let request = method.input().name().to_owned();
        writeln!(rust, "impl ResourceRequest for crate::v1::{request} {{")?;
        writeln!(rust, "    fn resource_name(&self) -> &str {{ {expression} }}\n}}")?;
    }
    Ok(rust)
}

/// The Rust expression for a path of fields; `None` where a request has many of them.
fn expression(method: &MethodDescriptor, path: &str) -> Result<Option<String>, Box<dyn Error>> {
    if method.is_client_streaming() {
        return Ok(None);
    }
    if path.is_empty() {
        return Ok(Some("\"\"".to_owned()));
    }
    let mut message: MessageDescriptor = method.input();
    let mut expression = "Some(self)".to_owned();
    for name in path.split('.') {
        let field = message.get_field_by_name(name);
        let field = field.ok_or_else(|| format!("{}: no field {path}", method.full_name()))?;
        if field.is_list() {
            return Ok(None);
        }
        match field.kind() {
            Kind::Message(inner) => {
                write!(expression, ".and_then(|it| it.{name}.as_ref())")?;
                message = inner;
            }
            Kind::String => write!(expression, ".map(|it| it.{name}.as_str())")?,
            _ => return Err(format!("{}: {path} is no name", method.full_name()).into()),
        }
    }
    Ok(Some(format!("{expression}.unwrap_or_default()")))
}
