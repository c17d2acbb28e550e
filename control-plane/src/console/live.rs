//! What goes on by itself on a page: server-sent events (WHATWG HTML).
//!
//! Fed by pages with a stream of pieces of a page, made by the templates; feeds the script
//! `assets/console.js`, which puts them into the page. Guarantees that so many pages go on at
//! once, that one ends after some minutes, whereupon the browser asks again with its session,
//! and that a proxy does not take a silent one for dead.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt as _};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use maud::Markup;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;

use super::answers::Answer;
use super::failure::PageFailure;
use super::visit::Visit;

/// For so long events come on one request: a session that is over is noticed by then.
const MAX_LIVE_TIME: Duration = Duration::from_secs(60);
/// Proxies end what says nothing for a minute.
const PING_INTERVAL: Duration = Duration::from_secs(15);

/// A change of the page.
#[derive(Clone, Debug)]
pub struct LiveEvent {
    pub kind: LiveEventKind,
    /// Where the browser goes on after it ("last-event-id").
    pub id: Option<String>,
    pub markup: Markup,
}

/// What the script does with a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiveEventKind {
    /// Puts it before all that is there.
    Prepend,
    /// Puts it in the place of all that is there.
    Replace,
    /// As `Replace`, and asks for no more.
    End,
}

impl LiveEventKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Prepend => "prepend",
            Self::Replace => "replace",
            Self::End => "end",
        }
    }
}

impl LiveEvent {
    fn text(&self) -> Bytes {
        let mut text = format!("event: {}\n", self.kind.name());
        if let Some(id) = self.id.as_deref().filter(|id| !id.contains(['\n', '\r', '\0'])) {
            text.push_str(&format!("id: {id}\n"));
        }
        // A line end of any kind in a text would end the event's line.
        for line in self.markup.0.split(['\n', '\r']) {
            text.push_str(&format!("data: {line}\n"));
        }
        text.push('\n');
        Bytes::from(text)
    }
}

struct LiveState {
    events: BoxStream<'static, Result<LiveEvent, Status>>,
    end: Instant,
    _turn: OwnedSemaphorePermit,
}

/// A page's answer to the script: events as they come. A stream that fails ends, and the browser
/// asks again.
pub fn events(
    visit: &Visit,
    events: impl Stream<Item = Result<LiveEvent, Status>> + Send + 'static,
) -> Result<Answer, PageFailure> {
    let turn = Arc::clone(&visit.console.live_pages).try_acquire_owned();
    let turn = turn.map_err(|_| PageFailure::Busy)?;
    let end = Instant::now() + MAX_LIVE_TIME;
    let state = LiveState { events: events.boxed(), end, _turn: turn };
    let frames = stream::unfold(state, |mut state| async move {
        let ping = (Instant::now() + PING_INTERVAL).min(state.end);
        match tokio::time::timeout_at(ping, state.events.next()).await {
            Ok(Some(Ok(event))) => Some((Ok::<_, Status>(Frame::data(event.text())), state)),
            Ok(Some(Err(_)) | None) => None,
            Err(_) if Instant::now() >= state.end => None,
            Err(_) => Some((Ok(Frame::data(Bytes::from_static(b": \n\n"))), state)),
        }
    });
    Ok(Answer::Live(Body::new(StreamBody::new(frames))))
}

/// The answer with events as its body.
pub fn answer(body: Body) -> Response<Body> {
    let mut answer = Response::new(body);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // nginx would collect events until there are many.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    answer
}

#[cfg(test)]
mod tests {
    use maud::html;

    use super::*;

    #[test]
    fn no_text_ends_its_event() {
        let markup = html! { p { "a\n\nevent: end\r\ndata: <b>" } };
        let event = LiveEvent { kind: LiveEventKind::Prepend, id: Some("1\n".into()), markup };
        let text = String::from_utf8(event.text().to_vec()).unwrap();
        assert_eq!(
            text,
            "event: prepend\ndata: <p>a\ndata: \ndata: event: end\ndata: \ndata: data: &lt;b&gt;</p>\n\n"
        );
    }
}
