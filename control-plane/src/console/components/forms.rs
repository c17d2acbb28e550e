//! Forms, with what is wrong at each field.
//!
//! Fed by pages with values and with what the API said of them; feeds them markup. Guarantees
//! that each form has the token of its session, that each field has a label, and that what is
//! wrong is told with the field (`aria-describedby`).

use maud::{Markup, html};

use crate::console::failure::FormErrors;
use crate::console::visit::Visit;

/// A form that is posted to a whole path.
pub fn form(visit: &Visit, action: &str, body: Markup) -> Markup {
    html! {
        form.panel method="post" action=(action) {
            input type="hidden" name="form_token" value=(visit.form_token());
            (body)
        }
    }
}

/// What is asked before something is done that cannot be taken back.
#[derive(Clone, Copy, Debug)]
pub struct Confirmation<'a> {
    /// Where it is posted to, and where one goes who does not.
    pub action: &'a str,
    pub back: &'a str,
    /// Names and values of fields that are sent along.
    pub hidden: &'a [(&'a str, &'a str)],
    /// Words of the two buttons.
    pub yes: &'a str,
    pub no: &'a str,
}

/// The form that asks; `told` says what comes of it.
pub fn confirmation(visit: &Visit, asked: Confirmation<'_>, told: Markup) -> Markup {
    let Confirmation { action, back, hidden, yes, no } = asked;
    let body = html! {
        (told)
        @for (name, value) in hidden { input type="hidden" name=(name) value=(value); }
        div.buttons {
            button.danger type="submit" { (yes) }
            a.button href=(back) { (no) }
        }
    };
    form(visit, action, body)
}

/// A button that does something at once. `name` and `value` are a field of the form.
pub fn action(visit: &Visit, action: &str, (name, value): (&str, &str), words: &str) -> Markup {
    html! {
        form.action method="post" action=(action) {
            input type="hidden" name="form_token" value=(visit.form_token());
            button type="submit" name=(name) value=(value) { (words) }
        }
    }
}

/// What is wrong with a form as a whole, and with fields that it does not show.
pub fn problems(errors: &FormErrors, shown: &[&str]) -> Markup {
    let others: Vec<String> =
        errors.general.iter().cloned().chain(errors.of_others(shown)).collect();
    html! {
        @if !errors.is_empty() {
            div.error role="alert" {
                p {
                    "This could not be saved."
                    @if others.is_empty() { " What is wrong is told at the fields." }
                }
                @if !others.is_empty() { ul { @for problem in &others { li { (problem) } } } }
            }
        }
    }
}

/// A field of one line, or of several.
#[derive(Clone, Copy, Debug, Default)]
pub struct TextField<'a> {
    pub name: &'a str,
    pub label: &'a str,
    pub value: &'a str,
    pub hint: &'a str,
    pub is_required: bool,
    /// "url", "number"; empty: a text.
    pub kind: &'a str,
    /// More than one line, if it is above 1.
    pub rows: u32,
}

pub fn text_field(field: TextField<'_>, errors: &FormErrors) -> Markup {
    let TextField { name, label, value, hint, is_required, kind, rows } = field;
    let problem = errors.of_field(name);
    let described = described_by(name, !hint.is_empty(), problem.is_some());
    let kind = if kind.is_empty() { "text" } else { kind };
    let invalid = problem.as_ref().map(|_| "true");
    html! {
        div.field {
            label for=(id(name)) { (label) @if is_required { span.required { " (required)" } } }
            @if rows > 1 {
                textarea id=(id(name)) name=(name) rows=(rows) required[is_required]
                    autofocus[problem.is_some()]
                    aria-describedby=[&described] aria-invalid=[invalid] spellcheck="false" {
                    "\n" (value)
                }
            } @else {
                // Browsers go to the first of them.
                input id=(id(name)) name=(name) type=(kind) value=(value) required[is_required]
                    autofocus[problem.is_some()]
                    aria-describedby=[&described] aria-invalid=[invalid] autocomplete="off";
            }
            (hint_and_problem(name, hint, problem.as_deref()))
        }
    }
}

