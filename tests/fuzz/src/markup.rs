//! What every page of the console has to be like, whatever stands in it.

/// What the templates are made of; nothing that loads or frames anything else.
const TAGS: &[&str] = &[
    "a",
    "body",
    "button",
    "caption",
    "circle",
    "code",
    "dd",
    "del",
    "details",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "form",
    "g",
    "h1",
    "h2",
    "h3",
    "head",
    "header",
    "html",
    "input",
    "ins",
    "label",
    "legend",
    "li",
    "line",
    "link",
    "main",
    "meta",
    "nav",
    "ol",
    "option",
    "p",
    "path",
    "pre",
    "progress",
    "rect",
    "script",
    "section",
    "select",
    "span",
    "strong",
    "summary",
    "svg",
    "table",
    "tbody",
    "td",
    "text",
    "textarea",
    "th",
    "thead",
    "time",
    "title",
    "tr",
    "ul",
];
/// What runs or styles, or sends a form or a browser elsewhere.
const FORBIDDEN_ATTRIBUTES: &[&str] = &["style", "srcdoc", "srcset", "formaction", "http-equiv"];
/// What a browser follows by itself or with a click.
const ADDRESS_ATTRIBUTES: &[&str] = &["href", "src", "action", "data-live"];
const FILES_PATH: &str = "/console/files/";

/// Fails unless a page is one of the templates' with texts in it: every text and every value of
/// an attribute is escaped, there is no script but the console's file, and addresses are the
/// console's own.
pub fn check_page(page: &str) {
    let mut rest = page.strip_prefix("<!DOCTYPE html>").expect("a whole document");
    let mut scripts = 0;
    while let Some((text, behind)) = rest.split_once('<') {
        check_text(text);
        rest = match behind.strip_prefix('/') {
            Some(end) => {
                let (name, end) = word(end);
                assert!(TAGS.contains(&name), "</{name}");
                end.strip_prefix('>').expect("the end of a tag")
            }
            None => {
                scripts += usize::from(word(behind).0 == "script");
                check_tag(behind)
            }
        };
    }
    check_text(rest);
    assert_eq!(scripts, 1, "scripts");
}

fn check_text(text: &str) {
    assert!(!text.contains('>'), "a text is not escaped: {text}");
}

/// Checks a tag; gives what follows it.
fn check_tag(tag: &str) -> &str {
    let (name, mut rest) = word(tag);
    assert!(TAGS.contains(&name), "<{name}");
    loop {
        if let Some(behind) = rest.strip_prefix('>') {
            return behind;
        }
        let (attribute, behind) = word(rest.strip_prefix(' ').expect("an attribute, or the end"));
        assert!(!attribute.is_empty() && !attribute.starts_with("on"), "{attribute} of <{name}");
        assert!(!FORBIDDEN_ATTRIBUTES.contains(&attribute), "{attribute} of <{name}");
        rest = match behind.strip_prefix("=\"") {
            None => behind,
            Some(value) => {
                let (value, behind) = value.split_once('"').expect("the end of a value");
                check_value(name, attribute, value);
                behind
            }
        };
    }
}

fn check_value(tag: &str, attribute: &str, value: &str) {
    assert!(!value.contains(['<', '>']), "{attribute} of <{tag}> is not escaped: {value}");
    if ADDRESS_ATTRIBUTES.contains(&attribute) {
        let is_own = ["/console", "/console/", "/console?"];
        let is_own = value == is_own[0] || is_own[1..].iter().any(|own| value.starts_with(own));
        assert!(is_own || value == "#main", "{attribute} of <{tag}> leads to {value}");
    }
    if tag == "script" {
        assert!(attribute != "src" || value.starts_with(FILES_PATH), "a script from {value}");
    }
}

/// The letters, digits and hyphens that a text begins with, and the rest.
fn word(text: &str) -> (&str, &str) {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
    text.split_at(text.find(|c: char| !is_word(c)).unwrap_or(text.len()))
}
