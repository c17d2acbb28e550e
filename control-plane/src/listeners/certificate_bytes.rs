//! The bytes that are being received from all who show the same certificate.
//!
//! Fed by `accept` with each connection; feeds it the count that the connection shares.
//! Guarantees that nobody gets a larger part by connecting more often.

use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use postrider_tls::CertificateNames;

/// The counts of the certificates that have connections, by all of their names: a certificate
/// that replaces another has the same.
#[derive(Default)]
pub(super) struct CertificateBytes(Mutex<HashMap<String, Weak<AtomicUsize>>>);

impl CertificateBytes {
    /// The count that a connection shares with others that showed these names.
    pub fn shared(&self, names: &CertificateNames) -> Arc<AtomicUsize> {
        let mut counts = self.0.lock();
        counts.retain(|_, count| count.strong_count() > 0);
        let count = counts.entry(names.holder()).or_default();
        count.upgrade().unwrap_or_else(|| {
            let fresh = Arc::default();
            *count = Arc::downgrade(&fresh);
            fresh
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn names(common_name: &str) -> CertificateNames {
        CertificateNames {
            uris: Vec::new(),
            dns_names: Vec::new(),
            common_name: Some(common_name.to_owned()),
            subject: format!("CN={common_name}"),
            not_after: SystemTime::now(),
        }
    }

    #[test]
    fn connections_with_the_same_certificate_share_a_count() {
        let counts = CertificateBytes::default();
        let first = counts.shared(&names("a"));
        assert!(Arc::ptr_eq(&first, &counts.shared(&names("a"))));
        let other = counts.shared(&names("b"));
        assert!(!Arc::ptr_eq(&first, &other));
        drop((first, other));
        drop(counts.shared(&names("c")));
        assert_eq!(counts.0.lock().len(), 1, "nobody is remembered for good");
    }
}
