//! Until when certificates are valid: those of the files, and the one that the server shows.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use postrider_tls::{CertificateNames, client_config};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::finding::DoctorFinding;
use crate::exits::CliError;
use crate::session::CommandSession;
use crate::target::{TargetChoice, tls_files};
use crate::values::times::duration_text;

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// A certificate that ends sooner should have been renewed: most are renewed when a third
/// of their time is left, and cert-manager's last 90 days.
const MIN_REMAINING_TIME: Duration = Duration::from_secs(14 * 86_400);
const DEFAULT_TLS_PORT: u16 = 443;

pub(super) async fn check(session: &CommandSession) -> Vec<DoctorFinding> {
    let target = &session.target;
    if !target.address.starts_with("https://") {
        return vec![
            match target.address.contains("127.0.0.1") || target.address.contains("[::1]") {
                true => DoctorFinding::fine("certificates", "none are needed on loopback"),
                false => DoctorFinding::warning(
                    "certificates",
                    "calls and tokens go in the clear",
                    "give replicas server.tls_cert and server.tls_key",
                ),
            },
        ];
    }
    let shown = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake(target)).await;
    let shown = shown.unwrap_or_else(|_| Err(anyhow::anyhow!("the handshake took too long")));
    let mut findings = vec![match shown {
        Ok(ends) => judged("the server's", ends),
        Err(error) => {
            DoctorFinding::unknown("certificates", &CliError::Other(error), &target.address)
        }
    }];
    match own_files(target) {
        Ok(files) => findings.extend(files.into_iter().map(|(what, ends)| judged(what, ends))),
        Err(error) => findings.push(DoctorFinding::unknown(
            "certificates",
            &CliError::Other(error),
            &target.address,
        )),
    }
    findings
}

fn judged(what: &str, ends: SystemTime) -> DoctorFinding {
    let advice = "renew it; replicas read files again by themselves";
    match ends.duration_since(SystemTime::now()) {
        Ok(remaining) if remaining > MIN_REMAINING_TIME => {
            let remaining = duration_text(remaining);
            DoctorFinding::fine("certificates", format!("{what} is valid for {remaining}"))
        }
        Ok(remaining) => {
            let found = format!("{what} is valid for {} only", duration_text(remaining));
            DoctorFinding::warning("certificates", found, advice)
        }
        Err(_) => DoctorFinding::wrong("certificates", format!("{what} has expired"), advice),
    }
}

/// The files that the target names, and when each must be renewed.
fn own_files(target: &TargetChoice) -> anyhow::Result<Vec<(&'static str, SystemTime)>> {
    let files = tls_files(target);
    let expiries = files.expiries(&files.read()?)?;
    Ok(expiries.into_iter().map(|expiry| (expiry.setting, expiry.not_after)).collect())
}

/// When the first certificate of the chain that the server shows ends.
async fn handshake(target: &TargetChoice) -> anyhow::Result<SystemTime> {
    let address: http::Uri = target.address.parse().context("the address")?;
    let host = address.host().context("an address without a host")?;
    let host = host.trim_matches(['[', ']']).to_owned();
    let port = address.port_u16().unwrap_or(DEFAULT_TLS_PORT);
    let files = tls_files(target);
    let config = client_config(&files.parse(&files.read()?)?)?;
    let stream = TcpStream::connect((host.as_str(), port)).await.context("connecting")?;
    let name = ServerName::try_from(host).context("the address's host")?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let stream = stream.context("the TLS handshake")?;
    let (_, connection) = stream.get_ref();
    let chain = connection.peer_certificates().unwrap_or_default();
    let ends: anyhow::Result<Vec<SystemTime>> = chain
        .iter()
        .map(|certificate| Ok(CertificateNames::parse(certificate)?.not_after))
        .collect();
    ends?.into_iter().min().context("the server shows no certificate")
}

#[cfg(test)]
mod tests {
    use super::super::finding::FindingLevel;
    use super::*;

    #[test]
    fn what_ends_soon_is_told() {
        let level =
            |seconds: u64| judged("x", SystemTime::now() + Duration::from_secs(seconds)).level;
        assert_eq!(level(90 * 86_400), FindingLevel::Fine);
        assert_eq!(level(86_400), FindingLevel::Warning);
        let past = SystemTime::now() - Duration::from_secs(1);
        assert_eq!(judged("x", past).level, FindingLevel::Wrong);
    }
}
