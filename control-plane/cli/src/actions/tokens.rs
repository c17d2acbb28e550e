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
    let tenants = many(matches, "in");
    let is_everywhere = switch(matches, "installation");
    if tenants.is_empty() != is_everywhere {
        let problem = "give the tenants in which it holds by --in, or --installation";
        return Err(CliError::Usage(problem.to_owned()));
    }
    let tenants: Result<Vec<_>, _> =
        tenants.iter().map(|tenant| full_name("tenants/{}", tenant, "")).collect();
    let tenants = tenants?;
    let grants: Vec<Json> = many(matches, "role")
        .iter()
        .map(|role| {
            let role = format!("ROLE_{}", role.to_ascii_uppercase().replace('-', "_"));
            match is_everywhere {
                true => json!({"role": role, "installation": true}),
                false => json!({"role": role, "tenants": tenants}),
            }
        })
        .collect();
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
