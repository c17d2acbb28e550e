//! Tenants whose configuration cannot be read.
//!
//! Fed by the cache with what each read came to; feeds the log, and the sweep with how many
//! there are. Guarantees that each is told by name, once, and again when it can be read.
//!
//! Keeps the invariant `bad-row-isolated`.

use std::collections::HashMap;

use parking_lot::Mutex;
use postrider_domain::ids::TenantId;
use postrider_store::{StoreError, StoreResult};

/// Most tenants that are remembered, and so told; each is a line of the log.
const MAX_NOTED_TENANTS: usize = 1000;

/// What cannot be read of which tenant.
#[derive(Default)]
pub(super) struct UnreadableTenants(Mutex<HashMap<TenantId, String>>);

impl UnreadableTenants {
    pub(super) fn count(&self) -> usize {
        self.0.lock().len()
    }

    /// A tenant's configuration was read, or not.
    pub(super) fn note<T>(&self, tenant: &TenantId, read: &StoreResult<T>) {
        match read {
            Err(error) if error.is_of_one_tenant() => {
                self.note_unreadable(tenant, error);
            }
            Ok(_) => self.note_readable(tenant),
            Err(_) => {}
        }
    }

    /// Whether it is told.
    fn note_unreadable(&self, tenant: &TenantId, error: &StoreError) -> bool {
        let mut noted = self.0.lock();
        let problem = error.to_string();
        let is_known = noted.get(tenant) == Some(&problem);
        let has_room = noted.len() < MAX_NOTED_TENANTS || noted.contains_key(tenant);
        if is_known || !has_room {
            return false;
        }
        noted.insert(tenant.clone(), problem);
        drop(noted);
        tracing::error!(
            %tenant,
            %error,
            "a tenant's configuration cannot be read; its events are refused"
        );
        true
    }

    fn note_readable(&self, tenant: &TenantId) {
        if self.0.lock().remove(tenant).is_some() {
            tracing::info!(%tenant, "a tenant's configuration can be read again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unreadable(id: &str) -> StoreError {
        StoreError::UnreadableConfig {
            resource: format!("tenants/acme/subscriptions/{id}"),
            problem: "settings is no JSON".to_owned(),
        }
    }

    #[test]
    fn each_problem_is_told_once_until_it_is_over() {
        let tenants = UnreadableTenants::default();
        let acme: TenantId = "acme".parse().unwrap();
        assert!(tenants.note_unreadable(&acme, &unreadable("erp")));
        assert!(!tenants.note_unreadable(&acme, &unreadable("erp")));
        assert!(tenants.note_unreadable(&acme, &unreadable("crm")), "another row");
        tenants.note::<()>(&acme, &Err(StoreError::Unavailable("away".to_owned())));
        assert_eq!(tenants.count(), 1, "an outage says nothing of the row");
        tenants.note(&acme, &Ok(()));
        assert_eq!(tenants.count(), 0);
        assert!(tenants.note_unreadable(&acme, &unreadable("erp")));
    }

    #[test]
    fn so_many_are_told_and_no_more() {
        let tenants = UnreadableTenants::default();
        for number in 0..=MAX_NOTED_TENANTS {
            let id: TenantId = format!("t{number}").parse().unwrap();
            assert_eq!(
                tenants.note_unreadable(&id, &unreadable("erp")),
                number < MAX_NOTED_TENANTS
            );
        }
        assert_eq!(tenants.count(), MAX_NOTED_TENANTS);
    }
}
