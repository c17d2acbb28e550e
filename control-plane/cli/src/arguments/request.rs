//! A command's request, from its row and what was typed.

use clap::ArgMatches;
use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use super::fields::{document, enum_name, pair, payload_members, quoted, set, span_text, word};
use super::inputs::read_text;
use super::names::full_name;
use crate::exits::CliError;
use crate::table::{ArgumentForm, ArgumentSpec, ArgumentValue, CommandSpec};
use crate::values::times::{parse_span, parse_time};

/// What an update is told beside what it changes: which resource, of which version, and the
/// secret that whoever shows it to others has to know.
const UNMASKED_FIELDS: [&str; 3] = ["name", "etag", "signingSecret"];

/// The text of an option; `None` where it is not given, or is not one of the command's.
pub fn text<'a>(matches: &'a ArgMatches, id: &str) -> Option<&'a str> {
    matches.try_get_one::<String>(id).ok().flatten().map(String::as_str)
}

/// Whether a switch is given.
pub fn switch(matches: &ArgMatches, id: &str) -> bool {
    matches.try_get_one::<bool>(id).ok().flatten().copied().unwrap_or(false)
}

/// All texts of an option.
pub fn many(matches: &ArgMatches, id: &str) -> Vec<String> {
    let texts = matches.try_get_many::<String>(id).ok().flatten();
    texts.map(|texts| texts.cloned().collect()).unwrap_or_default()
}

/// Makes requests for a tenant, at a moment.
pub struct RequestBuilder<'a> {
    pub tenant: &'a str,
    pub now: Timestamp,
}

impl RequestBuilder<'_> {
    /// The request of a command. With `updated` it has the mask of the fields of that
    /// resource which were given.
    pub fn build(
        &self,
        command: &CommandSpec,
        matches: &ArgMatches,
        updated: Option<&str>,
    ) -> Result<Json, CliError> {
        let mut request = Map::new();
        let mut filter = Vec::new();
        let (documents, others): (Vec<_>, Vec<_>) = command
            .arguments
            .iter()
            .partition(|argument| argument.value == ArgumentValue::Document);
        // Options stand over what a document says of the same field.
        for argument in documents.into_iter().chain(others) {
            self.add(&mut request, &mut filter, argument, matches)
                .map_err(|error| named(error, argument))?;
        }
        if !filter.is_empty() {
            request.insert("filter".to_owned(), json!(filter.join(" AND ")));
        }
        if let Some(resource) = updated {
            let cleared = cleared(command, matches);
            let mask = mask(request.get(resource), &cleared);
            if mask.is_empty() {
                return Err(CliError::Usage("nothing to change is given".to_owned()));
            }
            request.insert("update_mask".to_owned(), json!(mask.join(",")));
        }
        Ok(Json::Object(request))
    }

    fn add(
        &self,
        request: &mut Map<String, Json>,
        filter: &mut Vec<String>,
        argument: &ArgumentSpec,
        matches: &ArgMatches,
    ) -> Result<(), CliError> {
        if argument.form == ArgumentForm::Implied {
            return self.add_implied(request, argument, matches);
        }
        match argument.value {
            // One without a field is read by code.
            ArgumentValue::Switch if !argument.field.is_empty() => {
                if switch(matches, argument.id) {
                    set(request, argument.field, json!(true));
                }
            }
            ArgumentValue::FilterSwitch(part) if switch(matches, argument.id) => {
                filter.push(part.to_owned());
            }
            ArgumentValue::Switch | ArgumentValue::FilterSwitch(_) | ArgumentValue::Cleared => {}
            ArgumentValue::Words
            | ArgumentValue::Names(_)
            | ArgumentValue::EnumNames(_)
            | ArgumentValue::Pairs
            | ArgumentValue::FilterPair(_) => {
                self.add_many(request, filter, argument, &many(matches, argument.id))?;
            }
            value => {
                if let Some(text) = text(matches, argument.id) {
                    self.add_text(request, filter, argument.field, value, text)?;
                }
            }
        }
        Ok(())
    }

    fn add_implied(
        &self,
        request: &mut Map<String, Json>,
        argument: &ArgumentSpec,
        matches: &ArgMatches,
    ) -> Result<(), CliError> {
        let value = match argument.value {
            // A message that is there, whether or not an option gives a field of it.
            ArgumentValue::Document => json!({}),
            ArgumentValue::Chain if switch(matches, "installation") => json!("installation"),
            // A delivery that is named in full says the tenant.
            ArgumentValue::Name(_) if text(matches, "delivery").is_some() => return Ok(()),
            ArgumentValue::Name(pattern) => json!(full_name(pattern, "", self.tenant)?),
            _ => json!(full_name("tenants/{tenant}", "", self.tenant)?),
        };
        set(request, argument.field, value);
        Ok(())
    }

    fn add_many(
        &self,
        request: &mut Map<String, Json>,
        filter: &mut Vec<String>,
        argument: &ArgumentSpec,
        texts: &[String],
    ) -> Result<(), CliError> {
        if texts.is_empty() || (argument.field.is_empty() && !is_filter(argument.value)) {
            return Ok(());
        }
        let values = match argument.value {
            ArgumentValue::FilterPair(part) => {
                for text in texts {
                    let (key, value) = pair(text)?;
                    filter.push(part.replacen("{}", key, 1).replacen("{}", &quoted(value), 1));
                }
                return Ok(());
            }
            ArgumentValue::Pairs => {
                let pairs: Result<Vec<_>, CliError> = texts.iter().map(|text| pair(text)).collect();
                let pairs = pairs?.into_iter().map(|(key, value)| (key.to_owned(), json!(value)));
                Json::Object(pairs.collect())
            }
            ArgumentValue::Names(pattern) => {
                let names = texts.iter().map(|text| full_name(pattern, text, self.tenant));
                json!(names.collect::<Result<Vec<_>, _>>()?)
            }
            ArgumentValue::EnumNames(prefix) => {
                let names = texts.iter().map(|text| enum_name(prefix, text));
                json!(names.collect::<Vec<_>>())
            }
            _ => json!(texts),
        };
        set(request, argument.field, values);
        Ok(())
    }

    fn add_text(
        &self,
        request: &mut Map<String, Json>,
        filter: &mut Vec<String>,
        field: &str,
        value: ArgumentValue,
        text: &str,
    ) -> Result<(), CliError> {
        let part = match value {
            ArgumentValue::Filter => text.to_owned(),
            ArgumentValue::FilterText(part) => part.replacen("{}", &quoted(text), 1),
            ArgumentValue::FilterWord(part) => part.replacen("{}", &word(text), 1),
            ArgumentValue::FilterName(part, pattern) => {
                part.replacen("{}", &quoted(&full_name(pattern, text, self.tenant)?), 1)
            }
            ArgumentValue::FilterTime(part) => part.replacen("{}", &quoted(&self.time(text)?), 1),
            value => return self.set_field(request, field, value, text),
        };
        filter.push(part);
        Ok(())
    }

    fn set_field(
        &self,
        request: &mut Map<String, Json>,
        field: &str,
        value: ArgumentValue,
        text: &str,
    ) -> Result<(), CliError> {
        let json = match value {
            ArgumentValue::Payload => {
                let (name, payload) = payload_members(text)?;
                let path =
                    if field.is_empty() { name.to_owned() } else { format!("{field}.{name}") };
                set(request, &path, payload);
                return Ok(());
            }
            ArgumentValue::Document => {
                for (name, member) in document(&read_text(text)?)? {
                    set(request, &format!("{field}.{name}"), member);
                }
                return Ok(());
            }
            // Code of its own reads it.
            _ if field.is_empty() => return Ok(()),
            ArgumentValue::Number => {
                let number: Result<i64, _> = text.parse();
                json!(number.map_err(|_| CliError::Usage(format!("\"{text}\" is no number")))?)
            }
            ArgumentValue::Time => json!(self.time(text)?),
            ArgumentValue::Span => json!(span_text(parse_span(text).map_err(CliError::Usage)?)),
            ArgumentValue::Name(pattern) => json!(full_name(pattern, text, self.tenant)?),
            ArgumentValue::EnumName(prefix) => json!(enum_name(prefix, text)),
            ArgumentValue::Content => json!(read_text(text)?),
            _ => json!(text),
        };
        set(request, field, json);
        Ok(())
    }

    fn time(&self, text: &str) -> Result<String, CliError> {
        Ok(parse_time(text, self.now).map_err(CliError::Usage)?.to_string())
    }
}

