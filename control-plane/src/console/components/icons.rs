//! Icons: lines on 16 by 16, in the colour of the text.
//!
//! Fed by pages; feeds them SVG within the page.

use maud::{Markup, html};

/// Which icon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icon {
    Search,
    Copy,
    Next,
}

impl Icon {
    const fn line(self) -> &'static str {
        match self {
            Self::Search => "M7 2a5 5 0 1 0 0 10A5 5 0 0 0 7 2Zm3.6 8.6L14 14",
            Self::Copy => "M5 5V2h9v9h-3M2 5h9v9H2Z",
            Self::Next => "m6 3 5 5-5 5",
        }
    }
}

/// An icon, which readers of screens leave out: words stand beside it.
pub fn icon(icon: Icon) -> Markup {
    html! {
        svg.icon viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false" {
            path d=(icon.line()) fill="none" stroke="currentColor" stroke-width="1.5"
                stroke-linecap="round" stroke-linejoin="round" {}
        }
    }
}
