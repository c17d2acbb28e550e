//! What goes on by itself on a page: server-sent events (WHATWG HTML).
//!
//! Fed by pages with a stream of pieces of a page, made by the templates; feeds the script
//! `assets/console.js`, which puts them into the page. Guarantees that so many pages go on at
//! once, in all and of one tenant, that one ends after a minute, also if nobody reads it,
//! whereupon the browser asks again with its session, and that a proxy does not take a silent one
//! for dead.

use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt as _};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use maud::{Markup, html};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;

use super::answers::Answer;
use super::failure::PageFailure;
use super::limits::ConsoleLimit;
use super::turns::{Turn, TurnOwner};
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

/// A page's answer to the script: events as they come. A stream that fails ends, and the browser
/// asks again.
pub fn events(
    visit: &Visit,
    events: impl Stream<Item = Result<LiveEvent, Status>> + Send + 'static,
) -> Result<Answer, PageFailure> {
    let owner = TurnOwner::of(&visit.signed_in.identity);
    let turn = visit.console.live_pages.take(owner);
    let turn = turn.ok_or(PageFailure::Busy(ConsoleLimit::LivePages))?;
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(send(events.boxed(), sender, turn, Instant::now() + MAX_LIVE_TIME));
    let frames = stream::unfold(receiver, |mut receiver| async move {
        let text: Bytes = receiver.recv().await?;
        Some((Ok::<_, Status>(Frame::data(text)), receiver))
    });
    Ok(Answer::Live(Body::new(StreamBody::new(frames))))
}

/// Sends events until there are no more, nobody is there or the page has had its time. A body
/// that nobody reads is not asked for its next piece, and so would never end by itself.
async fn send(
    mut events: BoxStream<'static, Result<LiveEvent, Status>>,
    sender: mpsc::Sender<Bytes>,
    _turn: Turn,
    end: Instant,
) {
    let sending = async {
        loop {
            let text = match tokio::time::timeout(PING_INTERVAL, events.next()).await {
                Ok(Some(Ok(event))) => event.text(),
                Ok(Some(Err(_)) | None) => return,
                Err(_) => Bytes::from_static(b": \n\n"),
            };
            if sender.send(text).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = sending => {}
        () = sender.closed() => {}
        () = tokio::time::sleep_until(end) => {}
    }
}

/// What the script shows while a page with `data-live` is not kept up to date.
pub fn lost_notice() -> Markup {
    html! {
        p.warning role="alert" data-live-lost hidden {
            "This page is not kept up to date now: the server cannot be reached, has too much to \
             do, or your session is over. It is tried again; reload the page to see more."
        }
    }
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
    use super::*;
    use crate::console::turns::ConsoleTurns;

    fn event() -> LiveEvent {
        LiveEvent { kind: LiveEventKind::Replace, id: None, markup: html! { "x" } }
    }

    #[tokio::test]
    async fn a_page_that_nobody_reads_ends_in_time() {
        let turns = ConsoleTurns::new(1, 1);
        let turn = turns.take(TurnOwner::Visitors).unwrap();
        let (sender, mut receiver) = mpsc::channel(1);
        let events = stream::repeat_with(|| Ok(event())).boxed();
        let sent = send(events, sender, turn, Instant::now() + Duration::from_millis(20));
        tokio::time::timeout(Duration::from_secs(10), sent).await.unwrap();
        assert!(turns.take(TurnOwner::Visitors).is_some());
        assert!(receiver.recv().await.is_some() && receiver.recv().await.is_none());
    }

    #[tokio::test]
    async fn a_page_whose_browser_has_gone_ends_at_once() {
        let turns = ConsoleTurns::new(1, 1);
        let turn = turns.take(TurnOwner::Visitors).unwrap();
        let (sender, receiver) = mpsc::channel(1);
        drop(receiver);
        let end = Instant::now() + MAX_LIVE_TIME;
        let sent = send(stream::pending().boxed(), sender, turn, end);
        tokio::time::timeout(Duration::from_secs(10), sent).await.unwrap();
        assert!(turns.take(TurnOwner::Visitors).is_some());
    }

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
