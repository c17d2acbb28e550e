//! A subscription's secrets as its row holds them.
//!
//! Fed by the engines' writers with subscriptions and by their readers with rows; feeds
//! them sealed columns and subscriptions. Guarantees that no engine writes a secret that
//! is not sealed; that what is sealed opens only with the URL and the region for which it
//! was, and is not sent where it only signed; and that a data key is unwrapped once and then
//! remembered: reading a subscription costs two decryptions, and a delivery none.
//!
//! Keeps the invariant `secrets-encrypted`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use postrider_domain::assignment_key::AssignmentKey;
use postrider_domain::ids::TenantId;
use postrider_domain::secret::SecretText;
use postrider_domain::signature::SignatureScheme;
use postrider_domain::subscription::{RequestHeader, Subscription};
use postrider_domain::time::Timestamp;
use postrider_identity::AuditKey;
use postrider_secret_encryption::{
    DataKey, DataKeyId, DataKeyOwner, KeyEncryptionKeys, KeyError, SecretPlace, SecretUse,
    WrappedDataKey,
};
use serde::Serialize;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::codec;
use crate::error::{StoreError, StoreResult};

const SIGNING_KEYS_FIELD: &str = "signing_keys";
const HEADER_VALUES_FIELD: &str = "header_values";
const CREDENTIALS_FIELD: &str = "credentials";
/// Most data keys that are remembered; beyond it an arbitrary one is forgotten.
const MAX_CACHED_KEYS: usize = 20_000;
/// More than the JSON of credentials has beside what was given as PEM.
const CREDENTIALS_JSON_BYTES: usize = 64 * 1024;
/// A warning of a certificate that is due while the subscription is changed is not lost; one
/// that was published since has the same id, and counts once.
const WARNING_OVERLAP: Duration = Duration::from_secs(3600);
/// More than the JSON of a signing key has beside its secret.
const MAX_KEY_JSON_BYTES: usize = 256;

/// The id of the assignment key, which stands among the data keys and belongs to no tenant:
/// it is wrapped and turned over as they are.
pub(crate) const ASSIGNMENT_KEY_ID: Uuid = Uuid::from_u128(1);

/// The id of the key of the audit chains, which stands there likewise.
pub(crate) const AUDIT_KEY_ID: Uuid = Uuid::from_u128(2);

/// Whose both keys are; sorts before every tenant, and can be none.
pub(crate) fn no_tenant() -> TenantId {
    TenantId::from_stored("")
}

/// The assignment key among the data keys.
pub(crate) fn assignment_key_of(stored: &DataKey) -> StoreResult<AssignmentKey> {
    codec::fixed("the assignment key", stored.expose()).map(AssignmentKey::new)
}

/// The key of the audit chains among the data keys.
pub(crate) fn audit_key_of(stored: &DataKey) -> StoreResult<AuditKey> {
    codec::fixed("the audit key", stored.expose()).map(AuditKey::new)
}

/// The columns that hold a subscription's secrets.
pub(crate) struct SealedColumns {
    pub data_key: Uuid,
    pub signing_keys: Vec<u8>,
    pub header_values: Vec<u8>,
    /// Absent where the subscription has none, as all of them do that were written before
    /// there were any.
    pub credentials: Option<Vec<u8>>,
}

impl SealedColumns {
    /// Of columns of which the first three are null together: those of a subscription that
    /// is deleted.
    pub(crate) fn of(
        data_key: Option<Uuid>,
        signing_keys: Option<Vec<u8>>,
        header_values: Option<Vec<u8>>,
        credentials: Option<Vec<u8>>,
    ) -> StoreResult<Option<Self>> {
        match (data_key, signing_keys, header_values) {
            (Some(data_key), Some(signing_keys), Some(header_values)) => {
                Ok(Some(Self { data_key, signing_keys, header_values, credentials }))
            }
            (None, None, None) => Ok(None),
            _ => Err(codec::corrupt("a subscription has some of its secrets and not all")),
        }
    }

    /// As the columns are written.
    #[expect(clippy::type_complexity, reason = "four columns, taken apart where they are bound")]
    pub(crate) fn split(
        sealed: Option<Self>,
    ) -> (Option<Uuid>, Option<Vec<u8>>, Option<Vec<u8>>, Option<Vec<u8>>) {
        match sealed {
            Some(Self { data_key, signing_keys, header_values, credentials }) => {
                (Some(data_key), Some(signing_keys), Some(header_values), credentials)
            }
            None => (None, None, None, None),
        }
    }
}

/// When a subscription that is written now is warned of its certificates next.
pub fn certificate_warning(subscription: &Subscription) -> Option<Timestamp> {
    if subscription.delete_time.is_some() {
        return None;
    }
    let credentials = &subscription.settings.credentials;
    credentials.next_certificate_warning(subscription.update_time - WARNING_OVERLAP)
}

/// A row of a subscription.
pub(crate) struct SealedSubscription {
    /// Without its secrets.
    pub subscription: Subscription,
    pub sealed: Option<SealedColumns>,
}

