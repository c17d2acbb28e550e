//! Which agents' streams are admitted, and which they replace.
//!
//! Fed by agents' sessions with what a Hello says; feeds the scheduler with streams.
//! Guarantees at most one stream for each agent at this replica. A process that opens a
//! new stream replaces its own earlier one, which it has given up by its own word. If
//! it still wants both, as over two addresses of this replica, the earlier one stays;
//! otherwise the two would replace each other for ever. A process that uses another
//! process's id waits until that one is silent. Holders of one certificate do not take all
//! the streams that there may be.
//!
//! Keeps the invariant `one-process-per-name`.

use std::time::Duration;

use postrider_domain::ids::AgentId;
use postrider_domain::scheduler::{AgentIdentity, StreamId};

use super::Dispatcher;
use super::streams::{NewStream, OpenStream, StreamCommand, StreamLimits, StreamRefusal};

impl Dispatcher {
    /// Admits a new stream. Another process with its id is replaced only if it has been
    /// silent for `lost_after`. Attempts that the agent was sent and does not hold are
    /// unconfirmed: the table decides what became of them.
    pub fn admit_stream(
        &self,
        new: NewStream,
        lost_after: Duration,
        limits: StreamLimits,
    ) -> Result<(), StreamRefusal> {
        let (id, identity, region) = (new.id, new.state.identity.clone(), new.state.region.clone());
        let held = new.held.clone();
        let replaced = self.insert_stream(new, lost_after, limits)?;
        let (leases, unconfirmed) = self.update(|scheduler, now| {
            for other in replaced {
                scheduler.stream_closed(other);
            }
            let unconfirmed = scheduler.find_unconfirmed_attempts(&identity, &held);
            scheduler.stream_opened(id, identity.clone(), region, &held, now);
            (scheduler.leases(), unconfirmed)
        });
        for lease in leases {
            self.send(id, StreamCommand::TakeOver(lease));
        }
        if !unconfirmed.is_empty() {
            self.0.unconfirmed.lock().extend(unconfirmed);
            self.0.work.notify_one();
        }
        Ok(())
    }

    /// Inserts the stream, and ends those that it replaces; returns them.
    fn insert_stream(
        &self,
        new: NewStream,
        lost_after: Duration,
        limits: StreamLimits,
    ) -> Result<Vec<StreamId>, StreamRefusal> {
        let now = self.0.clock.now();
        let mut sessions = self.0.sessions.lock();
        let mut replaced = Vec::new();
        for (other, session) in sessions.iter() {
            if session.state.identity.agent == new.state.identity.agent {
                new.replaces(session, now.since(session.state.last_heard) >= lost_after)?;
                replaced.push(*other);
            }
        }
        if sessions.len() - replaced.len() >= limits.max_streams {
            return Err(StreamRefusal::TooManyStreams);
        }
        if let Some(holder) = &new.holder {
            let of_holder = sessions.iter().filter(|(other, session)| {
                session.holder.as_ref() == Some(holder) && !replaced.contains(other)
            });
            if of_holder.count() >= limits.max_streams_per_certificate {
                return Err(StreamRefusal::TooManyOfCertificate);
            }
        }
        for other in &replaced {
            if let Some(session) = sessions.remove(other) {
                match session.state.identity == new.state.identity {
                    true => session.stop.cancel(),
                    false => session.end(StreamRefusal::IdInUse),
                }
            }
        }
        let NewStream { id, state, number, holder, sender, stop, reason, .. } = new;
        sessions.insert(id, OpenStream { sender, state, number, holder, stop, reason });
        Ok(replaced)
    }

    /// Ends a stream, and says why.
    pub fn end_stream(&self, id: StreamId, why: StreamRefusal) {
        if let Some(session) = self.0.sessions.lock().get(&id) {
            session.end(why);
        }
    }

    /// The processes that have a stream here.
    pub fn connected_processes(&self) -> Vec<(StreamId, AgentIdentity)> {
        let sessions = self.0.sessions.lock();
        sessions.iter().map(|(id, session)| (*id, session.state.identity.clone())).collect()
    }

