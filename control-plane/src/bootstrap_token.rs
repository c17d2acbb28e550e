//! `postrider bootstrap-token`: a token made at the database, without a server.
//!
//! Fed by the command line; feeds the table of tokens, and the terminal with the token's
//! text, once. Whoever may write the database may make any token.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use clap::{ArgGroup, Args};
use postrider_domain::ids::TenantId;
use postrider_domain::limits::{MAX_DISPLAY_NAME_CHARS, is_unprintable};
use postrider_identity::{
    AuditChain, AuditFields, AuditOrigin, Grant, GrantScope, IssuedToken, Role, TokenKind,
};
use postrider_store::TokenCreation;

use crate::audited_fields;
use crate::serve;
use crate::settings::Settings;
use crate::state::tokens::{COMMAND_TOKEN_BOUNDS, MAX_TOKENS};

/// Who makes a token at the command line, as the list of tokens shows it.
const COMMAND_CREATOR: &str = "command:bootstrap-token";

const MIN_LIFETIME: Duration = Duration::from_secs(1);
/// Ten years.
const MAX_LIFETIME: Duration = Duration::from_secs(3660 * 86_400);

/// As records name the command.
const COMMAND_RECORD: &str = "postrider bootstrap-token";

/// Which token to make.
#[derive(Args)]
#[command(group(ArgGroup::new("scope").args(["tenant", "installation"]).required(true)))]
pub struct BootstrapTokenArguments {
    /// publisher, reader, subscription-manager, operator, autoscaler or administrator; may
    /// be given several times.
    #[arg(long, value_name = "ROLE", required = true, value_delimiter = ',')]
    role: Vec<Role>,
    /// A tenant in which the roles hold; may be given several times.
    #[arg(long, value_name = "TENANT", value_delimiter = ',')]
    tenant: Vec<TenantId>,
    /// The roles hold in the whole installation.
    #[arg(long)]
    installation: bool,
    /// How long it is valid, as in 90d, 12h or 1h30m; until it is revoked unless given.
    #[arg(long, value_name = "SPAN", value_parser = lifetime)]
    ttl: Option<Duration>,
    /// What people call it.
    #[arg(long, value_name = "NAME", default_value = "")]
    display_name: String,
}

/// Makes the token and prints it.
pub async fn create(settings: Settings, wanted: BootstrapTokenArguments) -> anyhow::Result<()> {
    check_display_name(&wanted.display_name)
        .map_err(|problem| anyhow!("--display-name {problem}"))?;
    let tenants = wanted.tenant.clone();
    let scope = match wanted.installation {
        true => GrantScope::Installation,
        false => GrantScope::Tenants(wanted.tenant.into_iter().collect()),
    };
    let grants: Vec<Grant> =
        wanted.role.into_iter().map(|role| Grant { role, scope: scope.clone() }).collect();
    Grant::check_all(&grants).context("--role, --tenant")?;
    let keys = Arc::new(settings.keys.load()?);
    // Its record is signed by a key that is stored wrapped.
    let store = serve::open_readable_store(&settings, keys, Arc::new(())).await?;
    for tenant in &tenants {
        let known = store.get_tenant(tenant).await?;
        if known.is_none_or(|known| known.delete_time.is_some()) {
            eprintln!("warning: --tenant: there is no tenant \"{tenant}\" now");
        }
    }
    let now = store.now().await?;
    let secret = zeroize::Zeroizing::new(rand::random());
    let mut token = IssuedToken::new(rand::random(), &secret, TokenKind::Service, grants, now);
    token.record.display_name = wanted.display_name;
    token.record.created_by = COMMAND_CREATOR.to_owned();
    token.record.expire_time = wanted.ttl.map(|span| now + span);
    let audit =
        AuditOrigin::command(COMMAND_RECORD).draft(&format!("tokens/{}", token.record.id), now);
    let audit = audit
        .in_chain(AuditChain::of_grants(&token.record.grants))
        .with_changes(&AuditFields::none(), &audited_fields::of_token(&token.record));
    store.begin_audit_log(now).await.context("beginning the audit log")?;
    let created = store.create_token(&token.record, COMMAND_TOKEN_BOUNDS, &audit).await;
    store.close().await;
    let created = created.context("storing the token")?;
    ensure!(created == TokenCreation::Created, "there are {MAX_TOKENS} tokens already");
    eprintln!("tokens/{}; its text is shown this once:", token.record.id);
    println!("{}", token.text.reveal());
    Ok(())
}

/// As the API has it.
fn check_display_name(name: &str) -> Result<(), String> {
    if name.chars().count() > MAX_DISPLAY_NAME_CHARS {
        return Err(format!("must have at most {MAX_DISPLAY_NAME_CHARS} characters"));
    }
    match name.contains(is_unprintable) {
        true => {
            Err("must not contain control characters, nor any that turn a text's direction"
                .to_owned())
        }
        false => Ok(()),
    }
}

/// A span, as other commands read them, that a token may be valid for.
fn lifetime(text: &str) -> Result<Duration, String> {
    let span = postrider_cli::parse_span(text)?;
    match (MIN_LIFETIME..=MAX_LIFETIME).contains(&span) {
        true => Ok(span),
        false => Err("must be 1 s to 10 years".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::{Command, FromArgMatches as _};

    use super::*;

    #[test]
    fn a_display_name_is_bounded_and_printable() {
        assert_eq!(check_display_name(&"ä".repeat(MAX_DISPLAY_NAME_CHARS)), Ok(()));
        assert!(check_display_name(&"a".repeat(MAX_DISPLAY_NAME_CHARS + 1)).is_err());
        for bad in ["\u{1b}[31m", "a\nb", "\0", "a\u{202e}b"] {
            assert!(check_display_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_lifetime_has_a_unit_and_a_bound() {
        for (text, seconds) in [("90d", 7_776_000), ("12h", 43_200), ("1h30m", 5400), ("1s", 1)] {
            assert_eq!(lifetime(text), Ok(Duration::from_secs(seconds)));
        }
        for bad in ["", "d", "0d", "-1d", "1", "1w", "99999d", "99999999999999999999d", "1é"] {
            assert!(lifetime(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn where_roles_hold_must_be_said_once() {
        let parsed = |options: &[&str]| {
            let program = BootstrapTokenArguments::augment_args(Command::new("bootstrap-token"));
            let words = [&["bootstrap-token", "--role", "reader"][..], options].concat();
            let matches = program.try_get_matches_from(words)?;
            BootstrapTokenArguments::from_arg_matches(&matches)
        };
        assert!(parsed(&["--installation"]).unwrap().installation);
        let wanted = parsed(&["--tenant", "a,b", "--ttl", "1h"]).unwrap();
        assert_eq!((wanted.tenant.len(), wanted.installation), (2, false));
        for options in [&["--ttl", "1h"][..], &["--tenant", "a", "--installation"]] {
            let told = parsed(options).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(told.contains("--tenant") && told.contains("--installation"), "{told}");
        }
    }
}
