//! Deficit round robin over the time that attempts take.
//!
//! Fed by the scheduler with who has something to send and what each attempt cost;
//! feeds it the next subscription. Guarantees that members which always have something
//! to send get the same time, give or take one [`ROUND_QUANTUM`] and one attempt; that
//! leaving and rejoining gains nothing; and that nobody waits for ever, because a debt
//! never exceeds [`MAX_DEBT`].
//!
//! How to drive it: `push` whoever has something to send, `next` for each attempt, `remove`
//! whoever has nothing more; `charge` each attempt when its time is known, even of a member
//! that has left.
//!
//! Costs are only known afterwards, so members go into debt: each round gives every
//! member a quantum, and a member in debt skips rounds until it is paid. It is queued
//! in the round in which its balance is positive again, so a pick never walks over
//! members that may not go, and its cost does not grow with their number.
//!
//! Example: quantum 10 ms; A's attempts take 30 ms, B's 10 ms. Round 1: A runs (balance
//! -20), B runs (0). A's balance is positive again in round 4, so B runs alone in
//! rounds 2 and 3: both got 30 ms.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use crate::ids::{SubscriptionId, SubscriptionKey, TenantId};

/// The time that each member gets in a round. About one attempt at a quick receiver: less
/// would be rounds without a turn, more is unfair for longer.
pub const ROUND_QUANTUM: Duration = Duration::from_millis(10);
/// The largest debt: one attempt with the longest deadline. A member that owes this
/// waits until the others had as much. If its parallel attempts cost more, the rest is
/// free, so its concurrency window has to bound them.
pub const MAX_DEBT: Duration = Duration::from_secs(60);
/// Charged when a turn is given, so that a round ends even if attempts take no time or
/// never end. A hundredth of a round, so that a member has at most a hundred turns in it.
pub const TURN_COST: Duration = Duration::from_micros(100);

/// A deficit round robin among members.
///
/// A member that leaves is remembered with its place and debt until a whole quantum
/// would have gone unused.
#[derive(Debug)]
pub struct Ring<K> {
    /// The current round.
    round: u64,
    members: HashMap<K, RingMember>,
    /// How many members are present.
    present: usize,
    /// The tickets of each round. Only a member's newest ticket is valid.
    rounds: BTreeMap<u64, VecDeque<(K, u64)>>,
    tickets: u64,
}

#[derive(Debug)]
struct RingMember {
    present: bool,
    /// In microseconds: what is left of the quantum or, if negative, what it owes.
    balance: i64,
    /// The last round whose quantum is in the balance.
    refilled: u64,
    ticket: u64,
    /// The round of its ticket.
    queued_for: u64,
    /// An invalid ticket for a later round, which is reused instead of a new one, so
    /// that joining and leaving leaves at most one.
    spare: Option<(u64, u64)>,
}

impl RingMember {
    /// Adds the quanta of the rounds since; unused time is not saved.
    fn refill(&mut self, round: u64) {
        let rounds = i64::try_from(round.saturating_sub(self.refilled)).unwrap_or(i64::MAX);
        let earned = rounds.saturating_mul(micros(ROUND_QUANTUM));
        self.balance = self.balance.saturating_add(earned).min(micros(ROUND_QUANTUM));
        self.refilled = round;
    }

    fn pay(&mut self, cost: Duration) {
        self.balance = self.balance.saturating_sub(micros(cost)).max(-micros(MAX_DEBT));
    }

    /// In how many rounds, at least one, its balance is positive.
    fn rounds_to_wait(&self) -> u64 {
        let owed = u64::try_from(self.balance.saturating_neg()).unwrap_or(0);
        owed / micros(ROUND_QUANTUM).unsigned_abs() + 1
    }

    fn untouched(&self) -> bool {
        self.balance == micros(ROUND_QUANTUM)
    }
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

impl<K: Clone + Eq + Hash> Ring<K> {
    pub fn new() -> Self {
        Self { round: 0, members: HashMap::new(), present: 0, rounds: BTreeMap::new(), tickets: 0 }
    }

    /// A member has something to do. It joins behind those that wait.
    pub fn push(&mut self, key: K) {
        let round = self.round;
        let member = self.known(&key);
        if member.present {
            return;
        }
        member.present = true;
        member.refill(round);
        // While it was absent it may have been moved to a round that it need not wait
        // for.
        let early = member.balance > 0 && member.queued_for > round;
        if early {
            member.spare = Some((member.queued_for, member.ticket));
        }
        self.present += 1;
        if early {
            self.queue(key, round);
        }
    }

