//! Publishing as many events as are read, over `PublishStream`.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use clap::ArgMatches;
use prost_reflect::DynamicMessage;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Streaming};

use super::lines::{LineDefaults, ReadLine, read_lines};
use super::position::StreamPosition;
use crate::actions::interruption::CommandInterruption;
use crate::actions::progress::ProgressLine;
use crate::arguments::{full_name, text};
use crate::calls::{ApiClient, message_at, messages_at, number_at, text_at, unpacked};
use crate::exits::CliError;
use crate::session::CommandSession;
use crate::terminal::one_line;
use crate::values::counts::counted;

const STREAM_METHOD: &str = "postrider.v1.EventService/PublishStream";
/// Half of what a replica reads ahead of its answers, so that it never stops reading.
const MAX_UNANSWERED_EVENTS: usize = 512;
/// How often a stream is opened again without an answer between.
const MAX_FRUITLESS_STREAMS: u32 = 30;
const REOPEN_PAUSE: Duration = Duration::from_secs(1);
/// Before an event is sent again whose answer does not say how long to wait.
const DEFAULT_RETRY_DELAY: Duration = Duration::from_secs(1);

/// What became of the lines.
#[derive(Default, Serialize)]
struct StreamTally {
    published: u64,
    duplicates: u64,
    refused: u64,
    unknown: u64,
    lines: u64,
}

/// An event without an answer.
struct UnansweredEvent {
    request: DynamicMessage,
    has_key: bool,
}

struct StreamPublisher<'a> {
    api: ApiClient,
    lines: mpsc::Receiver<ReadLine>,
    defaults: LineDefaults,
    unanswered: BTreeMap<u64, UnansweredEvent>,
    /// Those to be sent again, and when.
    delayed: VecDeque<(Instant, u64)>,
    is_at_end: bool,
    /// Why no more lines are read, if one was wrong.
    fault: Option<CliError>,
    last_line: u64,
    tally: StreamTally,
    position: StreamPosition,
    progress: &'a ProgressLine,
    interruption: CommandInterruption,
}

/// Publishes every line, and tells what became of them.
pub(super) async fn run(session: &CommandSession, matches: &ArgMatches) -> Result<(), CliError> {
    let (position, after_position) = StreamPosition::open(text(matches, "position-file"))?;
    let from_line = match text(matches, "from-line").map(str::parse::<u64>) {
        None => 1,
        Some(Ok(number)) if number > 0 => number,
        Some(_) => return Err(CliError::Usage("--from-line: lines are counted from 1".to_owned())),
    };
    let first = from_line.max(after_position);
    let parent = full_name("tenants/{tenant}", "", &session.target.tenant)?;
    let progress = ProgressLine::without_end();
    let mut publisher = StreamPublisher {
        api: session.api.clone(),
        lines: read_lines(matches, first)?,
        defaults: LineDefaults::of(matches, parent),
        unanswered: BTreeMap::new(),
        delayed: VecDeque::new(),
        is_at_end: false,
        fault: None,
        last_line: first - 1,
        tally: StreamTally::default(),
        position,
        progress: &progress,
        interruption: CommandInterruption::listen()?,
    };
    let ended = publisher.publish_all().await;
    progress.clear();
    publisher.finish(session, ended)
}