/// Seals and opens with the data keys of tenants.
pub(crate) struct SecretSealer {
    keys: Arc<dyn KeyEncryptionKeys>,
    cached: Mutex<HashMap<(TenantId, DataKeyId), Arc<DataKey>>>,
}

impl SecretSealer {
    pub(crate) fn new(keys: Arc<dyn KeyEncryptionKeys>) -> Self {
        Self { keys, cached: Mutex::default() }
    }

    pub(crate) fn keys(&self) -> &dyn KeyEncryptionKeys {
        &*self.keys
    }

    pub(crate) fn cached(&self, tenant: &TenantId, id: Uuid) -> Option<Arc<DataKey>> {
        let cached = self.cached.lock();
        cached.get(&(tenant.clone(), DataKeyId(id))).cloned()
    }

    fn remember(&self, tenant: &TenantId, key: DataKey) -> Arc<DataKey> {
        let mut cached = self.cached.lock();
        if cached.len() >= MAX_CACHED_KEYS
            && let Some(other) = cached.keys().next().cloned()
        {
            cached.remove(&other);
        }
        let key = Arc::new(key);
        cached.insert((tenant.clone(), key.id()), Arc::clone(&key));
        key
    }

    /// Unwraps a data key that is not remembered.
    pub(crate) async fn unwrap_key(
        &self,
        tenant: &TenantId,
        id: Uuid,
        wrapped: &WrappedDataKey,
    ) -> StoreResult<Arc<DataKey>> {
        let owner = DataKeyOwner { tenant: tenant.as_str(), id: DataKeyId(id) };
        let key = self.keys.unwrap_key(owner, wrapped).await.map_err(store_error)?;
        Ok(self.remember(tenant, key))
    }

    /// Makes a data key, to be written down with the transaction that needs it.
    pub(crate) async fn generate(
        &self,
        tenant: &TenantId,
    ) -> StoreResult<(Arc<DataKey>, WrappedDataKey)> {
        let key = DataKey::generate().map_err(store_error)?;
        let wrapped = self.keys.wrap_key(tenant.as_str(), &key).await.map_err(store_error)?;
        Ok((self.remember(tenant, key), wrapped))
    }

    /// Wraps an assignment key as a data key of no tenant.
    pub(crate) async fn wrap_assignment_key(
        &self,
        key: &AssignmentKey,
    ) -> StoreResult<WrappedDataKey> {
        let key = DataKey::from_unwrapped(DataKeyId(ASSIGNMENT_KEY_ID), key.bytes());
        let key = key.ok_or_else(|| codec::corrupt("the assignment key has another length"))?;
        self.rewrap(&no_tenant(), &key).await
    }

    /// Draws a key for the audit chains, and wraps it as a data key of no tenant. It counts
    /// once it is stored, unless another replica was first, and is not remembered: the
    /// transaction that stores it may fail, and the next key has the same id.
    pub(crate) async fn draw_audit_key(&self) -> StoreResult<(AuditKey, WrappedDataKey)> {
        let drawn = DataKey::generate().map_err(store_error)?;
        let key = DataKey::from_unwrapped(DataKeyId(AUDIT_KEY_ID), drawn.expose());
        let key = key.ok_or_else(|| codec::corrupt("the audit key has another length"))?;
        let wrapped = self.rewrap(&no_tenant(), &key).await?;
        Ok((audit_key_of(&key)?, wrapped))
    }

    /// Wraps a data key anew.
    pub(crate) async fn rewrap(
        &self,
        tenant: &TenantId,
        key: &DataKey,
    ) -> StoreResult<WrappedDataKey> {
        self.keys.wrap_key(tenant.as_str(), key).await.map_err(store_error)
    }
}

/// The data keys of some rows.
#[derive(Default)]
pub(crate) struct RowKeys(HashMap<Uuid, Option<Arc<DataKey>>>);

impl RowKeys {
    /// Those that are remembered.
    pub(crate) fn of(sealer: &SecretSealer, rows: &[SealedSubscription]) -> Self {
        let mut keys = HashMap::new();
        for row in rows {
            if let Some(sealed) = &row.sealed {
                let cached = || sealer.cached(&row.subscription.tenant, sealed.data_key);
                keys.entry(sealed.data_key).or_insert_with(cached);
            }
        }
        Self(keys)
    }

    /// The ids of those that are not.
    pub(crate) fn missing(&self) -> Vec<Uuid> {
        let missing = self.0.iter().filter(|(_, key)| key.is_none());
        missing.map(|(id, _)| *id).collect()
    }

    pub(crate) fn add(&mut self, key: Arc<DataKey>) {
        self.0.insert(key.id().0, Some(key));
    }

    /// The subscriptions of rows, with their secrets.
    pub(crate) fn open_all(&self, rows: Vec<SealedSubscription>) -> StoreResult<Vec<Subscription>> {
        let open = |SealedSubscription { mut subscription, sealed }| {
            if let Some(sealed) = sealed {
                let opened = self.open(&mut subscription, &sealed);
                opened.map_err(|error| error.in_config(&subscription.key()))?;
            }
            Ok::<_, StoreError>(subscription)
        };
        rows.into_iter().map(open).collect()
    }