    /// The processes with an agent id that are, or lately were, connected here.
    pub fn known_processes(&self, agent: &AgentId) -> Vec<AgentIdentity> {
        let mut known: Vec<AgentIdentity> = self.0.parted.lock().keys().cloned().collect();
        known.extend(self.connected_processes().into_iter().map(|(_, identity)| identity));
        known.retain(|identity| identity.agent == *agent);
        known
    }

    /// Whether a process was heard here within `span`.
    pub fn has_spoken_within(&self, identity: &AgentIdentity, span: Duration) -> bool {
        let now = self.0.clock.now();
        let sessions = self.0.sessions.lock();
        let here = sessions.values().filter(|session| session.state.identity == *identity);
        let parted = self.0.parted.lock().get(identity).copied();
        let mut heard = here.map(|session| session.state.last_heard).chain(parted);
        heard.any(|heard| now.since(heard) < span)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;
    use postrider_domain::endpoint_health::{BreakerConfig, ConcurrencyWindowConfig};
    use postrider_domain::ids::Region;
    use postrider_domain::scheduler::{Scheduler, SchedulerConfig};
    use postrider_domain::time::Timestamp;
    use tokio::sync::mpsc;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::clock::Clock;
    use crate::state::dispatcher::streams::ConnectedAgent;

    const LOST_AFTER: Duration = Duration::from_secs(5);
    const SECOND: Duration = Duration::from_secs(1);
    const ONE_STREAM: StreamLimits =
        StreamLimits { max_streams: 1, max_streams_per_certificate: 1 };

    struct Standing;

    #[async_trait]
    impl Clock for Standing {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(1_700_000_000_000_000)
        }

        async fn sleep_until(&self, _: Timestamp) {}
    }

    fn dispatcher() -> Dispatcher {
        let config = SchedulerConfig {
            max_deliveries: 1,
            max_payload_bytes: 1,
            max_deliveries_per_subscription: 1,
            default_max_in_flight: 1,
            shed_after: SECOND,
            settle_grace: SECOND,
            window: ConcurrencyWindowConfig { initial: 1, min: 1, max: 1, quick: SECOND },
            breaker: BreakerConfig {
                min_deliveries: 1,
                min_span: SECOND,
                first_probe: SECOND,
                max_probe: SECOND,
                probe_timeout: SECOND,
            },
        };
        Dispatcher::new(Scheduler::new(config), Arc::new(Standing))
    }

    fn connected(process: u8, silence: Duration) -> ConnectedAgent {
        ConnectedAgent {
            identity: AgentIdentity { agent: AgentId("a".into()), incarnation: [process; 16] },
            region: Region::from_stored("eu"),
            version: String::new(),
            max_in_flight: 1,
            in_flight: 0,
            draining: false,
            clock_skew_us: 0,
            last_heard: Standing.now() - silence,
        }
    }

    fn new_stream(id: u64, state: ConnectedAgent, number: u64, holder: Option<&str>) -> NewStream {
        NewStream {
            id: StreamId(id),
            state,
            number,
            holder: holder.map(Into::into),
            open: Vec::new(),
            held: Vec::new(),
            sender: mpsc::channel(8).0,
            stop: CancellationToken::new(),
            reason: Arc::default(),
        }
    }

    /// Opens a stream of a process, last heard so long ago, with this number, beside
    /// those that it still wants.
    fn admit_stream(
        dispatcher: &Dispatcher,
        process: u8,
        silence: Duration,
        (number, wanted): (u64, &[u64]),
    ) -> Result<CancellationToken, StreamRefusal> {
        let stop = CancellationToken::new();
        let id = u64::from(process) * 100 + number;
        let new = NewStream {
            open: wanted.to_vec(),
            stop: stop.clone(),
            ..new_stream(id, connected(process, silence), number, None)
        };
        dispatcher.admit_stream(new, LOST_AFTER, ONE_STREAM).map(|()| stop)
    }

    #[test]
    fn a_process_replaces_the_stream_that_it_gave_up_and_no_other() {
        let dispatcher = dispatcher();
        let first = admit_stream(&dispatcher, 1, Duration::ZERO, (1, &[])).ok();
        let twice = admit_stream(&dispatcher, 1, Duration::ZERO, (2, &[1]));
        assert_eq!(twice.err(), Some(StreamRefusal::SameProcess), "it wants both");
        let second = admit_stream(&dispatcher, 1, Duration::ZERO, (3, &[])).ok();
        assert!(first.is_some_and(|stop| stop.is_cancelled()) && second.is_some());
        let late = admit_stream(&dispatcher, 1, Duration::ZERO, (2, &[]));
        assert_eq!(
            late.err(),
            Some(StreamRefusal::SameProcess),
            "its Hello was on its way for long"
        );
        assert!(second.is_some_and(|stop| !stop.is_cancelled()));
        assert_eq!(dispatcher.connected_processes().len(), 1);
    }

