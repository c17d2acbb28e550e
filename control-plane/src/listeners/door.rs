//! The doors of a replica, by who comes in at them.
//!
//! Fed by nothing; feeds listeners, messages and log lines.

use std::fmt;
use std::sync::Arc;

use postrider_tls::CertificateNames;

/// Whether the holder of a certificate is somebody at a door.
pub type HolderCheck = Arc<dyn Fn(&CertificateNames) -> bool + Send + Sync>;

/// A listener by who comes in at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    Callers,
    Agents,
    Replicas,
}

impl Door {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Callers => "callers",
            Self::Agents => "agents",
            Self::Replicas => "replicas",
        }
    }

    pub(super) const fn listen_setting(self) -> &'static str {
        match self {
            Self::Callers => "server.listen",
            Self::Agents => "agents.listen",
            Self::Replicas => "replicas.listen",
        }
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