    fn open(&self, subscription: &mut Subscription, sealed: &SealedColumns) -> StoreResult<()> {
        let key = self.0.get(&sealed.data_key).and_then(Option::as_ref).ok_or_else(replaced)?;
        let open = |bytes: &[u8], field| {
            let opened = key.open(bytes, place(subscription, field)).map_err(store_error)?;
            Ok::<_, StoreError>(opened)
        };
        let signing_keys = open(&sealed.signing_keys, SIGNING_KEYS_FIELD)?;
        let values = open(&sealed.header_values, HEADER_VALUES_FIELD)?;
        let credentials = sealed.credentials.as_ref();
        let credentials = credentials.map(|bytes| open(bytes, CREDENTIALS_FIELD)).transpose()?;
        subscription.signing_keys = codec::from_json_bytes(SIGNING_KEYS_FIELD, &signing_keys)?;
        let values: Vec<SecretText> = codec::from_json_bytes(HEADER_VALUES_FIELD, &values)?;
        let headers = &mut subscription.settings.headers;
        if values.len() != headers.len() {
            return Err(codec::corrupt("a subscription has other headers than values of them"));
        }
        for (header, value) in headers.iter_mut().zip(values) {
            header.value = value;
        }
        if let Some(opened) = credentials {
            subscription.settings.credentials = codec::from_json_bytes(CREDENTIALS_FIELD, &opened)?;
        }
        Ok(())
    }
}

/// A row names a data key that is not there.
pub(crate) fn missing_key(tenant: &TenantId) -> StoreError {
    codec::corrupt("the data key of its secrets is not there").in_config(&tenant_name(tenant))
}

/// A tenant as errors name it.
pub(crate) fn tenant_name(tenant: &TenantId) -> String {
    format!("tenants/{tenant}")
}

/// A row was read before its tenant's data key was replaced, and the key after.
pub(crate) fn replaced() -> StoreError {
    StoreError::Unavailable("a data key was replaced while it was looked for".to_owned())
}

/// The columns of a subscription's secrets; `None` of one that is deleted.
pub(crate) fn seal(
    subscription: &Subscription,
    key: &DataKey,
) -> StoreResult<Option<SealedColumns>> {
    if subscription.delete_time.is_some() {
        return Ok(None);
    }
    let keys = &subscription.signing_keys;
    let secrets = keys.iter().map(|key| key.id.len() + 2 * key.secret.bytes().len());
    let room = secrets.map(|bytes| bytes + MAX_KEY_JSON_BYTES).sum();
    let signing_keys = json(keys, room)?;
    let headers = &subscription.settings.headers;
    let values: Vec<&SecretText> = headers.iter().map(|header| &header.value).collect();
    let room =
        headers.iter().map(|header: &RequestHeader| 2 * header.value.expose().len() + 4).sum();
    let values = json(&values, room)?;
    let seal = |text: &[u8], field| key.seal(text, place(subscription, field)).map_err(store_error);
    let given = &subscription.settings.credentials;
    let credentials = if given.is_empty() {
        None
    } else {
        Some(seal(&json(given, CREDENTIALS_JSON_BYTES)?, CREDENTIALS_FIELD)?)
    };
    Ok(Some(SealedColumns {
        data_key: key.id().0,
        signing_keys: seal(&signing_keys, SIGNING_KEYS_FIELD)?,
        header_values: seal(&values, HEADER_VALUES_FIELD)?,
        credentials,
    }))
}

fn place<'s>(subscription: &'s Subscription, field: &'s str) -> SecretPlace<'s> {
    let settings = &subscription.settings;
    SecretPlace {
        tenant: subscription.tenant.as_str(),
        subscription: subscription.id.as_str(),
        field,
        // As the row says it. Each change of a subscription seals anew.
        used: SecretUse {
            url: &settings.url,
            region: settings.region.as_str(),
            sends_keys: settings.schemes.iter().any(SignatureScheme::sends_key),
        },
    }
}

/// JSON that is wiped. With `room` for it, so that it need not be moved as it grows.
fn json(value: &impl Serialize, room: usize) -> StoreResult<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(Vec::with_capacity(room + 2));
    let written = serde_json::to_writer(&mut *text, value);
    written.map_err(|_| StoreError::Rejected("its secrets cannot be written".to_owned()))?;
    Ok(text)
}

pub(crate) fn store_error(error: KeyError) -> StoreError {
    match error {
        KeyError::Unavailable(_) => StoreError::Unavailable(error.to_string()),
        KeyError::NotSealedHere => StoreError::Corrupt(error.to_string()),
        KeyError::Missing(_)
        | KeyError::NoCurrentKey
        | KeyError::NotWrappedBy(_)
        | KeyError::NoRandomness => StoreError::Faulty(error.to_string()),
    }
}
