//! The PEM files that the settings name.
//!
//! Fed by the settings; feeds what is built from certificates and keys. Guarantees that
//! a file is read only up to a limit, and that every error names the setting and the file.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::{Context as _, ensure};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use crate::certificate::CertificateNames;

/// Far more than any chain or bundle of authorities has.
const MAX_PEM_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// A file, and the setting that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PemFile {
    pub setting: &'static str,
    pub path: PathBuf,
}

impl PemFile {
    /// The file that a setting names; `None` where it is empty.
    pub fn named(setting: &'static str, path: &str) -> Option<Self> {
        (!path.is_empty()).then(|| Self { setting, path: path.into() })
    }

    fn described(&self) -> String {
        format!("{}: {}", self.setting, self.path.display())
    }

    fn read(&self) -> anyhow::Result<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(Vec::new());
        let file = File::open(&self.path)
            .with_context(|| format!("{}: cannot read {}", self.setting, self.path.display()))?;
        let read = file.take(MAX_PEM_FILE_BYTES + 1).read_to_end(&mut bytes);
        let read = read.with_context(|| format!("{}: cannot be read", self.described()))?;
        let is_bounded = u64::try_from(read).is_ok_and(|read| read <= MAX_PEM_FILE_BYTES);
        ensure!(is_bounded, "{}: larger than {MAX_PEM_FILE_BYTES} bytes", self.described());
        Ok(bytes)
    }
}

/// A certificate with its key, if there is one, and the authorities that others must be
/// signed by, in as many files as are named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PemFiles {
    /// The chain and its key.
    pub identity: Option<(PemFile, PemFile)>,
    pub authorities: Vec<PemFile>,
}

/// What the files hold, byte for byte.
#[derive(Default, PartialEq, Eq)]
pub struct PemContents {
    certificate: Zeroizing<Vec<u8>>,
    key: Zeroizing<Vec<u8>>,
    /// Of each file.
    authorities: Vec<Zeroizing<Vec<u8>>>,
}

/// What the files say.
pub struct TlsMaterial {
    /// The certificate first, and then those that lead to its root.
    pub chain: Vec<CertificateDer<'static>>,
    pub key: Option<PrivateKeyDer<'static>>,
    pub authorities: Vec<CertificateDer<'static>>,
}

/// Until when the certificates of a file are valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertificateExpiry {
    pub setting: &'static str,
    pub not_after: SystemTime,
}

impl PemFiles {
    /// Reads all files.
    pub fn read(&self) -> anyhow::Result<PemContents> {
        let mut contents = PemContents::default();
        if let Some((certificate, key)) = &self.identity {
            contents.certificate = certificate.read()?;
            contents.key = key.read()?;
        }
        contents.authorities =
            self.authorities.iter().map(PemFile::read).collect::<anyhow::Result<_>>()?;
        Ok(contents)
    }

    /// Parses what was read.
    pub fn parse(&self, contents: &PemContents) -> anyhow::Result<TlsMaterial> {
        let (mut chain, mut key, mut authorities) = (Vec::new(), None, Vec::new());
        if let Some((certificate_file, key_file)) = &self.identity {
            chain = certificates(certificate_file, &contents.certificate)?;
            let parsed = PrivateKeyDer::from_pem_slice(&contents.key)
                .with_context(|| format!("{}: no private key in PEM", key_file.described()))?;
            key = Some(parsed);
        }
        for (file, pem) in self.authorities.iter().zip(&contents.authorities) {
            authorities.extend(certificates(file, pem)?);
        }
        Ok(TlsMaterial { chain, key, authorities })
    }

    /// When each file must be renewed: a chain with its first certificate that ends, a file
    /// of authorities with its last, since several stand beside each other in a rotation.
    pub fn expiries(&self, contents: &PemContents) -> anyhow::Result<Vec<CertificateExpiry>> {
        let ends = |certificates: &[CertificateDer<'_>]| -> anyhow::Result<Vec<SystemTime>> {
            let ends = certificates.iter();
            ends.map(|der| Ok(CertificateNames::parse(der)?.not_after)).collect()
        };
        let mut expiries = Vec::new();
        if let Some((file, _)) = &self.identity
            && let Some(not_after) =
                ends(&certificates(file, &contents.certificate)?)?.into_iter().min()
        {
            expiries.push(CertificateExpiry { setting: file.setting, not_after });
        }
        for (file, pem) in self.authorities.iter().zip(&contents.authorities) {
            if let Some(not_after) = ends(&certificates(file, pem)?)?.into_iter().max() {
                expiries.push(CertificateExpiry { setting: file.setting, not_after });
            }
        }
        Ok(expiries)
    }

    /// Whether no file is named.
    pub fn is_empty(&self) -> bool {
        self.identity.is_none() && self.authorities.is_empty()
    }

    /// Every setting of a file with certificates.
    pub fn certificate_settings(&self) -> Vec<&'static str> {
        let own = self.identity.iter().map(|(certificate, _)| certificate.setting);
        own.chain(self.authorities.iter().map(|file| file.setting)).collect()
    }

    /// The files, for a message about what they hold together.
    pub fn described(&self) -> String {
        let own = self.identity.iter().flat_map(|(certificate, key)| [certificate, key]);
        let all: Vec<String> = own.chain(&self.authorities).map(PemFile::described).collect();
        all.join(", ")
    }
}

/// The certificates of a PEM text, at least one.
fn certificates(file: &PemFile, pem: &[u8]) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let mut parsed = Vec::new();
    for der in CertificateDer::pem_slice_iter(pem) {
        let der = der.with_context(|| format!("{}: not PEM", file.described()))?;
        CertificateNames::parse(&der).with_context(|| file.described())?;
        parsed.push(der);
    }
    ensure!(!parsed.is_empty(), "{}: no certificate in PEM", file.described());
    Ok(parsed)
}
