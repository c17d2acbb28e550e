//! What a receiver does with a request.
//!
//! Fed by tests, as plain values; feeds `serve`, which acts them out. Guarantees
//! that every fault a webhook meets in the world has a value here, so that a
//! test reads like the story of the receiver it is about.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use tokio::sync::watch;

/// What happens after a request has been read.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// An answer, good or bad.
    Answer(Answer),
    /// Nothing, for ever; the connection stays open.
    Hang,
    /// The connection ends before the status line.
    CloseBeforeAnswer,
}

/// An answer and its pace.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: Vec<(String, String)>,
    /// Passes before the status line is sent.
    pub after: Duration,
    /// The status line waits until this is open.
    pub gate: Option<Gate>,
    pub body: Body,
}

/// An answer's body.
#[derive(Clone, Debug)]
pub enum Body {
    /// These bytes at once.
    Whole(Bytes),
    /// So many bytes, announced by content-length and sent as fast as they go.
    Sized(u64),
    /// The same few bytes again and again, without end.
    Drip { piece: Bytes, every: Duration },
    /// These bytes; then the connection ends in the middle of the body.
    Cut(Bytes),
}

/// Holds answers back until a test opens it, so that attempts are in flight for
/// exactly as long as the test wants.
#[derive(Clone, Debug)]
pub struct Gate(watch::Sender<bool>);

impl Gate {
    /// A gate that holds.
    pub fn closed() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Lets everything through, now and later.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    pub(super) async fn passed(&self) {
        let mut open = self.0.subscribe();
        // The sender lives as long as `self`, so this cannot fail.
        let _ = open.wait_for(|open| *open).await;
    }
}

impl Answer {
    /// An empty answer with this status.
    pub fn status(status: StatusCode) -> Self {
        Self {
            status,
            headers: Vec::new(),
            after: Duration::ZERO,
            gate: None,
            body: Body::Whole(Bytes::new()),
        }
    }

    /// 200 with an empty body.
    pub fn ok() -> Self {
        Self::status(StatusCode::OK)
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    #[must_use]
    pub fn after(mut self, after: Duration) -> Self {
        self.after = after;
        self
    }

    #[must_use]
    pub fn when_open(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }

    #[must_use]
    pub fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }
}

impl From<Answer> for Behaviour {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

/// 200.
pub fn ok() -> Behaviour {
    Answer::ok().into()
}

/// An empty answer with this status.
pub fn status(status: StatusCode) -> Behaviour {
    Answer::status(status).into()
}

/// A redirection, which a webhook must not follow.
pub fn redirect(status: StatusCode, location: &str) -> Behaviour {
    Answer::status(status).header("location", location).into()
}

/// 429 or 503 with `retry-after`, in seconds or as a date.
pub fn retry_after(status: StatusCode, value: impl ToString) -> Behaviour {
    Answer::status(status).header("retry-after", value).into()
}

/// 200 that is held until the gate opens.
pub fn held(gate: &Gate) -> Behaviour {
    Answer::ok().when_open(gate).into()
}

/// 200 with a body of so many bytes.
pub fn large(bytes: u64) -> Behaviour {
    Answer::ok().body(Body::Sized(bytes)).into()
}

/// 200 with a body that never ends, one byte at a time.
pub fn drip(every: Duration) -> Behaviour {
    let piece = Bytes::from_static(b".");
    Answer::ok().body(Body::Drip { piece, every }).into()
}

/// 200, then the connection ends in the middle of the body.
pub fn close_in_body() -> Behaviour {
    let begun = Bytes::from_static(b"as far as it we");
    Answer::ok().body(Body::Cut(begun)).into()
}

/// Behaviours in turn; the last one stays.
#[derive(Clone, Debug)]
pub(super) struct Script {
    steps: Vec<Behaviour>,
    next: usize,
}

impl Script {
    pub(super) fn new(steps: Vec<Behaviour>) -> Self {
        Self { steps, next: 0 }
    }

    /// The behaviour for the next request; 200 when the script is empty.
    pub(super) fn step(&mut self) -> Behaviour {
        let step = self.steps.get(self.next).or(self.steps.last());
        self.next = (self.next + 1).min(self.steps.len());
        step.cloned().unwrap_or_else(ok)
    }
}
