//! Lies: results that agents tell of attempts which others were given.
//!
//! Fed by the network with every assignment; feeds it forged results, each with a success
//! and with the true proof of the agent that has the attempt, as a stolen one would be.
//! `judge` finds any that counts: a success in history that no receiver gave.
//!
//! Lies concern the attempts of other regions alone: their acknowledgements must not be
//! taken for those of true results.

use std::collections::VecDeque;

use parking_lot::Mutex;
use postrider_proto::agent::v1::work_request::Message as AgentMessage;
use postrider_proto::agent::v1::{
    Assignment, AttemptKey, AttemptResult, Fact, Results, WorkRequest,
};

use crate::agent::region;
use crate::entropy;

/// After how many of a hundred messages an agent lies.
const LIE_PERCENT: usize = 3;
/// How many assignments are remembered.
const MAX_OVERHEARD: usize = 64;

/// Attempts with their agents and tenants, the latest last.
#[derive(Default)]
pub struct OverheardAssignments(Mutex<VecDeque<(usize, AttemptKey, String)>>);

impl OverheardAssignments {
    pub fn note(&self, agent: usize, assignment: &Assignment) {
        let Some(key) = assignment.key.clone() else { return };
        let mut overheard = self.0.lock();
        overheard.push_back((agent, key, assignment.tenant.clone()));
        if overheard.len() > MAX_OVERHEARD {
            overheard.pop_front();
        }
    }

    /// What an agent lies next, if it does.
    pub fn lie(&self, agent: usize) -> Option<WorkRequest> {
        if !entropy::percent(LIE_PERCENT) {
            return None;
        }
        let overheard = self.0.lock();
        let foreign: Vec<_> =
            overheard.iter().filter(|(other, _, _)| region(*other) != region(agent)).collect();
        if foreign.is_empty() {
            return None;
        }
        let (_, key, tenant) = foreign.get(entropy::below(foreign.len()))?;
        let result = AttemptResult {
            key: Some(key.clone()),
            tenant: tenant.clone(),
            fact: Fact::Response.into(),
            http_status: 200,
            ..AttemptResult::default()
        };
        let message = AgentMessage::Results(Results { results: vec![result] });
        Some(WorkRequest { message: Some(message) })
    }
}
