//! Answers that their callers have not read yet.
//!
//! Fed by `layer` with the answers of calls; feeds the connection with them, in pieces, since
//! what the connection has taken it holds until the client takes it. Guarantees that answers
//! which are not sent are bounded in bytes, for each caller, on whatever connections, for all
//! callers of a tenant, and for each door: a piece is counted until the connection has written
//! it. What the connection has not taken of a large one is dropped after a time: a client may
//! open its HTTP/2 window for a stream or not. Answers of streams are in `answer_queue`.
//!
//! Keeps the invariant `bounded-everything`.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use http_body::Frame;
use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;
use tonic::body::Body;

use crate::api::rpc::byte_budget::{BudgetExceeded, ByteBudget, HeldBytes};
use crate::api::rpc::caller::CountedCaller;
use crate::api::rpc::errors::{self, ErrorReason};
use crate::listeners::HolderBytes;

/// What the connection takes at once: a frame of HTTP/2. An answer that is no larger goes
/// there as it is, with no time limit.
const PIECE_BYTES: usize = 16 * 1024;
/// The setting of the time.
pub(super) const TIMEOUT_SETTING: &str = "requests.send_timeout_seconds";

/// What bounds the answers of a door. Cheap to clone.
#[derive(Clone)]
pub struct AnswerBounds {
    budget: ByteBudget,
    /// What callers hold whose answers are large.
    callers: Arc<HolderBytes>,
    tenants: Arc<HolderBytes>,
    timeout: Duration,
}

impl AnswerBounds {
    pub fn new(budget: ByteBudget, timeout: Duration) -> Self {
        Self { budget, callers: Arc::default(), tenants: Arc::default(), timeout }
    }

    /// Holds an answer until it is sent to its caller; an error if too much is unsent already.
    pub fn hold(&self, mut answer: Body, caller: &CountedCaller) -> Result<Body, Status> {
        // An answer that is there is read at once; for another one nothing is held yet.
        let Some(first) = answer.frame().now_or_never() else { return Ok(answer) };
        let Some(first) = first else { return Ok(Body::empty()) };
        let data = match first.map(Frame::into_data) {
            Ok(Ok(data)) => data,
            Ok(Err(frame)) => return Ok(AnswerBody::small(Ok(frame), answer)),
            Err(status) => return Ok(AnswerBody::small(Err(status), answer)),
        };
        let mut held = self.hold_nothing(caller);
        held.add(data.len()).map_err(|exceeded| too_much(&held, exceeded))?;
        if data.len() <= PIECE_BYTES {
            let frame = Frame::data(counted_until_written(data, held));
            return Ok(AnswerBody::small(Ok(frame), answer));
        }
        let large = LargeAnswer::begin(data, held, self.timeout);
        Ok(Body::new(AnswerBody { first: None, large: Some(large), rest: answer }))
    }

    /// Nothing yet, for answers of a caller.
    pub(in crate::api) fn hold_nothing(&self, caller: &CountedCaller) -> HeldBytes {
        let tenant = caller.tenant().map(|tenant| self.tenants.shared(tenant.as_str()));
        self.budget.hold(self.callers.shared(caller.name())).of_tenant(tenant)
    }

    pub(super) const fn timeout(&self) -> Duration {
        self.timeout
    }
}

/// A piece of an answer, and what is held for it.
struct HeldPiece {
    data: Bytes,
    _held: HeldBytes,
}

impl AsRef<[u8]> for HeldPiece {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

/// The same bytes, which are given back when the last who has them drops them. The connection
/// asks for a piece before there is room for it, so that its asking tells nothing.
fn counted_until_written(data: Bytes, held: HeldBytes) -> Bytes {
    Bytes::from_owner(HeldPiece { data, _held: held })
}

pub(in crate::api) fn too_much(held: &HeldBytes, exceeded: BudgetExceeded) -> Status {
    let setting = held.setting(exceeded);
    held.metrics().reached(setting);
    let message = match exceeded {
        BudgetExceeded::Holder => "the caller has too many answers that are not read",
        BudgetExceeded::Tenant => "the tenant's callers have too many answers that are not read",
        BudgetExceeded::Door => "too many answers are not read",
    };
    errors::limit_passes(ErrorReason::TooMuchUnsent, message, setting)
}

/// What is left to send of an answer.
struct UnsentBytes {
    data: Bytes,
    held: HeldBytes,
    is_late: bool,
}

/// An answer that is sent in pieces.
struct LargeAnswer {
    unsent: Arc<Mutex<UnsentBytes>>,
    _timer: AbortOnDropHandle<()>,
}

impl LargeAnswer {
    fn begin(data: Bytes, held: HeldBytes, timeout: Duration) -> Self {
        let unsent = Arc::new(Mutex::new(UnsentBytes { data, held, is_late: false }));
        // Nobody asks for the next piece while the client reads nothing.
        let dropping = drop_after(Arc::clone(&unsent), timeout);
        Self { unsent, _timer: AbortOnDropHandle::new(tokio::spawn(dropping)) }
    }

