//! Attempts: their outcome in words, what was sent and what the receiver answered.
//!
//! Fed by pages with attempts; feeds them markup. Guarantees that what receivers and publishers
//! wrote is shown as text, and that it is told where a value is hidden or was not kept.

use maud::{Markup, html};
use postrider_proto::v1::{
    Attempt, AttemptOutcome, AttemptRequest, AttemptTrigger, RequestHeader, RequestHeaderView,
    RequestUnknownReason,
};

use super::badges::{self, Tone};
use super::waterfall;

/// Of a body that is no text so many bytes are shown.
const MAX_SHOWN_BYTES: usize = 1024;

/// An outcome's tone and words, by its code in a message.
pub fn outcome_words(code: i32) -> (Tone, &'static str) {
    match AttemptOutcome::try_from(code).unwrap_or_default() {
        AttemptOutcome::Succeeded => (Tone::Good, "Success"),
        AttemptOutcome::HttpStatus => (Tone::Bad, "Failure"),
        AttemptOutcome::Timeout => (Tone::Bad, "Failure: timed out"),
        AttemptOutcome::DnsFailed => (Tone::Bad, "Failure: no address found"),
        AttemptOutcome::ConnectFailed => (Tone::Bad, "Failure: no connection"),
        AttemptOutcome::TlsFailed => (Tone::Bad, "Failure: TLS"),
        AttemptOutcome::ConnectionClosed => (Tone::Bad, "Failure: connection closed"),
        AttemptOutcome::ResponseTooLarge => (Tone::Bad, "Failure: answer too large"),
        AttemptOutcome::BlockedAddress => (Tone::Bad, "Failure: address not allowed"),
        AttemptOutcome::InvalidRequest => (Tone::Bad, "Failure: request not built"),
        AttemptOutcome::TokenFailed => (Tone::Bad, "Failure: no access token"),
        AttemptOutcome::Unknown => (Tone::Warning, "Not known"),
        AttemptOutcome::Unspecified => (Tone::Plain, "None yet"),
    }
}

pub fn outcome(code: i32) -> Markup {
    let (tone, words) = outcome_words(code);
    match words.split_once(": ") {
        Some((result, why)) => html! { (badges::badge(tone, result)) " " span.why { (why) } },
        None => badges::badge(tone, words),
    }
}

/// An HTTP status, or a dash where there was no answer.
pub fn http_status(status: u32) -> Markup {
    html! { @if status == 0 { span.none { "–" } } @else { (status) } }
}

pub fn trigger_words(code: i32) -> &'static str {
    match AttemptTrigger::try_from(code).unwrap_or_default() {
        AttemptTrigger::Publish => "The event was published",
        AttemptTrigger::Retry => "The attempt before failed",
        AttemptTrigger::Manual => "Somebody sent it again",
        AttemptTrigger::Test => "A test",
        AttemptTrigger::Replay => "A replay",
        AttemptTrigger::Unspecified => "Not known",
    }
}

/// Where the attempt's time went, and what went wrong.
pub fn summary(attempt: &Attempt) -> Markup {
    html! {
        @if !attempt.error.is_empty() { p.error { (attempt.error) } }
        @if let Some(timings) = &attempt.timings { (waterfall::waterfall(timings)) }
    }
}

/// What the receiver answered.
pub fn response(attempt: &Attempt) -> Markup {
    let headers: Vec<(String, String)> = attempt
        .response_headers
        .iter()
        .map(|header| (header.name.clone(), String::from_utf8_lossy(&header.value).into_owned()))
        .collect();
    html! {
        @if attempt.http_status == 0 {
            p.hint { "There was no answer." }
        } @else {
            (header_table("Headers of the answer", &headers))
            (body("Body of the answer", &attempt.response_text, &attempt.response_body))
            @if attempt.response_body_truncated {
                p.hint {
                    "This is its beginning; " (attempt.response_body_size) " bytes were read."
                }
            }
        }
    }
}

/// What was sent, or why that is not known.
pub fn request(attempt: &Attempt) -> Markup {
    match &attempt.request {
        Some(request) => sent(request),
        None => html! { p.hint { (unknown_words(attempt.request_unknown_reason)) } },
    }
}

