//! The token by which tests call.
//!
//! Fed by nothing: it is always the same. Feeds every replica with a file that makes it an
//! administrator's, and every client with a header.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use tonic::metadata::MetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::pki::write_secret_file;

/// What the replicas of tests take for an administrator's.
pub const TEST_TOKEN: &str = "prt_7e570000000000000000_\
7e57000000000000000000000000000000000000000000000000000000000000";

/// The file in a replica's folder that holds it.
pub const TOKEN_FILE: &str = "test-token";

/// A channel whose calls carry a token.
pub type CallerChannel = InterceptedService<Channel, BearerToken>;

/// Puts a token into a call's headers.
#[derive(Clone, Debug)]
pub struct BearerToken(Arc<str>);

impl Interceptor for BearerToken {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let header = format!("Bearer {}", self.0).parse::<MetadataValue<_>>();
        let header = header.map_err(|_| Status::internal("the token is no header's value"))?;
        request.metadata_mut().insert("authorization", header);
        Ok(request)
    }
}

/// Calls as the tests' administrator.
pub fn as_administrator(channel: Channel) -> CallerChannel {
    with_token(channel, TEST_TOKEN)
}

/// Calls as who presents a token.
pub fn with_token(channel: Channel, token: &str) -> CallerChannel {
    InterceptedService::new(channel, BearerToken(token.into()))
}

/// Writes the token into a folder, for `--bootstrap-token-file`.
pub fn write_file(folder: &Path) -> Result<PathBuf> {
    let path = folder.join(TOKEN_FILE);
    write_secret_file(&path, TEST_TOKEN)?;
    Ok(path)
}
