//! The `keys` commands: make a key, show which are in use, turn keys over.
//!
//! Fed by the command line; feeds people, and the store step by step. Turning keys over
//! goes on beside replicas that serve, and a run that is interrupted is finished by the
//! next.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use postrider_identity::{AuditFields, AuditOrigin};
use postrider_secret_encryption::{KeyEncryptionKeys as _, KeyId, LocalKeys, generate_key_entry};
use postrider_store::Store;

use super::{open_store, require_keys};
use crate::settings::{Settings, add_key_to_file, holds_key, is_open_to_others};

/// Data keys, or subscriptions, of one step.
const STEP_ROWS: u32 = 100;
/// How often a rewrite is tried while others hold locks on what it rewrites.
const MAX_REWRITE_TRIES: u32 = 20;
const REWRITE_RETRY_PAUSE: Duration = Duration::from_secs(3);

/// As records name the command.
const REWRAP_RECORD: &str = "postrider keys rewrap";

/// Makes a key: adds it to the file, or prints it.
pub fn create(id: &str, file: Option<&Path>) -> anyhow::Result<()> {
    let id: KeyId = id.parse().context("--id")?;
    let Some(file) = file else {
        let entry = generate_key_entry(&id).context("the system gives no random bytes")?;
        println!("{}", *entry);
        return Ok(());
    };
    ensure!(!holds_key(file, &id)?, "--id: {} has a key \"{id}\" already", file.display());
    add_key_to_file(file, &id)?;
    if is_open_to_others(file) {
        eprintln!("warning: others can read or write {}: chmod 600 closes it", file.display());
    }
    let file = file.display();
    println!("the key \"{id}\" is in {file}; keep a copy where the database's backups are not");
    Ok(())
}

/// Prints which keys are given, and how many data keys each wraps.
pub async fn list(settings: &Settings) -> anyhow::Result<()> {
    let keys = Arc::new(settings.keys.load()?);
    let store = open(settings, &keys).await?;
    let counts = store.count_data_keys().await?;
    store.close().await;
    for id in keys.ids() {
        let wraps = counts.iter().find(|used| used.by == *id).map_or(0, |used| used.count);
        let current = if keys.current() == Some(id) { ", current" } else { "" };
        println!("{id}: wraps {wraps} data keys{current}");
    }
    for used in counts.iter().filter(|used| !keys.holds(&used.by)) {
        println!("{}: wraps {} data keys, MISSING", used.by, used.count);
    }
    Ok(())
}

/// Wraps all data keys by the current key; with `data`, makes new data keys and seals all
/// secrets by them. Then rewrites the tables, so that nothing is left of what was there.
pub async fn rewrap(settings: &Settings, data: bool) -> anyhow::Result<()> {
    let keys = Arc::new(settings.keys.load()?);
    let store = open(settings, &keys).await?;
    require_keys(&*store, &keys).await?;
    if let Some(key) = keys.current() {
        // Which keys a replica has nobody but itself knows.
        eprintln!(
            "every replica that runs must have the key \"{key}\": one that lacks it answers \
             UNAVAILABLE from now on; give it the key and restart it"
        );
    }
    let now = store.now().await?;
    let mut wanted = AuditFields::none();
    wanted.text("current", keys.current().map_or("", KeyId::as_str)).json("data", &data);
    store.begin_audit_log(now).await?;
    let audit = AuditOrigin::command(REWRAP_RECORD).draft("dataKeys", now);
    store.append_audit_record(&audit.with_changes(&AuditFields::none(), &wanted)).await?;
    let mut rewrapped = 0;
    loop {
        let step = store.rewrap_data_keys(STEP_ROWS).await?;
        if step == 0 {
            break;
        }
        rewrapped += step;
        println!("data keys wrapped by the current key: {rewrapped}");
    }
    let key = keys.current().map(KeyId::as_str);
    tracing::info!(key, count = rewrapped, "data keys are wrapped by the current key");
    if data {
        replace_data_keys(&*store).await?;
    }
    rewrite(&*store).await.context(
        "all keys are turned over, but the tables were not rewritten; run this again for that",
    )?;
    store.close().await;
    println!("done: the tables are rewritten; data keys wrapped anew: {rewrapped}");
    Ok(())
}

async fn replace_data_keys(store: &dyn Store) -> anyhow::Result<()> {
    let since = store.now().await?;
    let (mut tenants, mut subscriptions) = (0, 0);
    let mut last = None;
    while let Some(tenant) = store.next_keyed_tenant(last.as_ref()).await? {
        loop {
            let step = store.replace_data_key(&tenant, since, STEP_ROWS).await?;
            subscriptions += step.resealed;
            if step.is_last {
                break;
            }
        }
        tenants += 1;
        last = Some(tenant);
    }
    tracing::info!(tenants, subscriptions, "tenants have new data keys, which seal their secrets");
    println!(
        "tenants with new data keys: {tenants}; subscriptions sealed by them: {subscriptions}"
    );
    Ok(())
}

async fn rewrite(store: &dyn Store) -> anyhow::Result<()> {
    let mut tries = 0;
    loop {
        tries += 1;
        match store.rewrite_secrets().await {
            Err(error) if error.is_transient() && tries < MAX_REWRITE_TRIES => {
                eprintln!("the tables cannot be rewritten yet: {error}");
                tokio::time::sleep(REWRITE_RETRY_PAUSE).await;
            }
            outcome => return Ok(outcome?),
        }
    }
}

async fn open(settings: &Settings, keys: &Arc<LocalKeys>) -> anyhow::Result<Arc<dyn Store>> {
    let mut settings = settings.clone();
    // The replicas beside decide when.
    settings.database.migrate_at_start = false;
    open_store(&settings, Arc::<LocalKeys>::clone(keys), Arc::new(())).await
}
