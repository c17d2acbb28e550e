//! A request's body that keeps to the limits.
//!
//! Fed by the connection; feeds the decoder. Guarantees that nothing is read after a limit
//! was reached, and that what was held is given back with it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use tokio::time::Sleep;
use tonic::Status;
use tonic::body::Body;

use super::message::{MessageMeter, MessageTooLarge};
use super::rule::ReceiveRule;
use crate::api::rpc::byte_budget::{BudgetExceeded, HeldBytes};
use crate::api::rpc::errors::{self, ErrorReason};

/// The setting of [`ReceivedBody`]'s time limit.
const TIMEOUT_SETTING: &str = "requests.receive_timeout_seconds";

/// See the module.
pub struct ReceivedBody {
    /// Absent once it is not read any more.
    inner: Option<Body>,
    rule: ReceiveRule,
    meter: MessageMeter,
    held: HeldBytes,
    timeout: Duration,
    /// When the message must be complete. Absent between the messages of a stream.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl ReceivedBody {
    pub fn new(inner: Body, rule: ReceiveRule, held: HeldBytes, timeout: Duration) -> Self {
        let (meter, deadline) = (MessageMeter::default(), None);
        Self { inner: Some(inner), rule, meter, held, timeout, deadline }
    }

    /// Takes a part of the body. Only messages are held: so as many of the largest fit as
    /// the settings say.
    fn take(&mut self, part: &Bytes) -> Result<(), Status> {
        let of_messages = self.meter.take(part, self.rule.max_message_bytes);
        let of_messages = of_messages.map_err(|error| self.too_large(error))?;
        if self.meter.completed() && self.rule.streams {
            // The decoder takes what is complete at once; a part of the next may be held with
            // it, and is counted.
            self.held.release();
            self.deadline = None;
        }
        if self.meter.is_within() || !self.rule.streams {
            self.held.add(of_messages).map_err(|exceeded| self.too_much(exceeded))?;
        }
        Ok(())
    }

    fn too_large(&self, MessageTooLarge { bytes }: MessageTooLarge) -> Status {
        let ReceiveRule { max_message_bytes: max, size_setting, .. } = self.rule;
        self.held.metrics().reached(size_setting);
        let message = format!("the message has {bytes} bytes, and may have {max}");
        errors::limit_reached(ErrorReason::MessageTooLarge, message, size_setting)
    }

    fn too_much(&self, exceeded: BudgetExceeded) -> Status {
        let setting = self.held.setting(exceeded);
        self.held.metrics().reached(setting);
        let message = match exceeded {
            BudgetExceeded::Connection => "this connection has too many unfinished requests",
            BudgetExceeded::Door => "too many requests are being received",
        };
        errors::limit_passes(ErrorReason::TooMuchReceived, message, setting)
    }

    fn too_slow(&self) -> Status {
        self.held.metrics().reached(TIMEOUT_SETTING);
        let seconds = self.timeout.as_secs();
        let message = format!("the message did not arrive within {seconds} s");
        errors::limit_reached(ErrorReason::ReceivedTooSlowly, message, TIMEOUT_SETTING)
    }

    /// Whether the message has had its time.
    fn is_late(&mut self, context: &mut Context<'_>) -> bool {
        let is_awaited = self.meter.is_within() || !self.rule.streams;
        if !is_awaited {
            return false;
        }
        let timeout = self.timeout;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        deadline.as_mut().poll(context).is_ready()
    }

    /// Stops reading, with an error.
    fn refuse(&mut self, status: Status) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.inner = None;
        self.deadline = None;
        self.held.release();
        Poll::Ready(Some(Err(status)))
    }
}

