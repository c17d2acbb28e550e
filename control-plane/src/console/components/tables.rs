//! Lists as tables, page by page.
//!
//! Fed by pages with rows; feeds them markup. On a narrow screen each row becomes a block, with
//! the columns' names in it (`data-label`, the style sheet).

use maud::{Markup, html};

use super::icons::{self, Icon};
use crate::console::visit::Visit;
use crate::settings::CONSOLE_PATH;

/// Of a page token the parameter of the query.
const PAGE_PARAMETER: &str = "page_token";

/// A table with a caption for readers of screens. Each row has a cell for each column; `empty`
/// is told where there are no rows.
pub fn table(caption: &str, columns: &[&str], rows: &[Vec<Markup>], empty: &str) -> Markup {
    html! {
        @if rows.is_empty() {
            p.empty { (empty) }
        } @else {
            div.scroll role="region" aria-label=(caption) tabindex="0" {
                table {
                    caption.hidden { (caption) }
                    thead { tr { @for column in columns { th scope="col" { (column) } } } }
                    tbody {
                        @for row in rows {
                            tr {
                                @for (cell, column) in row.iter().zip(columns) {
                                    td data-label=(column) { (cell) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Names and values of one thing.
pub fn facts(facts: &[(&str, Markup)]) -> Markup {
    html! {
        dl.facts {
            @for (name, value) in facts { div { dt { (name) } dd { (value) } } }
        }
    }
}

/// The token of the page that is asked for.
pub fn page_token(visit: &Visit) -> String {
    visit.request.query(PAGE_PARAMETER).to_owned()
}

/// Links to the first and to the next page of a list.
pub fn pager(visit: &Visit, next_page_token: &str) -> Markup {
    let is_first = visit.request.query(PAGE_PARAMETER).is_empty();
    let here = visit.request.uri.path().strip_prefix(CONSOLE_PATH).unwrap_or_default();
    let address = |token: &str| {
        let query = visit.request.query_with(PAGE_PARAMETER, token);
        format!("{CONSOLE_PATH}{here}?{query}")
    };
    html! {
        @if !is_first || !next_page_token.is_empty() {
            nav.pager aria-label="Pages" {
                @if !is_first { a href=(address("")) { "First page" } }
                @if !next_page_token.is_empty() {
                    a rel="next" href=(address(next_page_token)) {
                        "Next page " (icons::icon(Icon::Next))
                    }
                }
            }
        }
    }
}

/// A search bar over a list, which keeps nothing else of the query.
pub fn search_bar(visit: &Visit, label: &str, name: &str) -> Markup {
    html! {
        form.search method="get" action=(visit.request.uri.path()) role="search"
            aria-label=(label) {
            label for="search" { (label) }
            div.row {
                input #search type="search" name=(name) value=(visit.request.query(name))
                    maxlength="256" autocomplete="off";
                button type="submit" { "Search" }
            }
        }
    }
}