fn sent(request: &AttemptRequest) -> Markup {
    let headers: Vec<(String, String)> =
        request.headers.iter().map(|header| (header.name.clone(), header_value(header))).collect();
    html! {
        p { code { (request.method) " " (request.url) } }
        (header_table("Headers of the request", &headers))
        (body("Body of the request", &request.body_text, &request.body))
    }
}

fn header_value(header: &RequestHeader) -> String {
    match RequestHeaderView::try_from(header.view).unwrap_or_default() {
        RequestHeaderView::Masked => "(hidden)".to_owned(),
        RequestHeaderView::NotKept => "(not kept)".to_owned(),
        RequestHeaderView::Sent | RequestHeaderView::Unspecified => header.value.clone(),
    }
}

fn unknown_words(code: i32) -> &'static str {
    match RequestUnknownReason::try_from(code).unwrap_or_default() {
        RequestUnknownReason::SubscriptionChanged => {
            "The subscription has changed since: the request cannot be shown as it was sent."
        }
        RequestUnknownReason::EventGone => "The event is no longer stored.",
        RequestUnknownReason::NotReported => "No agent reported with which settings it was sent.",
        RequestUnknownReason::NotBuilt => "The request was not built, and nothing was sent.",
        RequestUnknownReason::PayloadRemoved => "The event's payload was removed.",
        RequestUnknownReason::ConfigurationUnreadable => {
            "What is stored of the subscription cannot be read. An operator has to repair it."
        }
        RequestUnknownReason::Unspecified => "The request is shown with the attempt itself.",
    }
}

fn header_table(caption: &str, headers: &[(String, String)]) -> Markup {
    html! {
        @if !headers.is_empty() {
            div.scroll role="region" aria-label=(caption) tabindex="0" {
                table.headers {
                    caption.hidden { (caption) }
                    tbody {
                        @for (name, value) in headers {
                            tr { th scope="row" { code { (name) } } td { code { (value) } } }
                        }
                    }
                }
            }
        }
    }
}

/// A body: its text where it is one, and else its bytes in hexadecimal digits.
pub fn body(caption: &str, text: &str, bytes: &[u8]) -> Markup {
    let shown = if text.is_empty() && !bytes.is_empty() { hexadecimal(bytes) } else { text.into() };
    html! {
        @if shown.is_empty() {
            p.hint { (caption) ": empty." }
        } @else {
            pre tabindex="0" role="region" aria-label=(caption) { (shown) }
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let shown = bytes.get(..MAX_SHOWN_BYTES).unwrap_or(bytes);
    let rest = bytes.len() - shown.len();
    let end = if rest == 0 { String::new() } else { format!(" and {rest} bytes more") };
    format!("{}{end}", hex::encode(shown))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use postrider_proto::v1::HttpHeader;

    use super::*;

    #[test]
    fn what_others_wrote_is_shown_as_text() {
        let hostile = "<script>alert(1)</script>";
        let value = Bytes::from_static(b"\xff<img src=x>");
        let attempt = Attempt {
            http_status: 500,
            error: hostile.to_owned(),
            response_text: hostile.to_owned(),
            response_headers: vec![HttpHeader { name: "x".to_owned(), value }],
            request: Some(AttemptRequest {
                method: "POST".to_owned(),
                url: hostile.to_owned(),
                headers: vec![RequestHeader {
                    name: "authorization".to_owned(),
                    value: "***".to_owned(),
                    view: RequestHeaderView::Masked.into(),
                }],
                body: Bytes::from_static(b"\xff\x00"),
                body_text: String::new(),
            }),
            ..Attempt::default()
        };
        let shown = [summary(&attempt), response(&attempt), request(&attempt)];
        let shown: String = shown.into_iter().map(Markup::into_string).collect();
        assert!(!shown.contains("<script") && !shown.contains("<img"), "{shown}");
        assert!(shown.contains("(hidden)") && shown.contains("ff00"), "{shown}");
        let none = response(&Attempt::default()).into_string();
        assert!(none.contains("no answer"), "{none}");
        assert!(hexadecimal(&[0; 2000]).ends_with("and 976 bytes more"));
    }
}
