//! Publishers that do not give up.
//!
//! Fed by a tenant and the replicas' APIs; feeds what they were promised. Guarantees
//! that a key's next event is published once the one before is acknowledged, that
//! each is tried with its idempotency key, at one replica and then the other, until
//! it is, and that every refusal on the way is one that a publisher understands.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use futures::{StreamExt, stream};
use parking_lot::Mutex;
use postrider_proto::v1::{
    PublishEventRequest, PublishEventResponse, PublishEventsRequest, PublishStreamRequest,
    publish_result, publish_stream_response,
};
use postrider_tests::api::{self, Api};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tonic::{Code, Status, Streaming};

use super::load::{EVENTS_PER_KEY, KEY_COUNT, Tenant, request};

/// A lease, an agent's silence and a retry or two, on a busy machine.
pub const SETTLED_LIMIT: Duration = Duration::from_secs(30);
const POLL_PAUSE: Duration = Duration::from_millis(50);

/// An event that a publisher was told is committed.
#[derive(Clone, Debug)]
pub struct AcknowledgedPublish {
    pub tenant: usize,
    pub event: String,
    pub idempotent: PublishEventRequest,
    pub matched: usize,
    pub place: usize,
}

/// What all publishers of a round write down.
#[derive(Default)]
pub struct PublishLedger {
    promises: Mutex<Vec<AcknowledgedPublish>>,
    acknowledged: AtomicUsize,
    refusals: Mutex<BTreeMap<String, usize>>,
}

impl PublishLedger {
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::Relaxed)
    }

    pub fn promises(&self) -> Vec<AcknowledgedPublish> {
        self.promises.lock().clone()
    }

    /// How often each kind of refusal was met.
    pub fn refusals(&self) -> BTreeMap<String, usize> {
        self.refusals.lock().clone()
    }

    fn refused(&self, status: &Status) {
        let kind = judged(status);
        *self.refusals.lock().entry(kind).or_default() += 1;
    }
}

/// A refusal by the server tells that, and when, to try again; where the connection
/// ended, the client says so. Anything else blames the request, and none is to blame.
fn judged(status: &Status) -> String {
    let reason = api::reason(status);
    let code = status.code();
    if reason.is_empty() {
        let broken = matches!(code, Code::Unavailable | Code::Unknown | Code::Cancelled);
        assert!(broken, "{status:?}");
        return format!("{code:?} {}", status.message());
    }
    assert_eq!(code, Code::Unavailable, "{status:?}");
    assert!(api::retry_delay(status).is_some(), "without RetryInfo: {status:?}");
    reason
}

/// One publisher of a tenant.
pub struct Publisher<'a> {
    pub apis: &'a [Api],
    pub number: usize,
    pub tenant: &'a Tenant,
    pub ledger: &'a PublishLedger,
}

