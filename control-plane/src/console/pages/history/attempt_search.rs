//! What attempts are looked for by.
//!
//! Fed by `log` with a query; feeds the API's filter, and the form above the list. What cannot be
//! read is told there, and nothing is asked for.

use maud::{Markup, html};

use crate::console::components::forms::{self, TextField};
use crate::console::failure::FormErrors;
use crate::console::filters;
use crate::console::values::parse_time;
use crate::console::visit::Visit;

const TYPE_PARAMETER: &str = "event_type";
const RESULT_PARAMETER: &str = "result";
const STATUS_PARAMETER: &str = "http_status";
const TEST_PARAMETER: &str = "test";
const SINCE_PARAMETER: &str = "since";
const UNTIL_PARAMETER: &str = "until";
const RESULTS: [(&str, &str); 4] =
    [("", "All"), ("success", "Success"), ("failure", "Failure"), ("unknown", "Not known")];
const TESTS: [(&str, &str); 3] = [("", "All"), ("false", "No tests"), ("true", "Tests alone")];

/// See the module.
pub struct AttemptSearch {
    /// Of the API (AIP-160).
    pub text: String,
    pub errors: FormErrors,
}

impl AttemptSearch {
    pub fn read(visit: &Visit) -> Self {
        let query = |name: &str| visit.request.query(name).trim();
        let mut errors = FormErrors::default();
        let mut terms = Vec::new();
        let event_type = filters::all_of(&[("event_type = ", query(TYPE_PARAMETER))]);
        terms.extend(Some(event_type).filter(|term| !term.is_empty()));
        match query(RESULT_PARAMETER) {
            "success" => terms.push("outcome = SUCCEEDED".to_owned()),
            "failure" => {
                terms.push("outcome != SUCCEEDED".to_owned());
                terms.push("outcome != UNKNOWN".to_owned());
            }
            "unknown" => terms.push("outcome = UNKNOWN".to_owned()),
            _ => {}
        }
        if let value @ ("true" | "false") = query(TEST_PARAMETER) {
            terms.push(format!("test = {value}"));
        }
        let http_status = query(STATUS_PARAMETER);
        if !http_status.is_empty() {
            match http_status.parse::<u16>() {
                Ok(code) => terms.push(format!("http_status = {code}")),
                Err(_) => errors.add(STATUS_PARAMETER, "must be a status of HTTP"),
            }
        }
        for (name, operator) in [(SINCE_PARAMETER, ">="), (UNTIL_PARAMETER, "<")] {
            match query(name) {
                "" => {}
                text => match parse_time(text) {
                    Ok(time) => terms.push(format!("create_time {operator} \"{time}\"")),
                    Err(problem) => errors.add(name, problem),
                },
            }
        }
        Self { text: terms.join(" AND "), errors }
    }

    /// The form. It is open where something is looked for.
    pub fn form(&self, visit: &Visit) -> Markup {
        let is_open = !self.text.is_empty() || !self.errors.is_empty();
        let field = |name, label, kind| TextField {
            name,
            label,
            value: visit.request.query(name),
            kind,
            ..TextField::default()
        };
        html! {
            details.filters open[is_open] {
                summary { "Filters" }
                form.search method="get" action=(visit.request.uri.path()) role="search"
                    aria-label="Attempts" {
                    div.fields {
                        (forms::text_field(field(TYPE_PARAMETER, "Event", ""), &self.errors))
                        (self.select(visit, (RESULT_PARAMETER, "Status", ""), &RESULTS))
                        (forms::text_field(field(STATUS_PARAMETER, "HTTP code", ""), &self.errors))
                        (self.select(visit, (TEST_PARAMETER, "Test events", ""), &TESTS))
                        (forms::text_field(
                            field(SINCE_PARAMETER, "From (UTC)", "datetime-local"), &self.errors))
                        (forms::text_field(
                            field(UNTIL_PARAMETER, "Before (UTC)", "datetime-local"), &self.errors))
                    }
                    div.buttons {
                        button type="submit" { "Filter" }
                        a.button href=(visit.request.uri.path()) { "Show all" }
                    }
                }
            }
        }
    }

    fn select(&self, visit: &Visit, named: (&str, &str, &str), among: &[(&str, &str)]) -> Markup {
        let owned = |(value, words): &(&str, &str)| ((*value).to_owned(), (*words).to_owned());
        let choices: Vec<(String, String)> = among.iter().map(owned).collect();
        forms::select_field(named, &choices, visit.request.query(named.0), &self.errors)
    }
}
