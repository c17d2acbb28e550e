//! Turns at what a replica does for the console at once.
//!
//! Fed by `serve` and `live` with who asks; feeds them a turn, or none. Guarantees that so many
//! are taken at once, and that nobody keeps all others out: browsers without a session have a
//! part together, and so have all callers of a tenant, which may have any number of tokens.
//!
//! Keeps the invariant `bounded-everything`.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use postrider_domain::ids::TenantId;
use postrider_identity::CallerIdentity;

/// Whose turns are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TurnOwner {
    /// All browsers without a session.
    Visitors,
    Tenant(TenantId),
    /// A caller that counts for no tenant, as logs name it.
    Caller(String),
}

impl TurnOwner {
    pub fn of(identity: &CallerIdentity) -> Self {
        match identity.counted_tenant() {
            Some(tenant) => Self::Tenant(tenant.clone()),
            None => Self::Caller(identity.principal.to_string()),
        }
    }
}

#[derive(Default)]
struct TakenTurns {
    all: usize,
    by_owner: HashMap<TurnOwner, usize>,
}

/// See the module.
pub struct ConsoleTurns {
    max: usize,
    max_per_owner: usize,
    taken: Mutex<TakenTurns>,
}

impl ConsoleTurns {
    /// So many, of which an owner has one in `owners`, but at least one.
    pub fn new(max: usize, owners: usize) -> Arc<Self> {
        let max_per_owner = max.checked_div(owners).unwrap_or(max).max(1);
        Arc::new(Self { max, max_per_owner, taken: Mutex::default() })
    }

    /// A turn, if there is one for this owner.
    pub fn take(self: &Arc<Self>, owner: TurnOwner) -> Option<Turn> {
        let mut taken = self.taken.lock();
        let of_owner = taken.by_owner.get(&owner).copied().unwrap_or(0);
        if taken.all >= self.max || of_owner >= self.max_per_owner {
            return None;
        }
        taken.all += 1;
        taken.by_owner.insert(owner.clone(), of_owner + 1);
        drop(taken);
        Some(Turn { turns: Arc::clone(self), owner })
    }
}

/// A turn, free again once this is dropped.
pub struct Turn {
    turns: Arc<ConsoleTurns>,
    owner: TurnOwner,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut taken = self.turns.taken.lock();
        taken.all = taken.all.saturating_sub(1);
        let left = taken.by_owner.get(&self.owner).map_or(0, |count| count.saturating_sub(1));
        match left {
            0 => taken.by_owner.remove(&self.owner),
            left => taken.by_owner.insert(self.owner.clone(), left),
        };
    }
}

#[cfg(test)]
mod tests {
    use postrider_identity::{Grant, GrantScope, Principal, Role, TokenId};

    use super::*;

    fn owner(token: &str, tenant: Option<&str>) -> TurnOwner {
        let scope = match tenant {
            Some(tenant) => GrantScope::tenant(tenant.parse().unwrap()),
            None => GrantScope::Installation,
        };
        TurnOwner::of(&CallerIdentity {
            principal: Principal::PortalToken(TokenId::from_stored(token)),
            grants: vec![Grant { role: Role::Reader, scope }],
            expire_time: None,
        })
    }

    #[test]
    fn nobody_takes_all_turns() {
        let turns = ConsoleTurns::new(6, 3);
        let mut of_acme = Vec::new();
        for token in ["0123456789abcdef0123", "0123456789abcdef0124"] {
            of_acme.push(turns.take(owner(token, Some("acme"))).unwrap());
        }
        let third = owner("0123456789abcdef0125", Some("acme"));
        assert!(turns.take(third.clone()).is_none(), "all tokens of a tenant have one part");
        let operator = owner("0123456789abcdef0126", None);
        let held: Vec<_> = [operator.clone(), TurnOwner::Visitors, TurnOwner::Visitors]
            .into_iter()
            .map(|owner| turns.take(owner).unwrap())
            .collect();
        assert!(turns.take(TurnOwner::Visitors).is_none());
        let last = turns.take(operator).unwrap();
        let zeta = owner("0123456789abcdef0127", Some("zeta"));
        assert!(turns.take(zeta.clone()).is_none(), "there are six");
        drop((of_acme.pop(), last));
        assert!(turns.take(zeta).is_some() && turns.take(third).is_some());
        drop((of_acme, held));
        assert!(turns.taken.lock().by_owner.is_empty());
        assert_eq!(turns.taken.lock().all, 0);
    }

    #[test]
    fn an_owner_has_one_turn_at_least() {
        let turns = ConsoleTurns::new(1, 8);
        let only = turns.take(TurnOwner::Visitors).unwrap();
        assert!(turns.take(TurnOwner::Visitors).is_none());
        drop(only);
        assert!(turns.take(TurnOwner::Visitors).is_some());
    }
}
