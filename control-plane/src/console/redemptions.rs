//! Sign-ins with a provider that come back: how often their codes are redeemed.
//!
//! Fed by `sign_in` with browsers that come back from a provider; feeds it what the provider
//! answers, or why it was not asked. Guarantees that a sign-in which is remembered asks its
//! provider so many times and no more, and that a newer try of it ends the one before and none of
//! another sign-in; that a provider is asked about so many codes at once, also where browsers
//! leave as soon as they have sent theirs; and that others wait in the order in which they came.
//!
//! How to drive it: [`Redemptions::ask`] with what asks the provider, which has to end in time by
//! itself.
//!
//! Keeps the invariant `bounded-everything`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use postrider_domain::time::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::callers::PendingSignIn;

/// Most codes that a provider is asked about at once, each on a connection of its own, until it
/// has answered or the request to it is given up.
const MAX_ASKED_CODES: usize = 32;
/// Most that wait for that besides. At 0.3 s for each answer 213 have their turn in time.
const MAX_WAITING_CODES: usize = 224;
/// How long a code waits.
const MAX_CODE_WAIT: Duration = Duration::from_secs(2);
/// How often a sign-in asks its provider: once, and again where an answer was lost.
pub const MAX_CODE_TRIES: u32 = 3;
/// More than are begun at one replica while one of them may take, ten minutes. If more come back,
/// as they may from those of several replicas, the one that ends first is over. Each takes some
/// 130 bytes.
pub const MAX_REMEMBERED_SIGN_INS: usize = 65_536;

/// Why a provider is not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedCode {
    /// The sign-in has asked as often as it may.
    Spent,
    /// A newer try of the same sign-in came.
    Displaced,
    /// Too many codes are asked about.
    Full,
}

impl RefusedCode {
    /// For the log.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Spent => "tries of one sign-in",
            Self::Displaced => "tries of one sign-in at once",
            Self::Full => "codes at once",
        }
    }
}

/// When a sign-in is over, in microseconds since the epoch, and its state.
type SignInKey = (i64, Box<str>);

/// What has come back of a sign-in.
#[derive(Default)]
struct ReturnedSignIn {
    tries: u32,
    /// The newest try that goes on.
    newest: Option<(u64, CancellationToken)>,
}

#[derive(Default)]
struct RedemptionState {
    returned: BTreeMap<SignInKey, ReturnedSignIn>,
    next_number: u64,
}

/// How much one provider is asked.
struct ProviderBounds {
    /// For codes that it is asked about, and those that wait.
    places: Arc<Semaphore>,
    /// For codes that it is asked about.
    turns: Arc<Semaphore>,
}

impl ProviderBounds {
    fn new() -> Self {
        let semaphore = |count| Arc::new(Semaphore::new(count));
        Self {
            places: semaphore(MAX_ASKED_CODES + MAX_WAITING_CODES),
            turns: semaphore(MAX_ASKED_CODES),
        }
    }
}

/// See the module.
pub struct Redemptions {
    providers: Vec<ProviderBounds>,
    state: Mutex<RedemptionState>,
}

impl Redemptions {
    pub fn new(providers: usize) -> Self {
        let providers = (0..providers).map(|_| ProviderBounds::new()).collect();
        Self { providers, state: Mutex::default() }
    }