impl http_body::Body for ReceivedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        let frame = Pin::new(inner).poll_frame(context);
        if frame.is_pending() && self.is_late(context) {
            let late = self.too_slow();
            return self.refuse(late);
        }
        match ready!(frame) {
            Some(Ok(frame)) => match frame.data_ref().map(|part| self.take(part)) {
                Some(Err(status)) => self.refuse(status),
                Some(Ok(())) | None => Poll::Ready(Some(Ok(frame))),
            },
            Some(Err(status)) => self.refuse(status),
            None => {
                self.deadline = None;
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.inner.as_ref().map(http_body::Body::size_hint).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use http_body_util::{BodyExt as _, StreamBody};
    use tokio::sync::mpsc;
    use tokio::time::Instant;
    use tokio_stream::wrappers::ReceiverStream;
    use tonic::Code;
    use tonic_types::StatusExt as _;

    use super::*;
    use crate::api::rpc::byte_budget::ByteBudget;
    use crate::metrics::LimitMetrics;
    use crate::settings::RequestSettings;

    const TIMEOUT: Duration = Duration::from_millis(100);

    fn framed(length: u32, sent: usize) -> Vec<u8> {
        let mut bytes = vec![0];
        bytes.extend(length.to_be_bytes());
        bytes.extend(vec![7; sent]);
        bytes
    }

    fn budget(max: usize, max_per_connection: usize) -> (ByteBudget, LimitMetrics) {
        let settings = RequestSettings {
            receive_timeout_seconds: 1,
            max_receiving_bytes: max,
            max_receiving_bytes_per_connection: max_per_connection,
            send_timeout_seconds: 1,
            max_unsent_bytes: max,
            max_unsent_bytes_per_connection: max_per_connection,
            max_reads_per_caller: 1,
            max_read_wait_milliseconds: 1,
        };
        let metrics = LimitMetrics::default();
        (ByteBudget::of_requests(&settings, "callers", metrics.clone()), metrics)
    }

    const RULE: ReceiveRule = ReceiveRule {
        max_message_bytes: 50,
        size_setting: "server.max_request_bytes",
        streams: false,
    };

    fn frame(part: Vec<u8>) -> Result<Frame<Bytes>, Status> {
        Ok(Frame::data(part.into()))
    }

    fn sent(parts: Vec<Vec<u8>>, rule: ReceiveRule, held: HeldBytes) -> ReceivedBody {
        let frames = parts.into_iter().map(frame);
        let body = StreamBody::new(futures::stream::iter(frames));
        ReceivedBody::new(Body::new(body), rule, held, TIMEOUT)
    }

    fn reason(status: &Status) -> String {
        status.get_details_error_info().unwrap().reason
    }

    #[tokio::test]
    async fn a_message_that_is_too_large_is_refused_by_its_length() {
        let (budget, metrics) = budget(1000, 1000);
        let held = budget.hold(Arc::default());
        let refused = sent(vec![framed(51, 0)], RULE, held).collect().await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused)),
            (Code::ResourceExhausted, "MESSAGE_TOO_LARGE".into())
        );
        let quota = refused.get_details_quota_failure().unwrap().violations;
        assert_eq!(quota[0].subject, "server.max_request_bytes");
        assert_eq!(metrics.times_reached("server.max_request_bytes"), 1);
        let held = budget.hold(Arc::default());
        let whole = sent(vec![framed(50, 50)], RULE, held).collect().await.unwrap().to_bytes();
        assert_eq!(whole.len(), 55);
    }

    #[tokio::test]
    async fn unfinished_requests_are_refused_beyond_the_bytes_of_a_connection() {
        let (budget, _) = budget(1000, 60);
        let connection: Arc<AtomicUsize> = Arc::default();
        let mut first = budget.hold(Arc::clone(&connection));
        first.add(11).unwrap();
        let parts = vec![framed(50, 20), vec![7; 30]];
        let held = budget.hold(Arc::clone(&connection));
        let refused = sent(parts.clone(), RULE, held).collect().await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused)),
            (Code::ResourceExhausted, "TOO_MUCH_RECEIVED".into())
        );
        assert!(refused.get_details_retry_info().unwrap().retry_delay.is_some());
        drop(first);
        let held = budget.hold(connection);
        sent(parts, RULE, held).collect().await.unwrap();
    }

    #[tokio::test]
    async fn as_many_of_the_largest_are_received_as_the_bytes_of_a_connection_hold() {
        let (budget, _) = budget(1000, 100);
        let connection: Arc<AtomicUsize> = Arc::default();
        let mut both = Vec::new();
        for _ in 0..2 {
            let held = budget.hold(Arc::clone(&connection));
            let mut body = sent(vec![framed(50, 50)], RULE, held);
            body.frame().await.unwrap().unwrap();
            both.push(body);
        }
        let mut third = sent(vec![framed(1, 1)], RULE, budget.hold(connection));
        let refused = third.frame().await.unwrap().unwrap_err();
        assert_eq!(reason(&refused), "TOO_MUCH_RECEIVED");
    }

    #[tokio::test]
    async fn a_stream_holds_only_the_message_that_is_not_complete() {
        let (budget, metrics) = budget(1000, 60);
        let rule = ReceiveRule { streams: true, ..RULE };
        let parts = vec![framed(50, 50); 10];
        let held = budget.hold(Arc::default());
        let mut body = sent(parts, rule, held);
        for _ in 0..10 {
            body.frame().await.unwrap().unwrap();
            assert_eq!(metrics.receiving_bytes("callers").get(), 0);
        }
    }

    #[tokio::test]
    async fn a_request_has_its_time_and_a_stream_may_be_silent_between_messages() {
        let (budget, metrics) = budget(1000, 1000);
        let open = |streams| {
            let (sender, parts) = mpsc::channel(4);
            let body = Body::new(StreamBody::new(ReceiverStream::new(parts)));
            let rule = ReceiveRule { streams, ..RULE };
            (sender, ReceivedBody::new(body, rule, budget.hold(Arc::default()), TIMEOUT))
        };
        let began = Instant::now();
        let (_sender, silent) = open(false);
        let refused = silent.collect().await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused)),
            (Code::DeadlineExceeded, "RECEIVED_TOO_SLOWLY".into())
        );
        assert!(began.elapsed() >= TIMEOUT);

        let (sender, mut stream) = open(true);
        sender.send(frame(framed(5, 5))).await.unwrap();
        stream.frame().await.unwrap().unwrap();
        let more = tokio::time::timeout(TIMEOUT * 3, stream.frame()).await;
        assert!(more.is_err(), "a stream may be silent");
        sender.send(frame(framed(5, 4))).await.unwrap();
        stream.frame().await.unwrap().unwrap();
        let refused = stream.frame().await.unwrap().unwrap_err();
        assert_eq!(reason(&refused), "RECEIVED_TOO_SLOWLY");
        assert_eq!(metrics.receiving_bytes("callers").get(), 0);
        assert_eq!(metrics.times_reached("requests.receive_timeout_seconds"), 2);
    }
}
