//! What somebody sees who has no session.
//!
//! Fed by `sign_in`; feeds browsers.

use maud::{Markup, html};

use super::answers::Flash;
use super::layout;
use super::visit::path;
use super::visitor::Visitor;

/// What a page of signing in tells besides.
#[derive(Clone, Debug)]
pub enum SignInNotice {
    Done(Flash),
    Problem(String),
}

/// The form for a token, and a button for each provider.
pub fn sign_in(visitor: &Visitor<'_>, to: &str, notice: Option<SignInNotice>) -> Markup {
    let console = visitor.console;
    let problem = match &notice {
        Some(SignInNotice::Problem(problem)) => Some(problem.as_str()),
        Some(SignInNotice::Done(_)) | None => None,
    };
    let body = html! {
        @if let Some(SignInNotice::Done(flash)) = &notice {
            @let class = if *flash == Flash::SessionEnded { "warning" } else { "flash" };
            p class=(class) role="status" { (flash.words()) }
        }
        form .panel method="post" action=(path(&["sign-in"])) {
            (form_token(visitor))
            input type="hidden" name="to" value=(to);
            @if console.authenticator.asks_for_nothing() {
                p { "This installation asks for no credentials: whoever comes here may do all." }
            } @else {
                div .field {
                    label for="token" { "Token" }
                    input #token type="password" name="token" required autocomplete="off"
                        autofocus spellcheck="false" aria-describedby="token-hint"
                        aria-invalid=[problem.map(|_| "true")];
                    p #token-hint .hint { "prt_…, or a JWT of an issuer of this installation" }
                }
            }
            @if let Some(problem) = problem { p .error role="alert" { (problem) } }
            button .primary type="submit" { "Sign in" }
        }
        @for (number, provider) in console.providers.iter().enumerate() {
            form .panel method="post"
                action=(path(&["sign-in", "with", &number.to_string()])) {
                (form_token(visitor))
                button type="submit" { "Sign in with " (provider.name) }
            }
        }
    };
    layout::plain_document(console, "Sign in", body)
}

/// The page of a portal's link: whoever only looks at it does not spend the code.
pub fn portal(visitor: &Visitor<'_>, code: &str) -> Markup {
    let body = html! {
        form .panel method="post" action=(path(&["portal"])) {
            (form_token(visitor))
            input type="hidden" name="code" value=(code);
            p { "Open the page on which you manage your webhooks. This link is good once, for a minute." }
            button .primary type="submit" autofocus { "Continue" }
        }
    };
    layout::plain_document(visitor.console, "Webhooks", body)
}

fn form_token(visitor: &Visitor<'_>) -> Markup {
    html! { input type="hidden" name="form_token" value=(visitor.id.form_token()); }
}