    /// What `asked` answers, which asks the provider of a sign-in. It is begun once it is this
    /// code's turn. From then on it goes on to its end, and keeps its turn: a provider does not
    /// stop because a browser has left, or a newer try of the same sign-in came.
    pub async fn ask<T: Send + 'static>(
        &self,
        pending: &PendingSignIn,
        now: Timestamp,
        asked: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, RefusedCode> {
        let bounds = self.providers.get(pending.provider).ok_or(RefusedCode::Full)?;
        let (code_try, place) = self.begin_try(pending, bounds, now)?;
        let in_turn = async {
            let turn = Arc::clone(&bounds.turns).acquire_owned();
            let turn = tokio::time::timeout(MAX_CODE_WAIT, turn).await;
            let Ok(Ok(turn)) = turn else { return Err(RefusedCode::Full) };
            code_try.count()?;
            let held = (place, turn);
            let answered = tokio::spawn(async move {
                let _held = held;
                asked.await
            });
            // Only the end of the process gives it up.
            answered.await.map_err(|_| RefusedCode::Full)
        };
        tokio::select! {
            biased;
            answered = in_turn => answered,
            () = code_try.displaced.cancelled() => Err(RefusedCode::Displaced),
        }
    }

    /// A place for a code; the sign-in's try before it ends. Who is refused has changed nothing.
    fn begin_try(
        &self,
        pending: &PendingSignIn,
        bounds: &ProviderBounds,
        now: Timestamp,
    ) -> Result<(CodeTry<'_>, OwnedSemaphorePermit), RefusedCode> {
        let key: SignInKey = (pending.expires, pending.state.as_str().into());
        let displaced = CancellationToken::new();
        let mut locked = self.state.lock();
        let state = &mut *locked;
        state.forget_ended(now);
        if state.returned.get(&key).is_some_and(|known| known.tries >= MAX_CODE_TRIES) {
            return Err(RefusedCode::Spent);
        }
        let place = Arc::clone(&bounds.places).try_acquire_owned();
        let place = place.map_err(|_| RefusedCode::Full)?;
        let number = state.next_number;
        state.next_number += 1;
        let known = state.returned.entry(key.clone()).or_default();
        let before = known.newest.replace((number, displaced.clone()));
        if state.returned.len() > MAX_REMEMBERED_SIGN_INS {
            state.returned.pop_first();
        }
        drop(locked);
        if let Some((_, before)) = before {
            before.cancel();
        }
        Ok((CodeTry { redemptions: self, key, number, displaced }, place))
    }
}

impl RedemptionState {
    fn forget_ended(&mut self, now: Timestamp) {
        while let Some(first) = self.returned.first_entry() {
            if first.key().0 > now.as_micros() {
                return;
            }
            first.remove();
        }
    }
}

/// The try of a sign-in, until this is dropped.
struct CodeTry<'r> {
    redemptions: &'r Redemptions,
    key: SignInKey,
    number: u64,
    /// Cancelled once a newer try of the same sign-in came.
    displaced: CancellationToken,
}

impl CodeTry<'_> {
    /// Counts that the provider is asked. One that is remembered no more is over.
    fn count(&self) -> Result<(), RefusedCode> {
        let mut state = self.redemptions.state.lock();
        let known = state.returned.get_mut(&self.key);
        let known = known.filter(|known| known.tries < MAX_CODE_TRIES);
        known.ok_or(RefusedCode::Spent)?.tries += 1;
        Ok(())
    }
}

