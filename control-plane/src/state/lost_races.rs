//! Changes that wait for their turn, and are made again when another change came first.
//!
//! Fed by changes, of callers and of the system itself, each of which reads, decides, and
//! writes if nobody else has written since. Feeds them with their turn and with the pauses
//! between their tries. Guarantees that changes of one thing at one replica lose to none of
//! each other: one that read before it waited for the database's writer would lose to every
//! change that has waited longer, again and again. What is left are changes at other
//! replicas, to which a change loses so many times and for so long at most.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use postrider_store::{Turn, Turns};
use tokio::time::Instant;

/// How long a change waits for its turn. Whoever has it for longer waits for a replica that
/// does not answer, after it has written.
const MAX_TURN_WAIT: Duration = Duration::from_secs(2);

/// How often a change is tried. Each try lost to a change of the same thing at another
/// replica, and those are made by people.
const MAX_TRIES: u32 = 12;
/// The longest pause after the first lost race. It doubles; a pause is a random part of it, so
/// that two replicas do not lose in step. Chosen, not measured: a write of a row takes as
/// long.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
/// No try begins later after the first. A caller waits for the answer.
const MAX_TRY_SPAN: Duration = Duration::from_secs(5);

/// The turns of the changes of tenants and subscriptions, or of event types. Cheap to clone.
#[derive(Clone, Default)]
pub struct ChangeTurns(Arc<Turns<String>>);

impl ChangeTurns {
    /// Waits for the turn of a thing's change, up to a limit: without it a change may lose to
    /// another, and is made again.
    pub async fn take(&self, name: &str) -> Option<Turn> {
        self.take_within(name, MAX_TURN_WAIT).await
    }

    async fn take_within(&self, name: &str, limit: Duration) -> Option<Turn> {
        tokio::time::timeout(limit, self.0.take(&name.to_owned())).await.ok()
    }
}

/// The tries of one change. How to drive it: try; after a lost race wait for the next try, if
/// there is one.
pub struct ChangeTries {
    lost: u32,
    latest: Instant,
}

impl ChangeTries {
    /// The first is made now.
    pub fn begin() -> Self {
        Self { lost: 0, latest: Instant::now() + MAX_TRY_SPAN }
    }

    /// As [`Self::begin`]; none begins after this.
    pub fn until(deadline: Instant) -> Self {
        let tries = Self::begin();
        Self { latest: tries.latest.min(deadline), ..tries }
    }

    /// A race was lost: waits for a while. Returns whether there is another try.
    pub async fn wait(&mut self) -> bool {
        self.lost += 1;
        let next = Instant::now() + pause_after(self.lost, rand::random());
        if self.lost >= MAX_TRIES || next >= self.latest {
            return false;
        }
        tokio::time::sleep_until(next).await;
        true
    }
}

/// The pause after so many lost races; `random` is uniform in 0..1.
fn pause_after(lost: u32, random: f64) -> Duration {
    let doubled = lost.saturating_sub(1).min(16);
    FIRST_PAUSE.saturating_mul(1 << doubled).min(LONGEST_PAUSE).mul_f64(random)
}

/// Reads, decides and writes by `write`, again for as long as another change came between
/// its reading and its writing, up to a limit.
pub(super) async fn repeat_lost_races<T, E, F>(
    is_lost_race: impl Fn(&E) -> bool,
    write: impl Fn() -> F,
) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
{
    let mut tries = ChangeTries::begin();
    loop {
        match write().await {
            Err(error) if is_lost_race(&error) => {
                if !tries.wait().await {
                    return Err(error);
                }
            }
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// The result and the tries of a write that loses so many races.
    async fn write_losing(races: u32) -> (Result<(), &'static str>, u32) {
        let tries = Cell::new(0);
        let result = repeat_lost_races(
            |error| *error == "lost",
            || async {
                tries.set(tries.get() + 1);
                if tries.get() > races { Ok(()) } else { Err("lost") }
            },
        );
        (result.await, tries.get())
    }

    #[tokio::test]
    async fn a_lost_race_is_run_again_up_to_a_limit_and_no_other_error() {
        assert_eq!(write_losing(0).await, (Ok(()), 1));
        assert_eq!(write_losing(MAX_TRIES - 1).await, (Ok(()), MAX_TRIES));
        assert_eq!(write_losing(MAX_TRIES).await, (Err("lost"), MAX_TRIES));
        let tries = Cell::new(0);
        let refused = repeat_lost_races(
            |error| *error == "lost",
            || async {
                tries.set(tries.get() + 1);
                Err::<(), _>("refused")
            },
        );
        assert_eq!((refused.await, tries.get()), (Err("refused"), 1));
    }

    #[test]
    fn pauses_grow_at_random_up_to_a_limit() {
        let longest: Vec<Duration> = (1..=6).map(|lost| pause_after(lost, 1.0)).collect();
        assert_eq!(longest, [5, 10, 20, 40, 80, 100].map(Duration::from_millis));
        assert_eq!(pause_after(u32::MAX, 1.0), LONGEST_PAUSE);
        assert_eq!(pause_after(3, 0.5), Duration::from_millis(10));
        assert_eq!(pause_after(3, 0.0), Duration::ZERO);
        let all: Duration = (1..MAX_TRIES).map(|lost| pause_after(lost, 1.0)).sum();
        assert!(all < MAX_TRY_SPAN, "{all:?}");
    }

    #[tokio::test]
    async fn no_try_begins_after_the_deadline() {
        let mut late = ChangeTries::until(Instant::now());
        assert!(!late.wait().await);
        let mut early = ChangeTries::until(Instant::now() + 10 * MAX_TRY_SPAN);
        assert!(early.latest <= Instant::now() + MAX_TRY_SPAN);
        assert!(early.wait().await);
    }

    #[tokio::test]
    async fn a_turn_is_waited_for_and_not_for_ever() {
        let (turns, soon) = (ChangeTurns::default(), Duration::from_millis(1));
        let first = turns.take("tenants/a").await.unwrap();
        assert!(turns.take_within("tenants/a", soon).await.is_none());
        assert!(turns.take("tenants/b").await.is_some());
        let next = turns.take("tenants/a");
        drop(first);
        assert!(next.await.is_some());
    }
}
