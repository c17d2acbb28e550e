//! What commands do.
//!
//! Fed by a row of the table and what was typed; feeds the API and the printer. Guarantees
//! that a command which is only a call has no code here, and that those which take long
//! can be interrupted, and say how to come back.

mod audit;
mod call;
mod contexts;
mod doctor;
mod event_types;
mod interruption;
mod operations;
mod program_files;
mod progress;
mod publish;
mod reconcile;
mod sample_event;
mod stats;
mod tail;
mod tokens;

use clap::ArgMatches;

use crate::arguments::CommonOptions;
use crate::exits::CliError;
use crate::program::ProgramParser;
use crate::session::CommandSession;
use crate::table::{CommandAction, CommandSpec};

/// Why a command did not succeed, and whom it called.
pub struct CommandFailure {
    pub error: CliError,
    /// Empty where nobody was called.
    pub address: String,
}

impl From<CliError> for CommandFailure {
    fn from(error: CliError) -> Self {
        Self { error, address: String::new() }
    }
}

/// Carries a command out.
pub async fn run(
    command: &CommandSpec,
    given: CommonOptions<'_>,
    program: ProgramParser,
) -> Result<(), CommandFailure> {
    let matches = given.behind;
    match &command.action {
        CommandAction::ListContexts => Ok(contexts::list(given)?),
        CommandAction::SetContext => Ok(contexts::set(given)?),
        CommandAction::UseContext => Ok(contexts::make_current(given)?),
        CommandAction::RemoveContext => Ok(contexts::remove(given)?),
        CommandAction::Completions => Ok(program_files::completions(matches, program)?),
        CommandAction::ManPages => Ok(program_files::man_pages(matches, program)?),
        _ => {
            let session = CommandSession::open(given)?;
            let ended = Box::pin(run_with(&session, command, matches)).await;
            let address = session.target.address;
            ended.map_err(|error| CommandFailure { error, address })
        }
    }
}

/// Carries out a command that calls somebody.
async fn run_with(
    session: &CommandSession,
    command: &CommandSpec,
    matches: &ArgMatches,
) -> Result<(), CliError> {
    let updated = match &command.action {
        CommandAction::Call(call) => call.updated,
        _ => None,
    };
    let request = session.requests().build(command, matches, updated)?;
    match &command.action {
        CommandAction::Call(call) => call::run(session, call, request, matches).await,
        CommandAction::Publish => publish::run(session, request, matches).await,
        CommandAction::Tail => tail::run(session, request, matches).await,
        CommandAction::TestSubscription => sample_event::run(session, request).await,
        CommandAction::Stats => stats::run(session, request).await,
        CommandAction::ImportEventTypes => event_types::import(session, matches).await,
        CommandAction::Replay => operations::replay(session, request, matches).await,
        CommandAction::Backfill => operations::backfill(session, request, matches).await,
        CommandAction::Expunge => operations::expunge(session, request, matches).await,
        CommandAction::FollowOperation => operations::follow_named(session, &request).await,
        CommandAction::Reconcile => reconcile::run(session, request, matches).await,
        CommandAction::CreateToken => tokens::create(session, request, matches).await,
        CommandAction::VerifyAudit => audit::verify(session, request).await,
        CommandAction::Doctor => doctor::run(session, matches).await,
        // They call nobody.
        CommandAction::ListContexts
        | CommandAction::SetContext
        | CommandAction::UseContext
        | CommandAction::RemoveContext
        | CommandAction::Completions
        | CommandAction::ManPages => Ok(()),
    }
}
