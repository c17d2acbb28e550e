//! Why there is no page.
//!
//! Fed by pages with what the API answers; feeds `serve` with an HTTP status and words, and
//! forms with what is wrong in which field. Guarantees that a person learns what the API tells
//! callers, and nothing that the log alone has.

use std::time::Duration;

use http::StatusCode;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::limits::ConsoleLimit;

/// Most problems that a form tells of one field: of a field with very many lines each may be
/// wrong, and who has mended these is told the next.
const MAX_TOLD_PROBLEMS: usize = 8;

/// See the module.
#[derive(Clone, Debug)]
pub enum PageFailure {
    /// The session is over, or its token is.
    SignedOut,
    /// There is nothing at this path, or nothing that the caller may know of.
    NotFound,
    /// The form is not one of this session's.
    ForeignForm,
    /// The console has too much to do, or to keep.
    Busy(ConsoleLimit),
    /// Somebody signs in too often, and may again after this.
    TooOften(Duration),
    Api(Box<Status>),
    /// Another one, in words.
    Other(StatusCode, &'static str),
}

impl From<Status> for PageFailure {
    fn from(status: Status) -> Self {
        if status.code() == Code::Unauthenticated {
            return Self::SignedOut;
        }
        Self::Api(Box::new(status))
    }
}

impl PageFailure {
    pub fn http_status(&self) -> StatusCode {
        match self {
            Self::SignedOut => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::ForeignForm => StatusCode::FORBIDDEN,
            Self::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooOften(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Api(status) => api_status(status.code()),
            Self::Other(status, _) => *status,
        }
    }

    /// For the heading.
    pub fn title(&self) -> &'static str {
        match self.http_status() {
            StatusCode::UNAUTHORIZED => "Signed out",
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::FORBIDDEN => "Not allowed",
            StatusCode::TOO_MANY_REQUESTS => "Too many requests",
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => "Not available now",
            StatusCode::CONFLICT => "Changed in the meantime",
            _ => "That did not work",
        }
    }

    pub fn message(&self) -> String {
        match self {
            Self::SignedOut => "Your session is over. Sign in again.".to_owned(),
            Self::NotFound => "There is nothing here, or nothing that you may see.".to_owned(),
            Self::ForeignForm => "This form is no longer good. Go back, reload the page and send \
                                  the form again."
                .to_owned(),
            Self::Busy(limit) if limit.is_brief() => {
                "The console has too much to do. Try again in a moment.".to_owned()
            }
            Self::Busy(_) => "There are too many sessions. Try again later.".to_owned(),
            Self::TooOften(_) => {
                let seconds = self.retry_seconds().unwrap_or(1);
                format!("You sign in too often. Try again in {seconds} s.")
            }
            Self::Api(status) => sentence(status.message()),
            Self::Other(_, message) => (*message).to_owned(),
        }
    }

    /// The reason of an error, by which docs/errors.md explains it.
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Api(status) => status.get_details_error_info().map(|info| info.reason),
            Self::SignedOut
            | Self::NotFound
            | Self::ForeignForm
            | Self::Busy(_)
            | Self::TooOften(_)
            | Self::Other(..) => None,
        }
    }

    /// When to try again, where waiting helps.
    pub fn retry_seconds(&self) -> Option<u64> {
        match self {
            Self::Busy(limit) => limit.is_brief().then_some(1),
            Self::TooOften(after) => Some(after.as_secs() + u64::from(after.subsec_nanos() > 0)),
            Self::SignedOut
            | Self::NotFound
            | Self::ForeignForm
            | Self::Api(_)
            | Self::Other(..) => None,
        }
    }
}

fn api_status(code: Code) -> StatusCode {
    match code {
        Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange | Code::Cancelled => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
    }
}

/// The API's words, as a person reads them.
fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let Some(first) = letters.next() else { return "No reason was told.".to_owned() };
    let end = if message.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{}{}{end}", first.to_uppercase(), letters.as_str())
}

/// What is wrong with the fields of a form.
#[derive(Clone, Debug, Default)]
pub struct FormErrors {
    fields: Vec<(String, String)>,
    /// What is about no field.
    pub general: Option<String>,
}

impl FormErrors {
    /// What an error of the API says. `prefix` stands before the fields in the request, as
    /// "subscription." does.
    pub fn of(status: &Status, prefix: &str) -> Self {
        let violations = status.get_details_bad_request().map(|bad| bad.field_violations);
        let fields: Vec<_> = violations
            .unwrap_or_default()
            .into_iter()
            .map(|violation| {
                let field = violation.field.strip_prefix(prefix).unwrap_or(&violation.field);
                (field.to_owned(), violation.description)
            })
            .collect();
        let general = fields.is_empty().then(|| sentence(status.message()));
        Self { fields, general }
    }