impl StreamPublisher<'_> {
    /// Opens streams until every line has its answer.
    async fn publish_all(&mut self) -> Result<(), CliError> {
        let mut fruitless = 0;
        loop {
            // A stream is opened for something.
            if self.unanswered.is_empty() && !self.read_one().await? {
                return self.fault.take().map_or(Ok(()), Err);
            }
            let answered = self.tally.published + self.tally.duplicates + self.tally.refused;
            let error = match self.exchange().await {
                Ok(()) => return self.fault.take().map_or(Ok(()), Err),
                Err(error) => error,
            };
            let more = self.tally.published + self.tally.duplicates + self.tally.refused;
            fruitless = if more > answered { 0 } else { fruitless + 1 };
            if !error.may_pass() || fruitless > MAX_FRUITLESS_STREAMS {
                return Err(error);
            }
            self.give_up_without_keys();
            self.delayed.clear();
            tokio::time::sleep(REOPEN_PAUSE).await;
            self.api = self.api.reconnected();
        }
    }

    /// Waits for a line and notes its event; false at the end.
    async fn read_one(&mut self) -> Result<bool, CliError> {
        let line = tokio::select! {
            line = self.lines.recv() => line,
            () = self.interruption.wait() => return Err(interrupted()),
        };
        Ok(self.take(line).is_some())
    }

    /// Takes what was read and gives the request of a line. With the end, or a line that is
    /// wrong, reading ends; what was read before has its answers first.
    fn take(&mut self, line: Option<ReadLine>) -> Option<DynamicMessage> {
        match line.map(|line| line.and_then(|line| self.add(line))) {
            Some(Ok(request)) => return Some(request),
            Some(Err(fault)) => self.fault = Some(fault),
            None => {}
        }
        self.is_at_end = true;
        None
    }

    /// Notes a line's event as unanswered, and gives its request.
    fn add(&mut self, (number, line): (u64, String)) -> Result<DynamicMessage, CliError> {
        let (request, has_key) = self.defaults.request(number, &line)?;
        let request = self.api.request(STREAM_METHOD, request)?;
        self.unanswered.insert(number, UnansweredEvent { request: request.clone(), has_key });
        self.last_line = number;
        self.tally.lines += 1;
        Ok(request)
    }

    /// One stream, until all is answered, it breaks or Ctrl-C.
    async fn exchange(&mut self) -> Result<(), CliError> {
        // There is room for each unanswered event.
        let (sender, receiver) = mpsc::channel(MAX_UNANSWERED_EVENTS);
        for event in self.unanswered.values() {
            send(&sender, event.request.clone())?;
        }
        let stream = self.api.exchange(STREAM_METHOD, ReceiverStream::new(receiver));
        let mut answers: Streaming<DynamicMessage> = tokio::select! {
            answers = stream => answers?,
            () = self.interruption.wait() => return Err(interrupted()),
        };
        while !self.unanswered.is_empty() || !self.is_at_end {
            let may_read = !self.is_at_end && self.unanswered.len() < MAX_UNANSWERED_EVENTS;
            let delayed_until = self.delayed.front().map(|(at, _)| *at);
            tokio::select! {
                answer = answers.message() => match answer? {
                    Some(answer) => self.record(&answer)?,
                    None => return Err(CliError::Unavailable("the stream has ended".to_owned())),
                },
                line = self.lines.recv(), if may_read => {
                    if let Some(request) = self.take(line) {
                        send(&sender, request)?;
                    }
                }
                () = tokio::time::sleep_until(delayed_until.unwrap_or_else(Instant::now)),
                    if delayed_until.is_some() => self.send_delayed(&sender)?,
                () = self.interruption.wait() => return Err(interrupted()),
            }
        }
        Ok(())
    }

    fn send_delayed(&mut self, sender: &mpsc::Sender<DynamicMessage>) -> Result<(), CliError> {
        let number = self.delayed.pop_front().map(|(_, number)| number);
        match number.and_then(|number| self.unanswered.get(&number)) {
            Some(event) => send(sender, event.request.clone()),
            None => Ok(()),
        }
    }

    /// What an answer says of its event.
    fn record(&mut self, answer: &DynamicMessage) -> Result<(), CliError> {
        let number = u64::try_from(number_at(answer, "request_id")).unwrap_or(0);
        if let Some(error) = message_at(answer, "error") {
            if let Some(delay) = self.retry_delay(number, &error) {
                self.delayed.push_back((Instant::now() + delay, number));
                return Ok(());
            }
            let (reason, message) = (reason(&error), one_line(&text_at(&error, "message")));
            self.progress.note(&format!("line {number}: refused: {message} ({reason})"));
        }
        if self.unanswered.remove(&number).is_none() {
            return Ok(());
        }
        match message_at(answer, "response") {
            Some(response) if number_at(&response, "duplicate") != 0 => self.tally.duplicates += 1,
            Some(_) => self.tally.published += 1,
            None => self.tally.refused += 1,
        }
        let tally = &self.tally;
        self.progress.say(format!(
            "published {}, duplicates {}, refused {}, waiting {}, line {}",
            tally.published,
            tally.duplicates,
            tally.refused,
            self.unanswered.len(),
            self.last_line,
        ));
        let done = self.done();
        self.position.note(done)
    }

    /// How long to wait before an event is sent again; `None` if it is not to be.
    fn retry_delay(&self, number: u64, error: &DynamicMessage) -> Option<Duration> {
        let event = self.unanswered.get(&number)?;
        let code = Code::from_i32(i32::try_from(number_at(error, "code")).ok()?);
        let details = messages_at(error, "details").into_iter().filter_map(|any| unpacked(&any));
        let mut delays = details.filter_map(|detail| message_at(&detail, "retry_delay"));
        let delay = delays.next()?;
        // Without a key only what says that nothing was done.
        if !event.has_key && code != Code::ResourceExhausted {
            return None;
        }
        let seconds = u64::try_from(number_at(&delay, "seconds")).ok()?;
        let part = u32::try_from(number_at(&delay, "nanos")).ok()?;
        Some(Duration::new(seconds, part).max(DEFAULT_RETRY_DELAY))
    }

    /// After a stream that broke or was left: an event without a key might become two.
    fn give_up_without_keys(&mut self) {
        let progress = self.progress;
        let before = self.unanswered.len();
        self.unanswered.retain(|number, event| {
            if !event.has_key {
                progress.note(&format!(
                    "line {number}: no answer, and no key: it may or may not be published"
                ));
            }
            event.has_key
        });
        let lost = before - self.unanswered.len();
        self.tally.unknown += u64::try_from(lost).unwrap_or(u64::MAX);
    }

    /// The lines up to which everything is answered.
    fn done(&self) -> u64 {
        self.unanswered.first_key_value().map_or(self.last_line, |(number, _)| number - 1)
    }

    /// Keeps the position, and tells what became of the lines.
    fn finish(
        mut self,
        session: &CommandSession,
        ended: Result<(), CliError>,
    ) -> Result<(), CliError> {
        if ended.is_err() {
            // Whoever goes on behind what is done sends them again otherwise.
            self.give_up_without_keys();
        }
        let done = self.done();
        self.position.write(done)?;
        let tally = &self.tally;
        if session.printer.is_table() {
            for (name, count) in [
                ("published", tally.published),
                ("duplicates", tally.duplicates),
                ("refused", tally.refused),
                ("unknown", tally.unknown),
            ] {
                session.printer.line(&format!("{name}: {count}"))?;
            }
        } else {
            session.printer.document(tally)?;
        }
        if let Err(error) = ended {
            eprintln!("lines are done up to {done}");
            let next = done + 1;
            return Err(match error {
                CliError::Interrupted(_) => {
                    CliError::Interrupted(format!("interrupted; to go on: --from-line {next}"))
                }
                other => other,
            });
        }
        match (tally.unknown, tally.refused) {
            (0, 0) => Ok(()),
            (0, refused) => {
                let events = counted(refused, "event was", "events were");
                Err(CliError::Refused(format!("{events} refused")))
            }
            (unknown, _) => {
                let events = counted(unknown, "event has", "events have");
                Err(CliError::Unavailable(format!("{events} no answer")))
            }
        }
    }
}

/// Where to go on is told at the end.
fn interrupted() -> CliError {
    CliError::Interrupted(String::new())
}

fn send(sender: &mpsc::Sender<DynamicMessage>, request: DynamicMessage) -> Result<(), CliError> {
    sender.try_send(request).map_err(|_| CliError::Unavailable("the stream has ended".to_owned()))
}

/// The reason in an error of one event.
fn reason(error: &DynamicMessage) -> String {
    let details = messages_at(error, "details").into_iter().filter_map(|any| unpacked(&any));
    let mut reasons = details.map(|detail| text_at(&detail, "reason"));
    one_line(&reasons.find(|reason| !reason.is_empty()).unwrap_or_default())
}