impl Publisher<'_> {
    fn api(&self, tries: usize) -> Api {
        self.apis[(self.number + tries) % self.apis.len()].clone()
    }

    fn request(&self, publisher: &str, key: usize, place: usize) -> PublishEventRequest {
        request(self.tenant, publisher, key, place)
    }

    fn promised(&self, key: usize, place: usize, idempotent: PublishEventRequest, answer: Answer) {
        let matched = usize::try_from(answer.matched_subscriptions).unwrap();
        assert_eq!(matched, self.tenant.matched(key), "{answer:?}");
        let promise = AcknowledgedPublish {
            tenant: self.number,
            event: answer.event,
            idempotent,
            matched,
            place,
        };
        self.ledger.promises.lock().push(promise);
        self.ledger.acknowledged.fetch_add(1, Ordering::Relaxed);
    }

    /// With `PublishEvent`, the keys beside one another.
    pub async fn one_by_one(&self) {
        join_all((0..KEY_COUNT).map(|key| async move {
            for place in 0..EVENTS_PER_KEY {
                let request = self.request("one", key, place);
                let mut tries = Tries::begin();
                let answer = loop {
                    let mut api = self.api(key + tries.made);
                    match api.events.publish_event(request.clone()).await {
                        Ok(answer) => break answer.into_inner(),
                        Err(status) => tries.failed(self.ledger, &status).await,
                    }
                };
                self.promised(key, place, request, answer);
            }
        }))
        .await;
    }

    /// With `PublishEvents`, one event of each key in a batch.
    pub async fn in_batches(&self) {
        for place in 0..EVENTS_PER_KEY {
            let mut left: Vec<_> =
                (0..KEY_COUNT).map(|key| (key, self.request("batch", key, place))).collect();
            let mut tries = Tries::begin();
            while !left.is_empty() {
                let requests = left.iter().map(|(_, request)| request.clone()).collect();
                let batch = PublishEventsRequest { parent: String::new(), requests };
                let answer = self.api(tries.made).events.publish_events(batch).await;
                let results = match answer {
                    Ok(answer) => answer.into_inner().results,
                    Err(status) => {
                        tries.failed(self.ledger, &status).await;
                        continue;
                    }
                };
                assert_eq!(results.len(), left.len(), "a result for each");
                let (mut refused, mut again) = (None, Vec::new());
                for ((key, request), result) in left.into_iter().zip(results) {
                    match result.result.expect("a result") {
                        publish_result::Result::Response(answer) => {
                            self.promised(key, place, request, answer);
                        }
                        publish_result::Result::Error(error) => {
                            refused = Some(status_of(error));
                            again.push((key, request));
                        }
                    }
                }
                left = again;
                if let Some(status) = refused {
                    tries.failed(self.ledger, &status).await;
                }
            }
        }
    }

    /// With `PublishStream`, a wave of one event of each key at a time, on a stream that
    /// is opened again, elsewhere, when it breaks.
    pub async fn on_a_stream(&self) {
        let mut tries = Tries::begin();
        let mut line = None;
        for place in 0..EVENTS_PER_KEY {
            let mut left: BTreeMap<u64, _> = (0..KEY_COUNT)
                .map(|key| (key as u64, self.request("stream", key, place)))
                .collect();
            while !left.is_empty() {
                let open = match line.take() {
                    Some(open) => open,
                    None => match Line::open(self.api(tries.made)).await {
                        Ok(open) => open,
                        Err(status) => {
                            tries.failed(self.ledger, &status).await;
                            continue;
                        }
                    },
                };
                match self.wave(open, place, &mut left).await {
                    Ok(open) => line = Some(open),
                    Err(status) => tries.failed(self.ledger, &status).await,
                }
            }
            tries = Tries { made: tries.made, ..Tries::begin() };
        }
    }

    /// Sends what is left of a wave and takes its answers; an error when the stream
    /// ended, or refused one, and then it is given up.
    async fn wave(
        &self,
        mut line: Line,
        place: usize,
        left: &mut BTreeMap<u64, PublishEventRequest>,
    ) -> Result<Line, Status> {
        for (id, request) in left.iter() {
            let message = PublishStreamRequest { request_id: *id, publish: Some(request.clone()) };
            let sent = line.requests.send(message).await;
            sent.map_err(|_| Status::unavailable("the stream is closed"))?;
        }
        while !left.is_empty() {
            let ended = || Status::unavailable("the stream ended");
            let answer = line.answers.message().await?.ok_or_else(ended)?;
            let request = left.get(&answer.request_id).expect("an answer to what was asked");
            match answer.result.expect("a result") {
                publish_stream_response::Result::Response(response) => {
                    let key = usize::try_from(answer.request_id).unwrap();
                    self.promised(key, place, request.clone(), response);
                    left.remove(&answer.request_id);
                }
                publish_stream_response::Result::Error(error) => return Err(status_of(error)),
            }
        }
        Ok(line)
    }
}

type Answer = PublishEventResponse;

/// An open `PublishStream`.
struct Line {
    requests: mpsc::Sender<PublishStreamRequest>,
    answers: Streaming<postrider_proto::v1::PublishStreamResponse>,
}

impl Line {
    async fn open(mut api: Api) -> Result<Self, Status> {
        let (requests, taken) = mpsc::channel(KEY_COUNT);
        let taken = stream::unfold(taken, |mut taken| async move {
            taken.recv().await.map(|request| (request, taken))
        });
        let answers = api.events.publish_stream(taken.boxed()).await?.into_inner();
        Ok(Self { requests, answers })
    }
}

/// The error inside an answer, as a call would have given it.
fn status_of(error: tonic_types::pb::Status) -> Status {
    use prost::Message;
    let details = error.encode_to_vec().into();
    Status::with_details(Code::from_i32(error.code), error.message, details)
}

/// Tries of one event, or of one batch.
struct Tries {
    made: usize,
    deadline: Instant,
}

impl Tries {
    fn begin() -> Self {
        Self { made: 0, deadline: Instant::now() + SETTLED_LIMIT }
    }

    async fn failed(&mut self, ledger: &PublishLedger, status: &Status) {
        ledger.refused(status);
        assert!(Instant::now() < self.deadline, "refused for {SETTLED_LIMIT:?}: {status}");
        self.made += 1;
        sleep(POLL_PAUSE).await;
    }
}