/// A choice among some: values and words.
pub fn select_field(
    (name, label, hint): (&str, &str, &str),
    choices: &[(String, String)],
    value: &str,
    errors: &FormErrors,
) -> Markup {
    let problem = errors.of_field(name);
    let described = described_by(name, !hint.is_empty(), problem.is_some());
    html! {
        div.field {
            label for=(id(name)) { (label) }
            select id=(id(name)) name=(name) aria-describedby=[&described] {
                @for (choice, words) in choices {
                    option value=(choice) selected[choice == value] { (words) }
                }
            }
            (hint_and_problem(name, hint, problem.as_deref()))
        }
    }
}

/// A box to tick.
#[derive(Clone, Debug)]
pub struct CheckBox {
    pub value: String,
    pub words: String,
    pub hint: String,
    pub is_checked: bool,
}

/// Boxes of one name, together.
pub fn check_boxes(
    (name, legend): (&str, &str),
    boxes: &[CheckBox],
    errors: &FormErrors,
) -> Markup {
    let problem = errors.of_field(name);
    html! {
        fieldset.field aria-invalid=[problem.as_ref().map(|_| "true")] {
            legend { (legend) }
            @for (number, CheckBox { value, words, hint, is_checked }) in boxes.iter().enumerate() {
                @let box_id = format!("{}-{number}", id(name));
                div.check {
                    input id=(box_id) type="checkbox" name=(name) value=(value)
                        checked[*is_checked];
                    label for=(box_id) {
                        (words) @if !hint.is_empty() { span.hint { " " (hint) } }
                    }
                }
            }
            (hint_and_problem(name, "", problem.as_deref()))
        }
    }
}

/// A secret that is shown this once. The script makes the button copy it.
pub fn shown_once(label: &str, secret: &str) -> Markup {
    html! {
        div.secret {
            label for="shown-once" { (label) }
            div.row {
                input #shown-once type="text" readonly value=(secret) autocomplete="off"
                    spellcheck="false" aria-describedby="shown-once-hint";
                button type="button" hidden data-copy="shown-once" { "Copy" }
            }
            p #shown-once-hint .hint { "It is shown this once. Keep it where you keep secrets." }
        }
    }
}

fn id(name: &str) -> String {
    format!("field-{}", name.replace(['.', '[', ']'], "-"))
}

fn described_by(name: &str, has_hint: bool, has_problem: bool) -> Option<String> {
    let parts = [(has_hint, "hint"), (has_problem, "problem")];
    let named: Vec<_> = parts
        .into_iter()
        .filter(|(is_there, _)| *is_there)
        .map(|(_, part)| format!("{}-{part}", id(name)))
        .collect();
    (!named.is_empty()).then(|| named.join(" "))
}

fn hint_and_problem(name: &str, hint: &str, problem: Option<&str>) -> Markup {
    html! {
        @if !hint.is_empty() { p.hint id=(format!("{}-hint", id(name))) { (hint) } }
        @if let Some(problem) = problem {
            p.error id=(format!("{}-problem", id(name))) { (problem) }
        }
    }
}

#[cfg(test)]
mod tests {
    use tonic::{Code, Status};
    use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

    use super::*;

    #[test]
    fn a_field_says_what_is_wrong_with_it_and_escapes_all() {
        let mut details = ErrorDetails::new();
        details.set_bad_request(vec![FieldViolation::new("url", "<script>alert(1)</script>")]);
        let status = Status::with_error_details(Code::InvalidArgument, "x", details);
        let errors = FormErrors::of(&status, "");
        let value = r#""><img src=x onerror=alert(1)>"#;
        let field = TextField { name: "url", label: "URL", value, ..TextField::default() };
        let shown = text_field(field, &errors).into_string();
        assert!(shown.contains(r#"aria-invalid="true""#), "{shown}");
        assert!(shown.contains(r#"aria-describedby="field-url-problem""#), "{shown}");
        assert!(!shown.contains("<script") && !shown.contains("<img"), "{shown}");
        let lines = TextField { rows: 3, value: "</textarea><b>", ..field };
        let shown = text_field(lines, &FormErrors::default()).into_string();
        assert!(shown.contains("&lt;/textarea&gt;&lt;b&gt;"), "{shown}");
        assert!(!shown.contains("aria-invalid"), "{shown}");
        let once = shown_once("Secret", "a\"b").into_string();
        assert!(once.contains("a&quot;b"), "{once}");
    }
}