    /// The next piece, if there is one; an error once it is too late.
    fn next_piece(&self) -> Option<Result<Frame<Bytes>, Status>> {
        let mut unsent = self.unsent.lock();
        if unsent.is_late {
            let message = "the answer was not read in time";
            let setting = TIMEOUT_SETTING;
            return Some(Err(errors::limit_reached(ErrorReason::ReadTooSlowly, message, setting)));
        }
        if unsent.data.is_empty() {
            return None;
        }
        let bytes = unsent.data.len().min(PIECE_BYTES);
        // A part of the whole would keep the whole in memory.
        let piece = Bytes::copy_from_slice(&unsent.data.split_to(bytes));
        if unsent.data.is_empty() {
            // The whole is in memory until its last part is dropped.
            unsent.data = Bytes::new();
        }
        let held = unsent.held.split(bytes);
        Some(Ok(Frame::data(counted_until_written(piece, held))))
    }
}

impl UnsentBytes {
    fn give_back(&mut self) {
        self.data = Bytes::new();
        self.held.release();
    }
}

/// At once, and not when the timer's task is dropped.
impl Drop for LargeAnswer {
    fn drop(&mut self) {
        self.unsent.lock().give_back();
    }
}

async fn drop_after(unsent: Arc<Mutex<UnsentBytes>>, timeout: Duration) {
    tokio::time::sleep(timeout).await;
    let mut unsent = unsent.lock();
    if !unsent.data.is_empty() {
        unsent.is_late = true;
        unsent.held.metrics().reached(TIMEOUT_SETTING);
        unsent.give_back();
    }
}

/// See the module.
struct AnswerBody {
    first: Option<Result<Frame<Bytes>, Status>>,
    /// Absent once it is sent.
    large: Option<LargeAnswer>,
    rest: Body,
}

impl AnswerBody {
    fn small(first: Result<Frame<Bytes>, Status>, rest: Body) -> Body {
        Body::new(Self { first: Some(first), large: None, rest })
    }
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        if let Some(large) = &self.large {
            let next = large.next_piece();
            if matches!(next, None | Some(Err(_))) {
                self.large = None;
            }
            match next {
                Some(Ok(piece)) => return Poll::Ready(Some(Ok(piece))),
                Some(Err(late)) => {
                    self.rest = Body::empty();
                    return Poll::Ready(Some(Err(late)));
                }
                None => {}
            }
        }
        Pin::new(&mut self.rest).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.large.is_none() && self.rest.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http_body_util::Full;
    use tonic_types::StatusExt as _;

    use super::*;
    use crate::metrics::LimitMetrics;
    use crate::settings::Settings;

    const LARGE_BYTES: usize = 100_000;

    fn bounds(timeout: Duration) -> (AnswerBounds, LimitMetrics) {
        let flags = [
            ("requests.max_unsent_bytes", "800000".to_owned()),
            ("requests.max_unsent_bytes_per_caller", "250000".to_owned()),
            ("publish.max_payload_bytes", "1000".to_owned()),
        ];
        let settings = Settings::load(None, &flags).unwrap();
        let metrics = LimitMetrics::alone();
        let budget = ByteBudget::of_answers(&settings.requests, "callers", metrics.clone());
        (AnswerBounds::new(budget, timeout), metrics)
    }

    fn token(name: &str) -> CountedCaller {
        CountedCaller::fixture(name, &[])
    }

    fn answer(bytes: usize) -> Body {
        let trailers = async { Some(Ok(HeaderMap::new())) };
        Body::new(Full::new(Bytes::from(vec![7; bytes])).with_trailers(trailers))
    }

