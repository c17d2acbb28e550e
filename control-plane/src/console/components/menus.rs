//! What can be done with a thing: a menu behind a button, or buttons beside each other.
//!
//! Fed by pages with what the caller may do; feeds them markup. A menu is a popover of HTML,
//! which needs no script and closes by itself.

use maud::{Markup, html};

use crate::console::visit::Visit;

/// Something to do.
#[derive(Clone, Debug)]
pub struct MenuEntry {
    pub words: &'static str,
    /// A whole path.
    pub target: String,
    pub kind: MenuEntryKind,
}

/// How it is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MenuEntryKind {
    /// A page.
    Page,
    /// A page that asks first.
    Danger,
    /// At once, by a form that has the etag of what is changed.
    Action { etag: String },
}

/// A menu. `id` is of the page's menus, in letters, digits and hyphens; `name` tells readers of
/// screens whose menu it is.
pub fn menu(visit: &Visit, id: &str, name: &str, entries: &[MenuEntry]) -> Markup {
    html! {
        @if !entries.is_empty() {
            div.menu {
                button type="button" popovertarget={ "menu-" (id) } {
                    "Actions" span.hidden { " for " (name) }
                }
                ul id={ "menu-" (id) } popover="auto" {
                    @for entry in entries { li { (control(visit, entry)) } }
                }
            }
        }
    }
}

/// The same beside each other.
pub fn buttons(visit: &Visit, entries: &[MenuEntry]) -> Markup {
    html! {
        @if !entries.is_empty() {
            div.buttons { @for entry in entries { (control(visit, entry)) } }
        }
    }
}

fn control(visit: &Visit, entry: &MenuEntry) -> Markup {
    let MenuEntry { words, target, kind } = entry;
    html! {
        @match kind {
            MenuEntryKind::Page => { a.button href=(target) { (words) } },
            MenuEntryKind::Danger => { a.button.danger href=(target) { (words) } },
            MenuEntryKind::Action { etag } => {
                form.action method="post" action=(target) {
                    input type="hidden" name="form_token" value=(visit.form_token());
                    input type="hidden" name="etag" value=(etag);
                    button type="submit" { (words) }
                }
            },
        }
    }
}
