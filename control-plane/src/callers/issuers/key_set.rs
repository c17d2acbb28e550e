//! The keys of one issuer.
//!
//! Fed by a file or an address; feeds the verification of JWTs. Guarantees that keys are
//! fetched at most once a minute, however many unknown keys callers name; that a call with
//! an unknown key waits for the fetch, its own or another's; that one with a key which
//! still counts waits half a second at most, and not at all while the issuer is known to be
//! away; and that keys which could not be fetched again count for an hour at most.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use parking_lot::Mutex;
use tokio::task::JoinHandle;

use super::fetch::{KeyAddress, MAX_KEY_SET_BYTES};
use crate::settings::IssuerSettings;

/// Between two fetches that succeed. An issuer shows a new key for far longer before it
/// signs with it.
const FETCH_INTERVAL: Duration = Duration::from_secs(60);
/// The same after one that failed, from its end. As long as a fetch may take.
const FETCH_RETRY_INTERVAL: Duration = Duration::from_secs(5);
/// After this keys are fetched again, so that withdrawn ones stop counting. A caching
/// client of an issuer usually waits as long.
const KEY_REFRESH_AGE: Duration = Duration::from_secs(300);
/// After this they no longer count. An outage of the issuer is often shorter, and a JWT
/// lives for about as long.
const MAX_KEY_AGE: Duration = Duration::from_secs(3600);
/// For so long a call waits for newer keys while an older one counts. An issuer that is well
/// answers sooner, so that a withdrawn key stops counting; one that is away holds no call up.
const MAX_REFRESH_WAIT: Duration = Duration::from_millis(500);
/// Most keys of one issuer. Two or three are usual.
const MAX_KEYS: usize = 64;

pub(in crate::callers) struct IssuerKey {
    id: Option<String>,
    algorithm: Option<Algorithm>,
    family: jsonwebtoken::AlgorithmFamily,
    key: Arc<DecodingKey>,
}

enum KeySource {
    File(PathBuf),
    Address(KeyAddress),
}

impl KeySource {
    /// As the log names it.
    fn place(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Address(address) => address.place(),
        }
    }
}

#[derive(Default)]
struct KeySetState {
    keys: Vec<IssuerKey>,
    fetched: Option<Instant>,
    /// When the next fetch may begin.
    next_fetch: Option<Instant>,
    /// Whether the last fetch failed.
    failed: bool,
}

/// The keys of one issuer, as they were read last.
pub struct KeySet {
    source: KeySource,
    state: Mutex<KeySetState>,
    /// Held by who fetches.
    fetching: Arc<tokio::sync::Mutex<()>>,
}

/// Held while keys are fetched.
type FetchTurn = tokio::sync::OwnedMutexGuard<()>;

impl KeySet {
    /// Reads the file, in which there must be keys; an address is asked when one is needed.
    pub fn new(settings: &IssuerSettings) -> anyhow::Result<Self> {
        let source = match settings.jwks_file.is_empty() {
            true => KeySource::Address(KeyAddress::new(settings)?),
            false => KeySource::File(settings.jwks_file.clone().into()),
        };
        let mut state = KeySetState::default();
        if let KeySource::File(path) = &source {
            let keys = read_file(path).context("jwks_file")?;
            // Whoever means to accept nobody's tokens names no issuer.
            anyhow::ensure!(!keys.is_empty(), "jwks_file: no key of {} is used", path.display());
            state.take(keys, Instant::now());
        }
        Ok(Self { source, state: Mutex::new(state), fetching: Arc::default() })
    }