    /// A member has nothing to do, or may not.
    pub fn remove(&mut self, key: &K) {
        if let Some(member) = self.members.get_mut(key)
            && member.present
        {
            member.present = false;
            self.present -= 1;
        }
    }

    /// Charges a member, present or not.
    pub fn charge(&mut self, key: &K, cost: Duration) {
        let round = self.round;
        // Mostly it is known: one look-up.
        let member = match self.members.get_mut(key) {
            Some(member) => member,
            None => self.known(key),
        };
        member.refill(round);
        member.pay(cost);
    }

    /// Whether a member has something to do, as far as it was told.
    fn has(&self, key: &K) -> bool {
        self.members.get(key).is_some_and(|member| member.present)
    }

    /// The next present and eligible member; it stays present.
    ///
    /// Takes tickets in the order of rounds until one is of a member that may go. A member in
    /// debt gets a ticket for the round in which it is out of debt; one that is not eligible
    /// keeps its place; an old ticket (its member got a newer one) is dropped.
    ///
    /// Example: round 4 has tickets of A, B and C; A owes 25 ms, B is not eligible. A's ticket
    /// is replaced by one for round 4 + 25/10 + 1 = 7, B is set aside, C is chosen, charged
    /// [`TURN_COST`] and gets a new ticket at the end of round 4; B's goes back to the front.
    /// If C then costs 30 ms, its ticket of round 4 leads to one for round 7, behind A's.
    ///
    /// Members that are not
    /// eligible keep their place and are asked again by the next call, so remove those
    /// that are blocked for longer.
    pub fn next(&mut self, mut eligible: impl FnMut(&K) -> bool) -> Option<K> {
        let mut passed_over = Vec::new();
        let mut chosen = None;
        while chosen.is_none() && passed_over.len() < self.present {
            let Some(key) = self.pop() else { break };
            let round = self.round;
            let Some(member) = self.members.get_mut(&key) else {
                continue;
            };
            member.refill(round);
            if !member.present && member.untouched() {
                self.members.remove(&key);
            } else if !member.present
                && let Some(spare) = member.spare.take_if(|(later, _)| *later > round)
            {
                (member.queued_for, member.ticket) = spare;
            } else if !member.present || member.balance <= 0 {
                let later = round.saturating_add(member.rounds_to_wait());
                self.queue(key, later);
            } else if eligible(&key) {
                member.pay(TURN_COST);
                self.tickets += 1;
                (member.queued_for, member.ticket) = (round, self.tickets);
                let ticket = (key.clone(), self.tickets);
                self.rounds.entry(round).or_default().push_back(ticket);
                chosen = Some(key);
            } else {
                passed_over.push(key);
            }
        }
        for key in passed_over.into_iter().rev() {
            let ticket = self.ticket(&key, self.round);
            self.rounds.entry(self.round).or_default().push_front((key, ticket));
        }
        chosen
    }

    /// Takes the next valid ticket and starts its round.
    fn pop(&mut self) -> Option<K> {
        loop {
            let mut first = self.rounds.first_entry()?;
            let Some((key, ticket)) = first.get_mut().pop_front() else {
                first.remove();
                continue;
            };
            // Invalid tickets count too: a spare one must not be of a round that was
            // skipped, or its member would wait for ever.
            self.round = self.round.max(*first.key());
            let newest = self.members.get(&key).map(|member| member.ticket);
            if newest == Some(ticket) {
                return Some(key);
            }
        }
    }

    /// A member's record; a new one gets a whole quantum and a place at the end of this
    /// round.
    fn known(&mut self, key: &K) -> &mut RingMember {
        if !self.members.contains_key(key) {
            self.queue(key.clone(), self.round);
        }
        self.members.entry(key.clone()).or_insert(RingMember {
            present: false,
            balance: micros(ROUND_QUANTUM),
            refilled: self.round,
            ticket: self.tickets,
            queued_for: self.round,
            spare: None,
        })
    }

    fn queue(&mut self, key: K, round: u64) {
        let ticket = self.ticket(&key, round);
        self.rounds.entry(round).or_default().push_back((key, ticket));
    }

    /// Draws a ticket for a round and invalidates the member's other one.
    fn ticket(&mut self, key: &K, round: u64) -> u64 {
        self.tickets += 1;
        if let Some(member) = self.members.get_mut(key) {
            member.ticket = self.tickets;
            member.queued_for = round;
        }
        self.tickets
    }
}

impl<K: Clone + Eq + Hash> Default for Ring<K> {
    fn default() -> Self {
        Self::new()
    }
}

/// A round robin among tenants and, within each tenant, among its subscriptions, so
/// that a tenant gains nothing from having many.
#[derive(Debug, Default)]
pub struct TwoLevelRing {
    tenants: Ring<TenantId>,
    subscriptions: HashMap<TenantId, Ring<SubscriptionId>>,
}

impl TwoLevelRing {
    pub fn new() -> Self {
        Self::default()
    }