    #[test]
    fn another_process_of_the_name_waits_until_the_first_is_silent() {
        let dispatcher = dispatcher();
        let first = admit_stream(&dispatcher, 1, LOST_AFTER - SECOND, (1, &[])).ok();
        let refused = admit_stream(&dispatcher, 2, Duration::ZERO, (1, &[]));
        assert_eq!(refused.err(), Some(StreamRefusal::IdInUse));
        assert!(first.is_some_and(|stop| !stop.is_cancelled()));
        let silent = self::dispatcher();
        let first = admit_stream(&silent, 1, LOST_AFTER, (1, &[])).ok();
        assert!(admit_stream(&silent, 2, Duration::ZERO, (1, &[])).is_ok());
        assert!(first.is_some_and(|stop| stop.is_cancelled()));
    }

    #[test]
    fn a_region_s_agent_keeps_no_other_region_s_out() {
        let dispatcher = dispatcher();
        let limits = StreamLimits { max_streams: 4, max_streams_per_certificate: 4 };
        for (id, region) in [(1, "us"), (2, "eu")] {
            let region: Region = region.parse().unwrap();
            let agent = AgentId::in_region(&region, "pod-1");
            let identity = AgentIdentity { agent, incarnation: [1; 16] };
            let state = ConnectedAgent { identity, region, ..connected(1, Duration::ZERO) };
            let new = new_stream(id, state, 1, None);
            assert!(dispatcher.admit_stream(new, LOST_AFTER, limits).is_ok());
        }
        assert_eq!(dispatcher.connected_processes().len(), 2);
        assert!(dispatcher.drain_agent(&AgentId("pod-1".into())));
    }

    #[test]
    fn one_certificate_takes_only_its_part_of_the_streams() {
        let dispatcher = dispatcher();
        let limits = StreamLimits { max_streams: 4, max_streams_per_certificate: 2 };
        let admit = |id: u64, agent: &str, number: u64, holder: Option<&str>| {
            let identity = AgentIdentity { agent: AgentId(agent.into()), incarnation: [1; 16] };
            let state = ConnectedAgent { identity, ..connected(1, Duration::ZERO) };
            let new = new_stream(id, state, number, holder);
            dispatcher.admit_stream(new, LOST_AFTER, limits).err()
        };
        assert_eq!(admit(1, "a", 1, Some("CN=eu")), None);
        assert_eq!(admit(2, "b", 1, Some("CN=eu")), None);
        let refused = Some(StreamRefusal::TooManyOfCertificate);
        assert_eq!(admit(3, "c", 1, Some("CN=eu")), refused);
        assert_eq!(admit(4, "a", 2, Some("CN=eu")), None, "it replaces its own");
        assert_eq!(admit(5, "d", 1, Some("CN=us")), None);
        assert_eq!(admit(6, "e", 1, None), None, "it showed none");
        assert_eq!(admit(7, "f", 1, Some("CN=us")), Some(StreamRefusal::TooManyStreams));
    }

    #[test]
    fn there_are_only_so_many_and_goodbyes_are_told_of() {
        let dispatcher = dispatcher();
        assert!(admit_stream(&dispatcher, 1, Duration::ZERO, (1, &[])).is_ok());
        let known = dispatcher.known_processes(&AgentId("a".into()));
        assert_eq!(known.len(), 1);
        dispatcher.close_stream(StreamId(101), true);
        assert!(dispatcher.known_processes(&AgentId("a".into())).is_empty());
        let told = dispatcher.take_sightings(&postrider_domain::ids::ReplicaId("r".into()));
        assert!(
            told.iter().all(|violation| violation.heard_ago > LOST_AFTER * 2) && told.len() == 1
        );
        assert!(
            dispatcher.take_sightings(&postrider_domain::ids::ReplicaId("r".into())).is_empty()
        );
    }
}
