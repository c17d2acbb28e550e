//! Proofs of what was assigned to whom.
//!
//! Fed by a session's assignments, each of which gets a proof, and by what its agent says
//! later, which must come with it; feeds the session with the attempts that were really
//! given to this agent in this region. Guarantees that nobody without the installation's
//! key makes a proof, and that one is worth nothing for another attempt, epoch, agent or
//! region. It holds at every replica, and after restarts and take-overs, since all of
//! them have the same key and nothing is remembered.
//!
//! A proof is 16 bytes of HMAC-SHA-256. Agent and region go into a key of the stream's
//! own, so that an attempt costs two blocks of SHA-256.
//!
//! Keeps the invariant `only-what-was-assigned`.

use bytes::Bytes;
use hmac::digest::InvalidLength;
use hmac::{Hmac, KeyInit as _, Mac as _};
use postrider_domain::assignment_key::AssignmentKey;
use postrider_domain::ids::{AgentId, AttemptKey, DeliveryId, Region};
use postrider_proto::agent::v1 as wire;
use sha2::Sha256;
use uuid::Uuid;

/// Says what the stream's key is for, and in which form.
const STREAM_KEY_PURPOSE: &[u8] = b"postrider assignment 1";
const PROOF_BYTES: usize = 16;

/// Makes and checks the proofs of one agent in one region.
#[derive(Clone)]
pub(super) struct AssignmentProver(Hmac<Sha256>);

impl AssignmentProver {
    pub fn new(
        key: &AssignmentKey,
        agent: &AgentId,
        region: &Region,
    ) -> Result<Self, InvalidLength> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key.bytes())?;
        mac.update(STREAM_KEY_PURPOSE);
        for name in [region.as_str(), agent.name()] {
            mac.update(&u64::try_from(name.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(name.as_bytes());
        }
        Hmac::new_from_slice(&mac.finalize().into_bytes()).map(Self)
    }

    /// The proof of an assignment.
    pub fn prove(&self, key: AttemptKey, epoch: u64) -> Bytes {
        let proof = self.mac(key, epoch).finalize().into_bytes();
        // With their count beside them: encoding clones them.
        proof.first_chunk::<PROOF_BYTES>().map_or_else(Bytes::new, |p| Bytes::from_owner(*p))
    }

    /// The attempt that a key names, if it was assigned.
    pub fn check(&self, key: &wire::AttemptKey) -> Option<AttemptKey> {
        let named = named_attempt(key)?;
        let mac = self.mac(named, key.epoch);
        // In constant time.
        let is_proven = key.mac.len() == PROOF_BYTES && mac.verify_truncated_left(&key.mac).is_ok();
        is_proven.then_some(named)
    }

    fn mac(&self, key: AttemptKey, epoch: u64) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(key.delivery.0.as_bytes());
        mac.update(&key.number.to_be_bytes());
        mac.update(&epoch.to_be_bytes());
        mac
    }
}

/// The attempt that a key names, whether it was assigned or not.
pub(super) fn named_attempt(key: &wire::AttemptKey) -> Option<AttemptKey> {
    let delivery = DeliveryId(Uuid::from_slice(&key.delivery_id).ok()?);
    (key.number > 0).then_some(AttemptKey { delivery, number: key.number })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prover(key: u8, agent: &str, region: &str) -> AssignmentProver {
        let (agent, region) = (AgentId(agent.into()), region.parse().unwrap());
        AssignmentProver::new(&AssignmentKey::new([key; 32]), &agent, &region).unwrap()
    }

    fn assigned(prover: &AssignmentProver, number: u32, epoch: u64) -> wire::AttemptKey {
        let key = AttemptKey { delivery: DeliveryId(Uuid::from_u128(7)), number };
        wire::AttemptKey {
            delivery_id: Bytes::copy_from_slice(key.delivery.0.as_bytes()),
            number,
            shard: 3,
            epoch,
            mac: prover.prove(key, epoch),
        }
    }

    #[test]
    fn what_was_assigned_is_proven_at_every_replica() {
        let key = assigned(&prover(1, "agent-1", "eu"), 2, 5);
        let elsewhere = prover(1, "agent-1", "eu");
        assert_eq!(elsewhere.check(&key), named_attempt(&key));
        assert_eq!(key.mac.len(), PROOF_BYTES);
    }

    #[test]
    fn a_proof_is_worth_nothing_for_anything_else() {
        let own = prover(1, "agent-1", "eu");
        let key = assigned(&own, 2, 5);
        let others = [
            prover(2, "agent-1", "eu"),
            prover(1, "agent-2", "eu"),
            prover(1, "agent-1", "us"),
            // The border between the names counts.
            prover(1, "gent-1", "eua"),
        ];
        assert!(others.iter().all(|other| other.check(&key).is_none()));
        let of_another = Bytes::copy_from_slice(Uuid::from_u128(8).as_bytes());
        for forged in [
            wire::AttemptKey { number: 3, ..key.clone() },
            wire::AttemptKey { epoch: 6, ..key.clone() },
            wire::AttemptKey { delivery_id: of_another, ..key.clone() },
            wire::AttemptKey { mac: Bytes::new(), ..key.clone() },
            wire::AttemptKey { mac: key.mac.slice(..15), ..key.clone() },
            wire::AttemptKey { mac: Bytes::copy_from_slice(&[0; 16]), ..key.clone() },
            wire::AttemptKey { mac: Bytes::copy_from_slice(&[0; 64]), ..key.clone() },
        ] {
            assert_eq!(own.check(&forged), None, "{forged:?}");
        }
    }
}