    /// A subscription has something to send.
    pub fn push(&mut self, key: &SubscriptionKey) {
        // Told for each delivery, and mostly known: then nothing is copied.
        let ring = self.subscriptions.get(&key.tenant);
        if ring.is_some_and(|ring| ring.has(&key.subscription)) && self.tenants.has(&key.tenant) {
            return;
        }
        self.within(&key.tenant).push(key.subscription.clone());
        self.tenants.push(key.tenant.clone());
    }

    /// A subscription has nothing to send, or may not.
    pub fn remove(&mut self, key: &SubscriptionKey) {
        let Some(ring) = self.subscriptions.get_mut(&key.tenant) else {
            return;
        };
        ring.remove(&key.subscription);
        if ring.present == 0 {
            self.tenants.remove(&key.tenant);
        }
    }

    /// Charges a subscription and its tenant for an attempt.
    pub fn charge(&mut self, key: &SubscriptionKey, cost: Duration) {
        match self.subscriptions.get_mut(&key.tenant) {
            Some(ring) => ring.charge(&key.subscription, cost),
            None => self.within(&key.tenant).charge(&key.subscription, cost),
        }
        self.tenants.charge(&key.tenant, cost);
    }

    /// The next subscription; see [`Ring::next`].
    pub fn next(
        &mut self,
        mut eligible: impl FnMut(&SubscriptionKey) -> bool,
    ) -> Option<SubscriptionKey> {
        let mut chosen = None;
        let subscriptions = &mut self.subscriptions;
        self.tenants.next(|tenant| {
            let key = |subscription: &SubscriptionId| SubscriptionKey {
                tenant: tenant.clone(),
                subscription: subscription.clone(),
            };
            let ring = subscriptions.get_mut(tenant);
            let subscription = ring.and_then(|ring| ring.next(|id| eligible(&key(id))));
            chosen = subscription.as_ref().map(key);
            chosen.is_some()
        });
        self.forget_idle();
        chosen
    }

    fn within(&mut self, tenant: &TenantId) -> &mut Ring<SubscriptionId> {
        self.subscriptions.entry(tenant.clone()).or_default()
    }

    /// Drops the rings of tenants that the outer ring has forgotten. It waits until
    /// they are half of all, which makes it cheap.
    fn forget_idle(&mut self) {
        let remembered = &self.tenants.members;
        if self.subscriptions.len() > remembered.len().saturating_mul(2) {
            self.subscriptions.retain(|tenant, _| remembered.contains_key(tenant));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a ring keeps must not grow with who was ever in it.
    #[test]
    fn those_who_left_are_forgotten_once_they_owe_nothing() {
        let mut ring = Ring::new();
        for member in 0..1000_u32 {
            ring.push(member);
            ring.charge(&member, ROUND_QUANTUM * (member % 50));
            ring.remove(&member);
        }
        assert_eq!(ring.members.len(), 1000, "they owe");
        ring.push(1000);
        for _ in 0..60 {
            ring.next(|_| true);
            ring.charge(&1000, ROUND_QUANTUM);
        }
        assert_eq!(ring.members.len(), 1);
        assert_eq!(ring.rounds.values().map(VecDeque::len).sum::<usize>(), 1);
    }

    /// Void tickets must not pile up, however often a member comes and goes.
    #[test]
    fn coming_and_going_leaves_no_litter() {
        let mut ring = Ring::new();
        ring.push(0);
        for _ in 0..10_000 {
            ring.push(1);
            ring.next(|_| true);
            ring.charge(&1, TURN_COST);
            ring.remove(&1);
            ring.next(|_| true);
            assert!(ring.rounds.values().map(VecDeque::len).sum::<usize>() <= 4);
        }
    }

    #[test]
    fn a_tenant_that_left_is_forgotten_with_its_subscriptions() {
        let key = |tenant: usize| SubscriptionKey {
            tenant: TenantId::from_stored(format!("t{tenant}")),
            subscription: SubscriptionId::from_stored("s"),
        };
        let mut ring = TwoLevelRing::new();
        for tenant in 0..100 {
            ring.push(&key(tenant));
            ring.remove(&key(tenant));
        }
        ring.push(&key(100));
        for _ in 0..3 {
            ring.next(|_| true);
            ring.charge(&key(100), ROUND_QUANTUM);
        }
        assert!(ring.subscriptions.len() <= 2, "{}", ring.subscriptions.len());
    }
}
