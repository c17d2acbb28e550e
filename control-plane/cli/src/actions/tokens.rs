//! Making a token.

use clap::ArgMatches;
use serde_json::{Value as Json, json};

use crate::arguments::{full_name, many, switch};
use crate::calls::{message_at, text_at};
use crate::exits::CliError;
use crate::session::CommandSession;

/// Makes a token with roles in tenants or in the installation. For people its text goes to
/// standard output alone, so that a shell can keep it.
pub(super) async fn create(
    session: &CommandSession,
    mut request: Json,
    matches: &ArgMatches,
) -> Result<(), CliError> {
    let grants = grants(matches, &session.target.tenant)?;
    if request.get("token").is_none() {
        request["token"] = json!({});
    }
    request["token"]["grants"] = json!(grants);
    let answer = session.api.call("postrider.v1.TokenService/CreateToken", request).await?;
    if !session.printer.is_table() {
        return session.printer.message(&answer);
    }
    let name = message_at(&answer, "token").map(|token| text_at(&token, "name"));
    eprintln!("{}; its text is shown this once:", name.unwrap_or_default());
    session.printer.line(&text_at(&answer, "secret"))
}

/// The roles in the tenants that are named, or else in the one that a variable or the context
/// names; with `--installation` everywhere.
fn grants(matches: &ArgMatches, chosen_tenant: &str) -> Result<Vec<Json>, CliError> {
    let mut tenants = many(matches, "tenant");
    let is_everywhere = switch(matches, "installation");
    if is_everywhere && !tenants.is_empty() {
        return Err(CliError::Usage("give --tenant or --installation, not both".to_owned()));
    }
    if !is_everywhere && tenants.is_empty() {
        let named = chosen_tenant.split(',').filter(|tenant| !tenant.is_empty());
        tenants.extend(named.map(str::to_owned));
    }
    if !is_everywhere && tenants.is_empty() {
        let problem = "give the tenants in which it holds by --tenant, or --installation";
        return Err(CliError::Usage(problem.to_owned()));
    }
    let tenants: Result<Vec<_>, _> =
        tenants.iter().map(|tenant| full_name("tenants/{}", tenant, "")).collect();
    let tenants = tenants?;
    let roles = many(matches, "role");
    let grants = roles.iter().map(|role| {
        let role = format!("ROLE_{}", role.to_ascii_uppercase().replace('-', "_"));
        match is_everywhere {
            true => json!({"role": role, "installation": true}),
            false => json!({"role": role, "tenants": tenants}),
        }
    });
    Ok(grants.collect())
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;
    use crate::arguments::client_commands;

    fn granted(options: &[&str], chosen_tenant: &str) -> Result<Vec<Json>, CliError> {
        let program = Command::new("postrider").subcommands(client_commands());
        let words = [&["postrider", "tokens", "create", "--role", "reader"][..], options].concat();
        let matches = program.try_get_matches_from(words).unwrap();
        let (_, group) = matches.subcommand().unwrap();
        let (_, inside) = group.subcommand().unwrap();
        grants(inside, chosen_tenant)
    }

    #[test]
    fn roles_hold_in_the_tenants_that_are_named() {
        let of = |tenants: &[&str]| vec![json!({"role": "ROLE_READER", "tenants": tenants})];
        let named = granted(&["--tenant", "a,tenants/b"], "acme").unwrap();
        assert_eq!(named, of(&["tenants/a", "tenants/b"]));
        assert_eq!(granted(&[], "acme").unwrap(), of(&["tenants/acme"]));
        let everywhere = [json!({"role": "ROLE_READER", "installation": true})];
        assert_eq!(granted(&["--installation"], "acme").unwrap(), everywhere);
    }

    #[test]
    fn where_roles_hold_must_be_said_once() {
        for options in [&["--display-name", "x"][..], &["--installation", "--tenant", "a"]] {
            let told = granted(options, "").unwrap_err().to_string();
            assert!(told.contains("--tenant") && told.contains("--installation"), "{told}");
        }
    }
}