    /// The key by which a JWT was signed; an error says why there is none.
    pub async fn find(
        self: &Arc<Self>,
        id: Option<&str>,
        algorithm: Algorithm,
        now: Instant,
    ) -> Result<Arc<DecodingKey>, &'static str> {
        if let Some(key) = self.known(id, algorithm, KEY_REFRESH_AGE, now) {
            return Ok(key);
        }
        if let Some(older) = self.known(id, algorithm, MAX_KEY_AGE, now) {
            if !self.refresh_in_time(now).await {
                return Ok(older);
            }
        } else {
            let turn = Arc::clone(&self.fetching).lock_owned().await;
            // One that fails is told there.
            let _ = self.begin_fetch(turn, now).await;
        }
        let known = self.known(id, algorithm, MAX_KEY_AGE, now);
        known.ok_or("its key is not known, or the issuer's keys cannot be fetched")
    }

    /// Whether [`KeySet::find`] waits for a fetch if it is called now. The moment in which it
    /// waits for newer keys, while an older one counts, is no wait here: one call has it at once.
    pub fn would_wait(&self, id: Option<&str>, algorithm: Algorithm, now: Instant) -> bool {
        if self.known(id, algorithm, MAX_KEY_AGE, now).is_some() {
            return false;
        }
        let is_due = self.state.lock().is_due(now);
        is_due || self.fetching.try_lock().is_err()
    }

    /// Has the keys fetched in the background, if that is due and nobody does; whether it
    /// ended in time.
    async fn refresh_in_time(self: &Arc<Self>, now: Instant) -> bool {
        let failed = {
            let state = self.state.lock();
            if !state.is_due(now) {
                return false;
            }
            state.failed
        };
        let Ok(turn) = Arc::clone(&self.fetching).try_lock_owned() else { return false };
        let fetch = self.begin_fetch(turn, now);
        !failed && tokio::time::timeout(MAX_REFRESH_WAIT, fetch).await.is_ok()
    }

    /// Fetches in a task, which goes on if the call is given up: its end decides when the
    /// next one may begin.
    fn begin_fetch(self: &Arc<Self>, turn: FetchTurn, now: Instant) -> JoinHandle<()> {
        let keys = Arc::clone(self);
        tokio::spawn(async move { keys.fetch(turn, now).await })
    }

    fn known(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
        age: Duration,
        now: Instant,
    ) -> Option<Arc<DecodingKey>> {
        let state = self.state.lock();
        state.fetched.filter(|at| now.saturating_duration_since(*at) < age)?;
        let fits = |key: &&IssuerKey| {
            key.family == algorithm.family() && key.algorithm.is_none_or(|own| own == algorithm)
        };
        let found = match id {
            Some(id) => state.keys.iter().filter(fits).find(|key| key.id.as_deref() == Some(id)),
            // Which of several it was nobody can say.
            None => match state.keys.iter().filter(fits).collect::<Vec<_>>().as_slice() {
                [only] => Some(*only),
                _ => None,
            },
        };
        found.map(|key| Arc::clone(&key.key))
    }

    /// Fetches the keys, unless that was done a moment ago.
    async fn fetch(&self, _turn: FetchTurn, now: Instant) {
        if !self.state.lock().is_due(now) {
            return;
        }
        let began = Instant::now();
        let read = match &self.source {
            KeySource::File(path) => read_file(path),
            KeySource::Address(address) => address.fetch().await.and_then(|text| parse(&text)),
        };
        let end = now + began.elapsed();
        let mut state = self.state.lock();
        let had_failed = std::mem::replace(&mut state.failed, read.is_err());
        match read {
            Ok(keys) => {
                state.next_fetch = Some(now + FETCH_INTERVAL);
                state.take(keys, now);
                drop(state);
                if had_failed {
                    tracing::info!(
                        place = self.source.place(),
                        "the keys of an issuer can be read again"
                    );
                }
            }
            Err(error) => {
                state.next_fetch = Some(end + FETCH_RETRY_INTERVAL);
                drop(state);
                let error = format!("{error:#}");
                if had_failed {
                    tracing::debug!(
                        place = self.source.place(),
                        error,
                        "the keys of an issuer still cannot be read"
                    );
                } else {
                    tracing::warn!(
                        place = self.source.place(),
                        error,
                        "the keys of an issuer cannot be read; callers with its tokens are refused once known keys are too old"
                    );
                }
            }
        }
    }
}

impl KeySetState {
    fn is_due(&self, now: Instant) -> bool {
        self.next_fetch.is_none_or(|next| next <= now)
    }

    fn take(&mut self, keys: Vec<IssuerKey>, now: Instant) {
        self.keys = keys;
        self.fetched = Some(now);
    }
}

fn read_file(path: &PathBuf) -> anyhow::Result<Vec<IssuerKey>> {
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&text).with_context(|| path.display().to_string())
}

/// The keys that verify signatures; others are left out.
pub(in crate::callers) fn parse(text: &[u8]) -> anyhow::Result<Vec<IssuerKey>> {
    anyhow::ensure!(text.len() <= MAX_KEY_SET_BYTES, "the key set is too large");
    let set: JwkSet = serde_json::from_slice(text).context("it is no JSON Web Key Set")?;
    let signs = |key: &&Jwk| {
        key.common.public_key_use.as_ref().is_none_or(|it| *it == PublicKeyUse::Signature)
    };
    let keys = set.keys.iter().filter(signs).filter_map(|jwk| {
        let key = DecodingKey::from_jwk(jwk).ok()?;
        let family = key.family();
        if family == jsonwebtoken::AlgorithmFamily::Hmac {
            return None;
        }
        let algorithm = match jwk.common.key_algorithm {
            Some(named) => Some(named.to_string().parse().ok()?),
            None => None,
        };
        let id = jwk.common.key_id.clone();
        Some(IssuerKey { id, algorithm, family, key: Arc::new(key) })
    });
    Ok(keys.take(MAX_KEYS).collect())
}