    #[tokio::test]
    async fn answers_arrive_whole_and_are_counted_meanwhile() {
        let (bounds, metrics) = bounds(Duration::from_secs(60));
        for bytes in [0, 1, PIECE_BYTES, PIECE_BYTES + 1, LARGE_BYTES] {
            let held = bounds.hold(answer(bytes), &token("token:a")).unwrap();
            let unsent = || metrics.shown_of_callers("postrider_unsent_bytes");
            assert_eq!(unsent(), bytes as i64);
            let whole = held.collect().await.unwrap();
            assert!(whole.trailers().is_some());
            assert_eq!(unsent(), bytes as i64, "whoever has it has not written it");
            assert_eq!(whole.to_bytes().len(), bytes);
            assert_eq!(unsent(), 0);
        }
    }

    #[tokio::test]
    async fn small_answers_have_a_bound_together() {
        let (bounds, metrics) = bounds(Duration::from_secs(60));
        let mut taken = Vec::new();
        let refused = loop {
            // The connection has each, and its client reads none.
            match bounds.hold(answer(10_000), &token("token:a")) {
                Ok(mut held) => taken.push((held.frame().await, held)),
                Err(refused) => break refused,
            }
        };
        assert_eq!(refused.get_details_error_info().unwrap().reason, "TOO_MUCH_UNSENT");
        assert_eq!(taken.len(), 25);
        assert_eq!(metrics.shown_of_callers("postrider_unsent_bytes"), 250_000);
        taken.pop();
        bounds.hold(answer(10_000), &token("token:a")).unwrap();
    }

    #[tokio::test]
    async fn who_reads_nothing_is_refused_more() {
        let (bounds, metrics) = bounds(Duration::from_secs(60));
        let hold = || bounds.hold(answer(LARGE_BYTES), &token("token:a"));
        let (first, _second) = (hold().unwrap(), hold().unwrap());
        let refused = hold().err().unwrap();
        assert_eq!(refused.get_details_error_info().unwrap().reason, "TOO_MUCH_UNSENT");
        let setting = "requests.max_unsent_bytes_per_caller";
        assert_eq!(refused.get_details_quota_failure().unwrap().violations[0].subject, setting);
        assert!(refused.get_details_retry_info().unwrap().retry_delay.is_some());
        assert_eq!(metrics.times_reached(setting), 1);
        // Others are not concerned.
        bounds.hold(answer(LARGE_BYTES), &token("token:b")).unwrap();
        drop(first);
        hold().unwrap();
    }

    #[tokio::test]
    async fn all_tokens_of_a_tenant_leave_half_to_others() {
        let (bounds, metrics) = bounds(Duration::from_secs(60));
        let hold = |number: u32, tenants: &[&str]| {
            let caller = CountedCaller::fixture(&format!("token:{number}"), tenants);
            bounds.hold(answer(LARGE_BYTES), &caller)
        };
        let mut unread: Vec<_> = (0..3).map(|number| hold(number, &["acme"]).unwrap()).collect();
        unread.push(hold(3, &["acme", "zeta"]).unwrap());
        for (number, tenants) in [(4, ["acme"].as_slice()), (5, ["zeta", "acme"].as_slice())] {
            let refused = hold(number, tenants).err().unwrap();
            assert_eq!(refused.get_details_error_info().unwrap().reason, "TOO_MUCH_UNSENT");
        }
        assert_eq!(metrics.times_reached("requests.max_unsent_bytes"), 2);
        let _others = (hold(6, &["zeta"]).unwrap(), hold(7, &[]).unwrap());
        unread.pop();
        hold(4, &["acme"]).unwrap();
    }

    #[tokio::test]
    async fn what_is_not_read_in_time_is_dropped() {
        let (bounds, metrics) = bounds(Duration::from_millis(50));
        let mut held = bounds.hold(answer(LARGE_BYTES), &token("token:a")).unwrap();
        held.frame().await.unwrap().unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(
            metrics.shown_of_callers("postrider_unsent_bytes"),
            0,
            "also while nobody asks for it"
        );
        let late = held.frame().await.unwrap().unwrap_err();
        assert_eq!(late.get_details_error_info().unwrap().reason, "READ_TOO_SLOWLY");
        assert!(held.frame().await.is_none());
        assert_eq!(metrics.times_reached(TIMEOUT_SETTING), 1);
    }
}
