//! A request's body that keeps to the limits.
//!
//! Fed by the connection; feeds the decoder with whole messages: it makes room for a message
//! at once, as soon as it sees how long it is to be. Guarantees that nothing is read after a
//! limit was reached, and that what was held is given back with it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use tokio::time::Sleep;
use tonic::body::Body;
use tonic::{Code, Status};

use super::caller_share::{CallerShare, ShareExceeded};
use super::entries::EntryFault;
use super::incomplete::IncompleteMessage;
use super::message::{MessageFault, MessageFraming, MessageMeter};
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
    incomplete: IncompleteMessage,
    /// What is complete and goes to the decoder next. Mostly empty: a message that comes
    /// whole goes there as it came.
    complete: VecDeque<Bytes>,
    held: HeldBytes,
    share: CallerShare,
    timeout: Duration,
    /// When the message must be complete. Absent between the messages of a stream.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl ReceivedBody {
    /// A body, and what its messages may be and where they end.
    pub fn new(
        inner: Body,
        (rule, framing): (ReceiveRule, MessageFraming),
        (held, share): (HeldBytes, CallerShare),
        timeout: Duration,
    ) -> Self {
        Self {
            inner: Some(inner),
            rule,
            meter: MessageMeter::new(framing),
            incomplete: IncompleteMessage::default(),
            complete: VecDeque::new(),
            held,
            share,
            timeout,
            deadline: None,
        }
    }

    /// Takes a part of the body; answers what of it the decoder may have now. Only messages
    /// are held: so as many of the largest fit as the settings say.
    fn take(&mut self, mut part: Bytes) -> Result<Option<Bytes>, Status> {
        let taken = self.meter.take(&part, &self.rule);
        let taken = taken.map_err(|fault| self.faulty(fault))?;
        let held = if self.rule.streams {
            if taken.complete > 0 {
                // The decoder takes what is complete at once.
                self.give_back();
                self.deadline = None;
            }
            taken.of_incomplete
        } else {
            taken.of_messages
        };
        self.held.add(held).map_err(|exceeded| self.too_much(exceeded))?;
        self.share.add(held).map_err(|exceeded| self.too_much_of_caller(exceeded))?;
        let complete = part.split_to(taken.complete.min(part.len()));
        let mut ready = None;
        if self.incomplete.is_empty() {
            ready = Some(complete).filter(|complete| !complete.is_empty());
        } else if !complete.is_empty() {
            self.complete = self.incomplete.take();
            self.complete.push_back(complete);
        }
        self.incomplete.add(&part);
        Ok(ready)
    }

    fn faulty(&self, fault: MessageFault) -> Status {
        match fault {
            MessageFault::TooLarge { bytes } => self.too_large(bytes),
            MessageFault::Entries(fault) => refused_entries(fault),
        }
    }

    fn too_large(&self, bytes: usize) -> Status {
        let ReceiveRule { max_message_bytes: max, size_setting, .. } = self.rule;
        self.held.metrics().reached(size_setting);
        let message = format!("the message has {bytes} bytes, and may have {max}");
        errors::limit_reached(ErrorReason::MessageTooLarge, message, size_setting)
    }

    fn too_much(&self, exceeded: BudgetExceeded) -> Status {
        let setting = self.held.setting(exceeded);
        self.held.metrics().reached(setting);
        let message = match exceeded {
            BudgetExceeded::Holder => "this connection has too many unfinished requests",
            BudgetExceeded::Tenant | BudgetExceeded::Door => "too many requests are being received",
        };
        errors::limit_passes(ErrorReason::TooMuchReceived, message, setting)
    }

    fn too_much_of_caller(&self, ShareExceeded: ShareExceeded) -> Status {
        let setting = self.held.setting(BudgetExceeded::Door);
        self.held.metrics().reached(setting);
        let message = "the caller, or its tenant's callers, have too many unfinished requests";
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

    /// More is waited for; an error if that was too long, or too much is held meanwhile.
    fn stay(&mut self, context: &mut Context<'_>) -> Result<(), Status> {
        if self.is_late(context) {
            return Err(self.too_slow());
        }
        self.share.stay().map_err(|exceeded| self.too_much_of_caller(exceeded))
    }

    /// Stops reading, with an error.
    fn refuse(&mut self, status: Status) -> ReceivedFrame {
        self.inner = None;
        self.deadline = None;
        self.incomplete = IncompleteMessage::default();
        self.give_back();
        Some(Err(status))
    }

    fn give_back(&mut self) {
        self.held.release();
        self.share.release();
    }

    /// Takes a part or the end of the body; answers what the decoder gets. Nothing: the
    /// next part has to come first.
    fn pass_on(&mut self, frame: ReceivedFrame) -> Option<ReceivedFrame> {
        match frame.map(|frame| frame.map(Frame::into_data)) {
            Some(Ok(Ok(part))) => match self.take(part) {
                Ok(ready) => ready.map(|ready| Some(Ok(Frame::data(ready)))),
                Err(status) => Some(self.refuse(status)),
            },
            Some(Err(status)) => Some(self.refuse(broken_off(status))),
            Some(Ok(Err(trailers))) => self.end(Some(Ok(trailers))),
            None => self.end(None),
        }
    }

    /// The body has ended, perhaps with trailers.
    fn end(&mut self, last: ReceivedFrame) -> Option<ReceivedFrame> {
        if self.meter.end() {
            let cut_off = "the request ended in the midst of a message";
            return Some(self.refuse(errors::status(ErrorReason::MalformedRequest, cut_off)));
        }
        self.deadline = None;
        if let Err(exceeded) = self.share.arrived() {
            let refused = self.too_much_of_caller(exceeded);
            return Some(self.refuse(refused));
        }
        if self.incomplete.is_empty() {
            return Some(last);
        }
        // A body that is a message, or the last line, is complete now. Of HTTP no trailers are
        // asked for.
        self.complete = self.incomplete.take();
        self.inner = None;
        None
    }
}

/// What the connection says of a body that it cannot read on. Over HTTP/1.1 its client went
/// away, or sends no HTTP: that is no fault of this end, as which it would be told and counted.
fn broken_off(status: Status) -> Status {
    if status.code() != Code::Unknown || !status.details().is_empty() {
        return status;
    }
    errors::status(ErrorReason::MalformedRequest, "the body of the request broke off")
}

/// The refusal of a message for what is wrong with its entries.
pub fn refused_entries(fault: EntryFault) -> Status {
    match fault {
        EntryFault::TooMany { field, max } => {
            errors::invalid(field, format!("must hold at most {max} entries in a message"))
        }
        EntryFault::Malformed => {
            let message = "the message's parts do not fit into each other";
            errors::status(ErrorReason::MalformedRequest, message)
        }
    }
}

/// What a body gives; nothing at its end.
type ReceivedFrame = Option<Result<Frame<Bytes>, Status>>;

impl http_body::Body for ReceivedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        loop {
            if let Some(piece) = self.complete.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
            let frame = Pin::new(inner).poll_frame(context);
            if frame.is_pending()
                && let Err(status) = self.stay(context)
            {
                return Poll::Ready(self.refuse(status));
            }
            let frame = ready!(frame);
            if let Some(passed_on) = self.pass_on(frame) {
                return Poll::Ready(passed_on);
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        let is_read = self.inner.as_ref().is_none_or(http_body::Body::is_end_stream);
        is_read && self.complete.is_empty() && !self.meter.is_within()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match &self.inner {
            Some(inner) if self.complete.is_empty() && self.incomplete.is_empty() => {
                inner.size_hint()
            }
            Some(_) | None => http_body::SizeHint::default(),
        }
    }
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