impl Drop for CodeTry<'_> {
    fn drop(&mut self) {
        let mut state = self.redemptions.state.lock();
        if let Some(known) = state.returned.get_mut(&self.key) {
            known.newest.take_if(|(number, _)| *number == self.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending as never, ready};

    use futures::FutureExt as _;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn sign_ins(count: usize) -> Vec<PendingSignIn> {
        (0..count).map(|_| PendingSignIn::new(0, at(600).as_micros())).collect()
    }

    #[tokio::test]
    async fn a_sign_in_asks_so_often_and_is_remembered_until_it_is_over() {
        let redemptions = Redemptions::new(1);
        let both = sign_ins(2);
        for _ in 0..MAX_CODE_TRIES {
            assert_eq!(redemptions.ask(&both[0], at(0), ready(1)).await, Ok(1));
        }
        let spent = redemptions.ask(&both[0], at(599), ready(1)).await;
        assert_eq!(spent, Err(RefusedCode::Spent));
        assert_eq!(redemptions.ask(&both[1], at(0), ready(1)).await, Ok(1));
        assert_eq!(redemptions.state.lock().returned.len(), 2);
        let later = PendingSignIn::new(0, at(1_200).as_micros());
        assert_eq!(redemptions.ask(&later, at(600), ready(1)).await, Ok(1));
        assert_eq!(redemptions.state.lock().returned.len(), 1);
    }

    #[tokio::test]
    async fn a_newer_try_ends_the_one_before_of_its_own_sign_in() {
        let redemptions = Redemptions::new(1);
        let both = sign_ins(2);
        let mut honest = Box::pin(redemptions.ask(&both[0], at(0), never::<()>()));
        assert!(honest.as_mut().now_or_never().is_none());
        let mut older = Box::pin(redemptions.ask(&both[1], at(0), never::<()>()));
        assert!(older.as_mut().now_or_never().is_none());
        let mut newer = Box::pin(redemptions.ask(&both[1], at(0), never::<()>()));
        assert!(newer.as_mut().now_or_never().is_none());
        assert_eq!(older.await, Err(RefusedCode::Displaced));
        assert!(honest.as_mut().now_or_never().is_none());
        assert!(newer.as_mut().now_or_never().is_none());
        drop((honest, newer));
        let state = redemptions.state.lock();
        assert!(state.returned.values().all(|known| known.newest.is_none()));
    }

    #[tokio::test]
    async fn a_turn_is_held_until_the_provider_has_answered() {
        let redemptions = Redemptions::new(1);
        let answers = CancellationToken::new();
        for pending in sign_ins(MAX_ASKED_CODES - 1) {
            let asked = redemptions.ask(&pending, at(0), answers.clone().cancelled_owned());
            assert!(Box::pin(asked).now_or_never().is_none(), "and its browser leaves");
            tokio::task::yield_now().await;
        }
        let again = PendingSignIn::new(0, at(600).as_micros());
        let mut older = Box::pin(redemptions.ask(&again, at(0), answers.clone().cancelled_owned()));
        assert!(older.as_mut().now_or_never().is_none());
        let mut newer = Box::pin(redemptions.ask(&again, at(0), ready(())));
        for _ in 0..10 {
            assert!(newer.as_mut().now_or_never().is_none(), "all turns are taken");
            tokio::task::yield_now().await;
        }
        assert_eq!(older.await, Err(RefusedCode::Displaced));
        assert!(newer.as_mut().now_or_never().is_none());
        answers.cancel();
        assert_eq!(newer.await, Ok(()));
    }

    #[tokio::test]
    async fn codes_wait_for_their_turn_and_are_so_many_for_a_provider() {
        let redemptions = Redemptions::new(2);
        let answers = CancellationToken::new();
        let all = sign_ins(MAX_ASKED_CODES + MAX_WAITING_CODES);
        let mut asked = Vec::new();
        for pending in &all {
            let answer = answers.clone().cancelled_owned();
            let mut next = Box::pin(redemptions.ask(pending, at(0), answer));
            assert!(next.as_mut().now_or_never().is_none());
            asked.push(next);
            tokio::task::yield_now().await;
        }
        let late = PendingSignIn::new(0, at(600).as_micros());
        for _ in 0..=MAX_CODE_TRIES {
            let refused = redemptions.ask(&late, at(0), ready(1)).await;
            assert_eq!(refused, Err(RefusedCode::Full), "and none of its tries is used up");
        }
        let elsewhere = PendingSignIn::new(1, at(600).as_micros());
        assert_eq!(redemptions.ask(&elsewhere, at(0), ready(1)).await, Ok(1));
        drop(asked.split_off(MAX_ASKED_CODES));
        let mut next = Box::pin(redemptions.ask(&late, at(0), ready(1)));
        assert!(next.as_mut().now_or_never().is_none());
        answers.cancel();
        assert_eq!(next.await, Ok(1));
    }
}
