//! A certificate authority for one test.
//!
//! Fed by a folder of the test's own; feeds replicas, agents, callers and
//! receivers with certificates, in memory and as PEM files. Guarantees that
//! nothing is trusted beyond the test, and can make the certificates that a
//! careful client refuses: another authority's, another name's, an expired one.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};

/// Names under which everything on this machine is reached.
pub const LOCAL_NAMES: &[&str] = &["localhost", "127.0.0.1"];

/// The SPIFFE trust domain of agents and replicas.
pub const TRUST_DOMAIN: &str = "postrider.test";

/// A certificate, its key, and the files that hold them.
#[derive(Clone, Debug)]
pub struct Identity {
    pub certificate_pem: String,
    pub key_pem: String,
    pub certificate_file: PathBuf,
    pub key_file: PathBuf,
}

impl Identity {
    /// For both programs: what it is and the key to it.
    pub fn arguments(&self) -> [&OsStr; 4] {
        let (certificate, key) = (self.certificate_file.as_os_str(), self.key_file.as_os_str());
        [OsStr::new("--tls-cert"), certificate, OsStr::new("--tls-key"), key]
    }
}

/// Who signs a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer {
    /// The authority that everything in the test trusts.
    Trusted,
    /// An authority that nothing trusts.
    Stranger,
}

/// What a certificate is for.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    pub common_name: &'a str,
    pub names: &'a [&'a str],
    /// A URI among its names, such as a SPIFFE id.
    pub uri: Option<&'a str>,
    pub signer: Signer,
    pub expired: bool,
}

struct Authority {
    certificate_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// Two authorities, one of them trusted.
pub struct Pki {
    folder: PathBuf,
    trusted: Authority,
    stranger: Authority,
}

impl Pki {
    /// Makes both authorities and writes the trusted one's certificate to `ca.pem`.
    pub fn create(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let pki = Self {
            folder: folder.to_owned(),
            trusted: authority("Postrider tests")?,
            stranger: authority("A stranger")?,
        };
        fs::write(pki.ca_file(), &pki.trusted.certificate_pem)?;
        Ok(pki)
    }

    /// The trusted authority's certificate.
    pub fn ca_pem(&self) -> &str {
        &self.trusted.certificate_pem
    }

    /// The certificate of the authority that nothing trusts.
    pub fn stranger_pem(&self) -> &str {
        &self.stranger.certificate_pem
    }

    /// The file that holds [`Self::ca_pem`].
    pub fn ca_file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// For somebody on this machine who is neither an agent nor a replica.
    pub fn caller(&self, name: &str) -> Result<Identity> {
        self.program(name, None)
    }

    /// For an agent of a region under this id.
    pub fn agent(&self, region: &str, id: &str) -> Result<Identity> {
        let path = format!("postrider/agent/{region}/{id}");
        self.program(id, Some(&format!("spiffe://{TRUST_DOMAIN}/{path}")))
    }

    /// For the doors of callers and agents, which are on this machine.
    pub fn server(&self, id: &str) -> Result<Identity> {
        self.program(id, None)
    }

    /// For a replica of this name among the others, who must not look for a host's name.
    pub fn replica(&self, id: &str) -> Result<Identity> {
        self.issue(&Wanted {
            common_name: id,
            names: &["replica.invalid"],
            uri: Some(&format!("spiffe://{TRUST_DOMAIN}/postrider/replica/{id}")),
            signer: Signer::Trusted,
            expired: false,
        })
    }

    fn program(&self, common_name: &str, uri: Option<&str>) -> Result<Identity> {
        let (names, signer) = (LOCAL_NAMES, Signer::Trusted);
        self.issue(&Wanted { common_name, names, uri, signer, expired: false })
    }

    /// The certificate of somebody on this machine who brings his own key.
    pub fn certify(&self, common_name: &str, key: &KeyPair) -> Result<String> {
        let (names, signer) = (LOCAL_NAMES, Signer::Trusted);
        let wanted = Wanted { common_name, names, uri: None, signer, expired: false };
        self.sign(&wanted, key)
    }

    /// Makes a certificate as it is wanted and writes it beside its key.
    pub fn issue(&self, wanted: &Wanted<'_>) -> Result<Identity> {
        let key = KeyPair::generate()?;
        let certificate_pem = self.sign(wanted, &key)?;
        // Several certificates can share a common name; their files must not.
        let stem = format!("{}-{}", wanted.common_name, uuid::Uuid::now_v7().simple());
        let identity = Identity {
            certificate_pem,
            key_pem: key.serialize_pem(),
            certificate_file: self.folder.join(format!("{stem}.pem")),
            key_file: self.folder.join(format!("{stem}.key")),
        };
        fs::write(&identity.certificate_file, &identity.certificate_pem)
            .with_context(|| format!("write {}", identity.certificate_file.display()))?;
        write_secret_file(&identity.key_file, &identity.key_pem)?;
        Ok(identity)
    }

    /// Signs a certificate, as PEM.
    fn sign(&self, wanted: &Wanted<'_>, key: &KeyPair) -> Result<String> {
        let names: Vec<String> = wanted.names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names)?;
        let uri = wanted.uri.map(|uri| uri.try_into().map(SanType::URI)).transpose()?;
        params.subject_alt_names.extend(uri);
        params.distinguished_name.push(DnType::CommonName, wanted.common_name);
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        if wanted.expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let issuer = match wanted.signer {
            Signer::Trusted => &self.trusted.issuer,
            Signer::Stranger => &self.stranger.issuer,
        };
        Ok(params.signed_by(key, issuer)?.pem())
    }
}

/// Writes a file that only its owner can read, as keys and tokens are kept.
pub fn write_secret_file(file: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(file)?;
    file.write_all(text.as_bytes())
}

fn authority(name: &str) -> Result<Authority> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
    ];
    let key = KeyPair::generate()?;
    let certificate_pem = params.self_signed(&key)?.pem();
    Ok(Authority { certificate_pem, issuer: Issuer::new(params, key) })
}
