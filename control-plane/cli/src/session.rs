//! What every command has: a client, a tenant, and a printer.

use std::time::Duration;

use jiff::Timestamp;

use crate::arguments::{CommonOptions, RequestBuilder};
use crate::calls::ApiClient;
use crate::exits::CliError;
use crate::output::{AnswerPrinter, OutputFormat};
use crate::target::{ContextFile, TargetChoice, TargetOptions, connect};
use crate::terminal::ColorChoice;
use crate::values::times::{TimeStyle, parse_span};

const DEFAULT_CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// A command's surroundings.
pub struct CommandSession {
    pub api: ApiClient,
    pub target: TargetChoice,
    pub printer: AnswerPrinter,
}

impl CommandSession {
    /// Reads options, variables and contexts. Nobody is called yet.
    pub fn open(given: CommonOptions<'_>) -> Result<Self, CliError> {
        let printer = printer(given)?;
        let options = target_options(given);
        let file = options
            .file_path(variable)
            .map_or_else(|| Ok(ContextFile::default()), |path| ContextFile::read(&path))?;
        let target = options.choose(&file, variable)?;
        let timeout = given.text("timeout").map(parse_span).transpose();
        let timeout = timeout
            .map_err(|problem| CliError::Usage(format!("--timeout: {problem}")))?
            .unwrap_or(DEFAULT_CALL_TIMEOUT);
        Ok(Self { api: connect(&target, timeout)?, target, printer })
    }

    /// Makes requests of what was typed.
    pub fn requests(&self) -> RequestBuilder<'_> {
        RequestBuilder { tenant: &self.target.tenant, now: self.printer.times.now }
    }
}

/// What flags say about the server.
pub fn target_options(given: CommonOptions<'_>) -> TargetOptions {
    let given = |id: &str| given.text(id).map(str::to_owned);
    TargetOptions {
        file: given("client-config"),
        context: given("context"),
        address: given("address"),
        ca: given("ca"),
        client_cert: given("client-cert"),
        client_key: given("client-key"),
        token_file: given("token-file"),
        tenant: given("tenant"),
    }
}

/// What flags and variables say about the output.
pub fn printer(given: CommonOptions<'_>) -> Result<AnswerPrinter, CliError> {
    let format = output_format(given)?;
    let times = TimeStyle { is_absolute: given.switch("absolute-times"), now: Timestamp::now() };
    let colors = ColorChoice::of(given.text("color").unwrap_or("auto"));
    Ok(AnswerPrinter { format, colors, times })
}

/// How answers, and the error that ends the command, are written.
pub fn output_format(given: CommonOptions<'_>) -> Result<OutputFormat, CliError> {
    let format = given.text("output").map(str::to_owned).or_else(|| variable("POSTRIDER_OUTPUT"));
    match format {
        None => Ok(OutputFormat::Table),
        Some(name) => OutputFormat::named(&name).ok_or_else(|| {
            CliError::Usage(format!("POSTRIDER_OUTPUT must be one of {:?}", OutputFormat::NAMES))
        }),
    }
}

/// A variable that is set to something.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
