//! The connection to the server that was chosen.

use std::time::Duration;

use postrider_tls::{PemFile, PemFiles};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use super::choice::{TargetChoice, is_loopback};
use crate::calls::{ApiClient, BearerToken};
use crate::exits::CliError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A watch that hears nothing for this long asks whether the other side is there.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
const USER_AGENT: &str = concat!("postrider-cli/", env!("CARGO_PKG_VERSION"));

/// A client; it connects with its first call.
pub fn connect(choice: &TargetChoice, timeout: Duration) -> Result<ApiClient, CliError> {
    let usage = |error: tonic::transport::Error| {
        CliError::Usage(format!("{} is no address: {}", choice.address, causes(&error)))
    };
    let endpoint = Endpoint::from_shared(choice.address.clone()).map_err(usage)?;
    let mut endpoint = endpoint
        .user_agent(USER_AGENT)
        .map_err(usage)?
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL);
    if choice.address.starts_with("https://") {
        let problem = |error: tonic::transport::Error| {
            CliError::Usage(format!("the certificates cannot be used: {}", causes(&error)))
        };
        endpoint = endpoint.tls_config(tls(choice)?).map_err(problem)?;
    }
    ApiClient::new(endpoint, token(choice)?, timeout)
}

fn tls(choice: &TargetChoice) -> Result<ClientTlsConfig, CliError> {
    let read = |path: &str| {
        let pem = std::fs::read(path);
        pem.map_err(|error| CliError::Usage(format!("cannot read {path}: {error}")))
    };
    let mut tls = ClientTlsConfig::new();
    tls = if choice.ca.is_empty() {
        tls.with_native_roots()
    } else {
        tls.ca_certificate(Certificate::from_pem(read(&choice.ca)?))
    };
    if choice.client_cert.is_empty() != choice.client_key.is_empty() {
        let problem = "a client certificate and its key are given both or neither";
        return Err(CliError::Usage(problem.to_owned()));
    }
    if !choice.client_cert.is_empty() {
        let identity = Identity::from_pem(read(&choice.client_cert)?, read(&choice.client_key)?);
        tls = tls.identity(identity);
    }
    Ok(tls)
}

fn token(choice: &TargetChoice) -> Result<Option<BearerToken>, CliError> {
    let Some(token) = choice.read_token()? else { return Ok(None) };
    let host = choice.address.strip_prefix("http://");
    if host.is_some_and(|host| !is_loopback(host)) {
        eprintln!("warning: the token goes to {} in the clear", choice.address);
    }
    let mut header: BearerToken = format!("Bearer {token}")
        .parse()
        .map_err(|_| CliError::Usage("the token has characters that no token has".to_owned()))?;
    header.set_sensitive(true);
    Ok(Some(header))
}

/// The files of the choice, for who looks at their certificates.
pub fn tls_files(choice: &TargetChoice) -> PemFiles {
    let own = PemFile::named("the client certificate", &choice.client_cert);
    let key = PemFile::named("the client key", &choice.client_key);
    PemFiles {
        identity: own.zip(key),
        authorities: PemFile::named("the CA", &choice.ca).into_iter().collect(),
    }
}

/// An error with what is behind it.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
