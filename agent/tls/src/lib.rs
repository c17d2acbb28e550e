//! What both programs need of TLS.
//!
//! Fed by PEM files and by certificates that were shown; feeds listeners, dialers and
//! metrics of both programs. Guarantees that files which are wrong change nothing: the
//! last good ones stay in force. Knows nothing of what Postrider does.
//!
//! - `pem_files`: what the settings name. `reloading`: read again when it changes.
//! - `config`: both ends of a connection. `server_trust`: rules of which servers are accepted.
//!   `dialer`: connecting.
//! - `certificate`: the names in one. `credentials`: those that are given as text.
//! - `provider`: what encrypts.

mod certificate;
mod config;
mod credentials;
mod dialer;
mod pem_files;
mod provider;
mod reloading;
mod server_trust;

pub use certificate::CertificateNames;
pub use config::{
    ClientCertificates, NameCheck, client_config, client_config_by_names, server_config, with_http1,
};
pub use credentials::{CertificateDescription, read_certificate_list, read_certified_key};
pub use dialer::TlsDialer;
pub use pem_files::{CertificateExpiry, PemFile, PemFiles, TlsMaterial};
pub use provider::crypto_provider;
pub use reloading::{Reloading, WatchedCertificates};
pub use server_trust::{ServerTrust, TrustVerifier};