fn is_filter(value: ArgumentValue) -> bool {
    matches!(value, ArgumentValue::FilterPair(_))
}

/// The error with the argument that it is about.
fn named(error: CliError, argument: &ArgumentSpec) -> CliError {
    match (error, argument.form) {
        (CliError::Usage(problem), ArgumentForm::Positional(title)) => {
            CliError::Usage(format!("{title}: {problem}"))
        }
        (CliError::Usage(problem), ArgumentForm::Optional | ArgumentForm::Required) => {
            CliError::Usage(format!("--{}: {problem}", argument.id))
        }
        (error, _) => error,
    }
}

/// Fields that are to be cleared.
fn cleared(command: &CommandSpec, matches: &ArgMatches) -> Vec<String> {
    let clearing = command.arguments.iter();
    let clearing = clearing.filter(|argument| argument.value == ArgumentValue::Cleared);
    clearing.flat_map(|argument| many(matches, argument.id)).collect()
}

/// The fields of a resource that were given, and those to be cleared, in the form of JSON.
fn mask(resource: Option<&Json>, cleared: &[String]) -> Vec<String> {
    let given = resource.and_then(Json::as_object).into_iter().flat_map(|fields| fields.keys());
    let given = given.map(|name| camel_case(name));
    let given = given.filter(|name| !UNMASKED_FIELDS.contains(&name.as_str()));
    let mut mask: Vec<String> = given.chain(cleared.iter().map(|name| camel_case(name))).collect();
    mask.sort_unstable();
    mask.dedup();
    mask
}

/// "`displayName`" of "`display_name`".
fn camel_case(name: &str) -> String {
    let mut parts = name.split('_');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut letters = part.chars();
        text.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        text.push_str(letters.as_str());
    }
    text
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