    /// What the form itself finds wrong with a field; no more than can be of use.
    pub fn add(&mut self, field: &str, problem: impl Into<String>) {
        let told = self.fields.iter().filter(|(known, _)| known == field).count();
        if told < MAX_TOLD_PROBLEMS {
            self.fields.push((field.to_owned(), problem.into()));
        }
    }

    /// What is wrong with a field, or with what is in it: `headers` tells of `headers[0].name`.
    pub fn of_field(&self, name: &str) -> Option<String> {
        let is_within = |field: &str| {
            let rest = field.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let told = self.fields.iter().filter(|(field, _)| is_within(field));
        let told: Vec<&str> = told.map(|(_, problem)| problem.as_str()).collect();
        (!told.is_empty()).then(|| told.join("; "))
    }

    /// Those of no field that a form shows.
    pub fn of_others<'a>(&'a self, shown: &'a [&str]) -> impl Iterator<Item = String> + 'a {
        let is_shown = move |field: &str| {
            shown.iter().any(|name| {
                field
                    .strip_prefix(name)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            })
        };
        let others = self.fields.iter().filter(move |(field, _)| !is_shown(field));
        others.map(|(field, problem)| format!("{field}: {problem}"))
    }

    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.general.is_none()
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::{ErrorDetails, FieldViolation};

    use super::*;

    #[test]
    fn errors_are_told_at_their_fields() {
        let mut details = ErrorDetails::new();
        details.set_bad_request(vec![
            FieldViolation::new("subscription.url", "must begin with https://"),
            FieldViolation::new("subscription.headers[2].name", "is reserved"),
            FieldViolation::new("parent", "is not a name"),
        ]);
        let status = Status::with_error_details(Code::InvalidArgument, "two problems", details);
        let errors = FormErrors::of(&status, "subscription.");
        assert_eq!(errors.of_field("url").as_deref(), Some("must begin with https://"));
        assert_eq!(errors.of_field("headers").as_deref(), Some("is reserved"));
        assert_eq!(errors.of_field("head"), None);
        let others: Vec<_> = errors.of_others(&["url", "headers"]).collect();
        assert_eq!(others, ["parent: is not a name"]);
        assert!(errors.general.is_none() && !errors.is_empty());
        let mut own = FormErrors::default();
        own.add("request_timeout", "must be a span");
        assert_eq!(own.of_field("request_timeout").as_deref(), Some("must be a span"));
    }

    #[test]
    fn a_field_with_very_many_problems_tells_the_first() {
        let mut errors = FormErrors::default();
        for number in 0..1_000 {
            errors.add("headers", format!("line {number}"));
        }
        errors.add("url", "must begin with https://");
        let told = errors.of_field("headers").unwrap();
        assert!(told.starts_with("line 0; line 1; ") && told.ends_with("; line 7"), "{told}");
        assert_eq!(errors.of_field("url").as_deref(), Some("must begin with https://"));
    }

    #[test]
    fn who_may_try_again_is_told_when() {
        let often = PageFailure::TooOften(Duration::from_millis(1_200));
        assert_eq!((often.retry_seconds(), often.http_status().as_u16()), (Some(2), 429));
        assert_eq!(often.message(), "You sign in too often. Try again in 2 s.");
        let busy = PageFailure::Busy(ConsoleLimit::Requests);
        assert_eq!((busy.retry_seconds(), busy.http_status().as_u16()), (Some(1), 503));
        let full = PageFailure::Busy(ConsoleLimit::Sessions);
        assert_eq!((full.retry_seconds(), full.http_status().as_u16()), (None, 503));
        assert_eq!(full.message(), "There are too many sessions. Try again later.");
        assert_eq!(PageFailure::NotFound.retry_seconds(), None);
    }

    #[test]
    fn an_error_of_no_field_is_a_sentence() {
        let errors = FormErrors::of(&Status::not_found("no such tenant"), "");
        assert_eq!(errors.general.as_deref(), Some("No such tenant."));
        let failure = PageFailure::from(Status::not_found("no such tenant"));
        assert_eq!((failure.http_status(), failure.title()), (StatusCode::NOT_FOUND, "Not found"));
        assert!(matches!(PageFailure::from(Status::unauthenticated("x")), PageFailure::SignedOut));
    }
}
