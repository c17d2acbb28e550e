//! Writes that are made again when another change came first.
//!
//! Fed by what the system itself changes, which has no caller to ask again; feeds it with
//! the result of its last try.

use std::future::Future;

/// How often a change by the system is tried. Each try lost to another change of the same
/// thing, and those are made by people.
const MAX_WRITE_TRIES: usize = 5;

/// Reads, decides and writes by `write`, again for as long as another change came between
/// its reading and its writing, up to a limit.
pub(super) async fn repeat_lost_races<T, E, F>(
    is_lost_race: impl Fn(&E) -> bool,
    write: impl Fn() -> F,
) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
{
    for _ in 1..MAX_WRITE_TRIES {
        match write().await {
            Err(error) if is_lost_race(&error) => {}
            done => return done,
        }
    }
    write().await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// The result and the tries of a write that loses so many races.
    async fn write_losing(races: usize) -> (Result<(), &'static str>, usize) {
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
        assert_eq!(write_losing(MAX_WRITE_TRIES - 1).await, (Ok(()), MAX_WRITE_TRIES));
        assert_eq!(write_losing(MAX_WRITE_TRIES).await, (Err("lost"), MAX_WRITE_TRIES));
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
}
