//! Compares attempts' requests in the API with what the receiver got.
//!
//! Fed by scenarios. Guarantees that what history shows of a request is
//! what arrived: its body byte for byte, its URL, the names of all its headers and the
//! values shown.

use std::sync::Arc;

use http::Uri;
use postrider_proto::v1::{
    Attempt, AttemptRequest, ListAttemptsRequest, RequestHeaderView, RequestUnknownReason,
};
use postrider_tests::receiver::Received;
use postrider_tests::wait;

use crate::stage::{SOON_LIMIT, Stage};

/// Told by nobody: of the attempt, or of the agent.
const HEADERS_NOT_KEPT: [&str; 4] =
    ["traceparent", "tracestate", "user-agent", "webhook-timestamp"];

/// Reads every attempt of a subscription, which has one for each of these requests,
/// and compares them.
pub async fn assert_told(stage: &Stage, subscription: &str, requests: &[Arc<Received>]) {
    let mut attempts = attempts(stage, subscription, requests.len()).await;
    attempts.sort_by_key(|attempt| attempt.number);
    for attempt in &attempts {
        let id = attempt.event.rsplit('/').next().unwrap();
        let mut sent = requests.iter().filter(|request| request.webhook_id() == id);
        let received = sent.nth(attempt.number as usize - 1).unwrap();
        let told = stage.api.clone().attempt(&attempt.name).await.unwrap();
        assert_eq!(told.request_unknown_reason(), RequestUnknownReason::Unspecified, "{told:?}");
        let request = told.request.clone().unwrap();
        assert_like(&request, received);
        assert_spelt(&request, &told.http_version);
        // For the rest it is as in the list, which has no requests.
        assert_eq!(Attempt { request: None, ..told }, *attempt);
    }
}

/// The attempts of a subscription, once there are so many.
async fn attempts(stage: &Stage, subscription: &str, count: usize) -> Vec<Attempt> {
    wait::until("every attempt is recorded", SOON_LIMIT, || async {
        let mut api = stage.api.clone();
        let listed = api.deliveries.list_attempts(ListAttemptsRequest {
            parent: subscription.to_owned(),
            page_size: 1000,
            ..ListAttemptsRequest::default()
        });
        let listed = listed.await.map_err(|error| error.to_string())?.into_inner().attempts;
        if listed.len() == count { Ok(listed) } else { Err(format!("{} of {count}", listed.len())) }
    })
    .await
    .unwrap()
}

/// Compares a request that is told with one that came.
pub fn assert_like(told: &AttemptRequest, came: &Received) {
    assert_eq!(told.method, came.method.as_str());
    assert_eq!(told.body, came.body);
    assert_eq!(told.body_text.as_bytes(), if is_text(&came.body) { &came.body[..] } else { b"" });
    let url: Uri = told.url.parse().unwrap();
    assert_eq!(url.path_and_query(), came.uri.path_and_query());
    let host = came.uri.authority().map_or_else(|| came.header("host"), |given| given.as_str());
    assert_eq!(url.authority().unwrap().as_str(), host);
    // The receiver's library keeps names in lower case; what it read of them is seen by the
    // agent's own tests.
    let told_names = told.headers.iter().map(|header| header.name.to_ascii_lowercase());
    let mut names: Vec<_> = told_names.collect();
    let mut came_names: Vec<_> = came.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    came_names.sort_unstable();
    assert_eq!(names, came_names);
    for header in &told.headers {
        let name = header.name.as_str();
        match header.view() {
            RequestHeaderView::Sent => assert_eq!(header.value, came.header(name), "{name}"),
            RequestHeaderView::Masked => assert_eq!(header.value, "***", "{name}"),
            RequestHeaderView::NotKept => {
                assert!(HEADERS_NOT_KEPT.contains(&name) && header.value.is_empty(), "{header:?}");
            }
            RequestHeaderView::Unspecified => panic!("{header:?}"),
        }
    }
}

/// Names of the customer's choice are told in his case over HTTP/1.1, all others in lower case.
fn assert_spelt(told: &AttemptRequest, http_version: &str) {
    const CHOSEN_NAMES: [&str; 6] =
        ["Authorization", "X-Secret", "X-Signature", "X-Stripe", "X-Team", "X-Time"];
    for header in &told.headers {
        let chosen = CHOSEN_NAMES.iter().find(|name| name.eq_ignore_ascii_case(&header.name));
        match chosen.filter(|_| http_version == "HTTP/1.1") {
            Some(name) => assert_eq!(header.name, **name),
            None => assert_eq!(header.name, header.name.to_ascii_lowercase()),
        }
    }
}

fn is_text(body: &[u8]) -> bool {
    let is_text = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r');
    std::str::from_utf8(body).is_ok_and(|text| text.chars().all(is_text))
}
