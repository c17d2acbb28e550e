//! Follows the server that can be written to, where the database has several.
//!
//! Fed by suspicions, by which it asks all servers; feeds the pools with where they connect
//! to. Guarantees that a server is asked only while there is doubt, that the search goes on
//! until one is found, and that nothing is used then that leads to another one.
//!
//! Keeps the invariant `only-a-writable-server`.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::pool::DatabasePools;
use super::server_list::NamedServer;
use super::servers::{TimelineId, WritableServer, find_writable};
use super::suspicion::ServerSuspicion;

/// How long a server may take to answer. As a call waits for a connection; one with a newer
/// timeline is taken at once.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// Between two looks: every failing call doubts, and a promotion takes seconds.
const LOOK_PAUSE: Duration = Duration::from_millis(500);

/// What follows the database's servers; ends with this value.
pub(super) struct ServerWatch {
    task: Option<JoinHandle<()>>,
}

impl ServerWatch {
    /// Follows from the server that was found at the start.
    pub(super) fn start(
        servers: Vec<NamedServer>,
        (place, timeline): (usize, TimelineId),
        suspicion: ServerSuspicion,
        pools: DatabasePools,
    ) -> Self {
        if servers.len() < 2 {
            return Self { task: None };
        }
        let follower = ServerFollower { servers, place, timeline, suspicion, pools };
        Self { task: Some(tokio::spawn(follower.follow())) }
    }

    pub(super) fn stop(&self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Drop for ServerWatch {
    fn drop(&mut self) {
        self.stop();
    }
}

struct ServerFollower {
    servers: Vec<NamedServer>,
    /// The server that is used, by its place in the list, and the newest timeline of all
    /// that were.
    place: usize,
    timeline: TimelineId,
    suspicion: ServerSuspicion,
    pools: DatabasePools,
}

impl ServerFollower {
    async fn follow(mut self) {
        loop {
            self.suspicion.suspected().await;
            let found = self.search().await;
            self.turn_to(&found);
            drop(found);
            sleep(LOOK_PAUSE).await;
        }
    }

    /// Asks the servers until one can be written to.
    async fn search(&self) -> WritableServer {
        let mut begun = None;
        loop {
            match find_writable(&self.servers, Some(self.timeline), ANSWER_LIMIT).await {
                Ok(found) => {
                    if let Some(begun) = begun {
                        let seconds = Instant::now().duration_since(begun).as_secs();
                        let server = self.address(found.place);
                        tracing::info!(
                            server,
                            seconds,
                            "a server of the database can be written to again"
                        );
                    }
                    return found;
                }
                Err(error) => {
                    if begun.is_none() {
                        begun = Some(Instant::now());
                        tracing::warn!(
                            %error,
                            "no server of the database can be written to; looking for one"
                        );
                    }
                }
            }
            sleep(LOOK_PAUSE).await;
        }
    }

    fn turn_to(&mut self, found: &WritableServer) {
        self.timeline = self.timeline.max(found.timeline);
        let Some(server) = self.servers.get(found.place).filter(|_| found.place != self.place)
        else {
            return;
        };
        self.pools.turn_to(&server.connect);
        self.suspicion.leave();
        self.pools.release_left();
        let (before, server) = (self.address(self.place), self.address(found.place));
        let timeline = found.timeline.0;
        tracing::info!(server, before, timeline, "the database is written to at another server");
        self.place = found.place;
    }

    fn address(&self, place: usize) -> &str {
        self.servers.get(place).map_or("", |server| server.address.as_str())
    }
}
