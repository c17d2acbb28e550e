//! Reads resolv.conf and the hosts file, and notices changes.
//!
//! A missing or empty file means what resolv.conf(5) says. A change is noticed within
//! two seconds.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use hickory_resolver::Hosts;
use hickory_resolver::config::{ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use parking_lot::Mutex;

/// How often the files are looked at. Two calls of the system; an edit of these files
/// counts before anybody wonders.
const FILE_CHECK_INTERVAL: Duration = Duration::from_secs(2);
/// Larger files are a mistake. Hosts files that block advertisements have a few megabytes.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;
/// "If no nameserver entries are present, the default is to use the name server on
/// the local machine."
const LOCAL_NAME_SERVER: &[u8] = b"\nnameserver 127.0.0.1\n";

/// When a file was changed, and its length; none when it cannot be read.
type FileStamp = Option<(SystemTime, u64)>;
/// Of both files.
pub type FileStamps = [FileStamp; 2];

/// The two files.
pub struct SystemFiles {
    resolv_conf: PathBuf,
    hosts: PathBuf,
    looked: Mutex<Option<(Instant, FileStamps)>>,
}

impl SystemFiles {
    /// Opens nothing.
    pub fn new(resolv_conf: PathBuf, hosts: PathBuf) -> Self {
        Self { resolv_conf, hosts, looked: Mutex::default() }
    }

    /// Changes when one of the files has changed.
    pub async fn stamps(&self) -> FileStamps {
        let looked = *self.looked.lock();
        if let Some((at, stamps)) = looked
            && at.elapsed() < FILE_CHECK_INTERVAL
        {
            return stamps;
        }
        let stamps = [stamp(&self.resolv_conf).await, stamp(&self.hosts).await];
        let mut looked = self.looked.lock();
        *looked = Some((Instant::now(), stamps));
        stamps
    }

    /// Name servers, search list and options.
    pub async fn resolver_settings(&self) -> Result<(ResolverConfig, ResolverOpts), String> {
        let mut text = match read(&self.resolv_conf).await {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(format!("{}: {error}", self.resolv_conf.display())),
        };
        let names_none = |text: &[u8]| {
            let lines = text.split(|byte| *byte == b'\n');
            !lines.into_iter().any(|line| line.trim_ascii_start().starts_with(b"nameserver"))
        };
        if names_none(&text) {
            text.extend_from_slice(LOCAL_NAME_SERVER);
        }
        parse(&text).map_err(|error| format!("{}: {error}", self.resolv_conf.display()))
    }

    /// The names of the hosts file; what cannot be read has none.
    pub async fn hosts(&self) -> Hosts {
        let mut hosts = Hosts::default();
        let text = match read(&self.hosts).await {
            Ok(text) => text,
            Err(error) => {
                tracing::debug!(%error, file = %self.hosts.display(), "there is no hosts file");
                return hosts;
            }
        };
        if let Err(error) = hosts.read_hosts_conf(text.as_slice()) {
            tracing::warn!(%error, file = %self.hosts.display(), "the hosts file cannot be used");
        }
        hosts
    }
}

#[cfg(not(target_vendor = "apple"))]
fn parse(text: &[u8]) -> Result<(ResolverConfig, ResolverOpts), NetError> {
    hickory_resolver::system_conf::parse_resolv_conf(text)
}

/// There the file is a copy of what the system configuration says.
#[cfg(target_vendor = "apple")]
fn parse(_: &[u8]) -> Result<(ResolverConfig, ResolverOpts), NetError> {
    hickory_resolver::system_conf::read_system_conf()
}

async fn stamp(file: &Path) -> FileStamp {
    let found = tokio::fs::metadata(file).await.ok()?;
    Some((found.modified().ok()?, found.len()))
}

async fn read(file: &Path) -> io::Result<Vec<u8>> {
    if tokio::fs::metadata(file).await?.len() > MAX_FILE_BYTES {
        return Err(io::Error::other("the file is too large"));
    }
    tokio::fs::read(file).await
}
