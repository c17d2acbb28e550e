//! Choosing events from the catalogue, with their descriptions and samples.
//!
//! Fed by the API's catalogue; feeds forms with boxes to tick, and tests with types to choose
//! from. What the catalogue does not have, as a pattern, is typed.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};
use postrider_proto::v1::{self, EventType};

use super::form_values::{EVENT_TYPES_FIELD, FormValues, OTHER_TYPES_FIELD};
use crate::console::components::forms::{self, TextField};
use crate::console::failure::{FormErrors, PageFailure};
use crate::console::visit::{Visit, id_of};

/// Types of one page of the catalogue, and the most pages that are asked for: with more types a
/// form has no use for boxes, and its fields have a bound.
const PAGE_TYPES: i32 = 1000;
const MAX_CATALOGUE_PAGES: usize = 2;
const ALL_TYPES: &str = "*";

/// The catalogue, as far as a form shows it.
pub struct EventChoice {
    types: Vec<EventType>,
    is_whole: bool,
}

impl EventChoice {
    pub async fn read(visit: &Visit) -> Result<Self, PageFailure> {
        let mut choice = Self { types: Vec::new(), is_whole: false };
        let mut page_token = String::new();
        for _ in 0..MAX_CATALOGUE_PAGES {
            let request = v1::ListEventTypesRequest {
                page_size: PAGE_TYPES,
                page_token,
                ..v1::ListEventTypesRequest::default()
            };
            let listed = visit.calls.event_types().list_event_types(request).await?.into_inner();
            choice.types.extend(listed.event_types);
            page_token = listed.next_page_token;
            if page_token.is_empty() {
                choice.is_whole = true;
                break;
            }
        }
        Ok(choice)
    }

    /// Names of all types, with their descriptions.
    pub fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.types.iter().map(|known| (id_of(&known.name), known.description.as_str()))
    }

    /// Moves what no box stands for to the field for others.
    pub fn settle(&self, values: &mut FormValues) {
        let known: BTreeSet<&str> = self.types.iter().map(|known| id_of(&known.name)).collect();
        let has_box = |name: &String| name == ALL_TYPES || known.contains(name.as_str());
        let all = values.all_event_types();
        let (boxes, others): (Vec<String>, Vec<String>) = all.into_iter().partition(has_box);
        values.event_types = boxes;
        values.set(OTHER_TYPES_FIELD, &others.join("\n"));
    }

    /// The boxes, by groups, and the field for others.
    pub fn fields(&self, values: &FormValues, errors: &FormErrors) -> Markup {
        let mut groups: BTreeMap<&str, Vec<&EventType>> = BTreeMap::new();
        for known in &self.types {
            groups.entry(known.group.as_str()).or_default().push(known);
        }
        let problem = errors.of_field(EVENT_TYPES_FIELD);
        let has_others = !values.text(OTHER_TYPES_FIELD).is_empty() || self.types.is_empty();
        html! {
            fieldset.field.events aria-describedby=[problem.as_ref().map(|_| "events-problem")] {
                legend { "Events" }
                @if let Some(problem) = &problem { p #events-problem .error { (problem) } }
                (event_box(ALL_TYPES, "All events", "of types added later too", "", values))
                @for (group, types) in &groups {
                    div.group {
                        @if !group.is_empty() { p.group-name { (group) } }
                        @for known in types {
                            (event_box(
                                id_of(&known.name),
                                id_of(&known.name),
                                &known.description,
                                &known.sample_payload_json,
                                values,
                            ))
                        }
                    }
                }
                @if !self.is_whole {
                    p.hint { "These are the first " (self.types.len()) " types of the catalogue." }
                }
                details open[has_others] {
                    summary { "Others" }
                    (forms::text_field(
                        TextField {
                            name: OTHER_TYPES_FIELD,
                            label: "Other events",
                            value: values.text(OTHER_TYPES_FIELD),
                            hint: "One in each line: a name, or a pattern as payment.*",
                            rows: 3,
                            ..TextField::default()
                        },
                        errors,
                    ))
                }
            }
        }
    }
}

fn event_box(
    value: &str,
    words: &str,
    description: &str,
    sample: &str,
    values: &FormValues,
) -> Markup {
    let is_checked = values.event_types.iter().any(|ticked| ticked == value);
    let box_id = format!("event-{}", hex::encode(value));
    html! {
        div.check {
            input id=(box_id) type="checkbox" name=(EVENT_TYPES_FIELD) value=(value)
                checked[is_checked];
            div {
                label for=(box_id) {
                    @if value == words { code { (words) } } @else { (words) }
                    @if !description.is_empty() { " " span.hint { (description) } }
                }
                @if !sample.is_empty() {
                    details.sample {
                        summary { "Sample" span.hidden { " of " (words) } }
                        pre tabindex="0" { (sample) }
                    }
                }
            }
        }
    }
}
