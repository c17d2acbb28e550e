//! Forms that do not arrive.

use futures::{FutureExt as _, stream};
use http_body::Frame;
use http_body_util::StreamBody;
use tonic::Status;

use super::*;

/// A form of a browser without a session, of which nothing comes.
fn stalled_form() -> Request<Body> {
    let nothing = StreamBody::new(stream::pending::<Result<Frame<Bytes>, Status>>());
    let request =
        Request::post("/console/sign-in").header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    request.body(Body::new(nothing)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forms_that_never_arrive_are_so_many_and_keep_nobody_out() {
    let browser = Browser::start().await;
    let console = console_beside(&browser);
    let serve = || Box::pin(crate::console::serve::serve(&console, no_door(), stalled_form()));
    let mut forms: Vec<_> = (0..=MAX_VISITOR_FORMS).map(|_| serve()).collect();
    for form in &mut forms {
        assert!(form.as_mut().now_or_never().is_none());
    }
    let oldest = forms.remove(0).await;
    assert_eq!(oldest.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(oldest.headers()["retry-after"], "1");
    let metrics = browser.plane.context.metrics.limits();
    assert_eq!(metrics.times_reached("console:visitor_forms"), 1);
    for form in &mut forms {
        assert!(form.as_mut().now_or_never().is_none());
    }
    // None of them has a turn.
    let request = Request::get("/console/sign-in").body(Body::empty()).unwrap();
    let page = crate::console::serve::serve(&console, no_door(), request).await;
    assert_eq!(page.status(), StatusCode::OK);
}
