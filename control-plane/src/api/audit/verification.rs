//! `VerifyAuditLog`.
//!
//! Fed by callers; feeds `postrider_identity`'s verifier with the store's pages of a chain.
//! Guarantees that one call reads a bounded number of records.

use postrider_identity::{AuditChain, ChainFindings, ChainHash, ChainPosition, ChainVerifier};
use postrider_proto::v1;
use tonic::Status;

use crate::api::audit::chain_lookup::require_chain;
use crate::api::audit::conversion::fault_to_proto;
use crate::api::lists::listing::ListCall;
use crate::api::rpc::errors::{self, FieldViolations};
use crate::api::values::names;
use crate::api::values::time::timestamp;
use crate::state::context::ReplicaContext;

/// Records read at once: a few hundred KiB, and a few milliseconds of hashing.
const RECORDS_PER_READ: u32 = 1000;
/// Most records that one call checks, in about a second.
const MAX_CHECKED_RECORDS: u64 = 100_000;
/// Most triggers that are told. Postrider has none; one is reason enough to look.
const MAX_TOLD_TRIGGERS: u32 = 20;
/// Longest name of one that is told, in characters.
const MAX_TRIGGER_NAME: usize = 200;

pub async fn verify(
    context: &ReplicaContext,
    request: v1::VerifyAuditLogRequest,
) -> Result<v1::VerifyAuditLogResponse, Status> {
    let v1::VerifyAuditLogRequest { parent, known_number, known_hash, page_token } = &request;
    let (settings, page_key) = (&context.settings.api, &context.assignment_key);
    let mut call = ListCall::begin("VerifyAuditLog", 0, page_token, settings, page_key);
    let chain = call.select("parent", parent, names::audit_chain);
    call.text(&known_number.to_string());
    call.text(known_hash);
    let known = known_head(*known_number, known_hash, &mut call.violations);
    let (chain, page) = call.finish::<_, ChainPosition>(chain)?;
    let must_have_begun = require_chain(context, &chain).await?;
    let key = context.store.audit_key().await.map_err(errors::store)?.of_chain(&chain);
    let triggers = context.store.foreign_triggers(MAX_TOLD_TRIGGERS).await;
    let triggers = triggers.map_err(errors::store)?;
    let foreign_triggers: Vec<String> =
        triggers.iter().map(|name| name.chars().take(MAX_TRIGGER_NAME).collect()).collect();
    let verifier = ChainVerifier::new(key, page.after().copied(), known);
    let mut verifier = verifier.beginning_as_ours(must_have_begun);
    loop {
        let from = verifier.position().next;
        let read = context.store.read_audit_chain(&chain, from, RECORDS_PER_READ);
        let (state, records) = read.await.map_err(errors::store)?;
        verifier.take(&state, &records);
        let is_last = records.len() < RECORDS_PER_READ as usize;
        if !is_last && verifier.checked() < MAX_CHECKED_RECORDS {
            continue;
        }
        let position = verifier.position();
        let (findings, next) = match is_last {
            true => (verifier.finish(&state), None),
            false => (verifier.pause(), Some(position)),
        };
        report(context, &chain, &findings);
        report_triggers(context, &foreign_triggers);
        let ChainFindings { faults, left_out, checked, is_known_removed } = findings;
        let nothing = |_: &v1::AuditFault| 0;
        let faults: Vec<_> = faults.into_iter().map(fault_to_proto).collect();
        let page =
            page.cut(Vec::new(), next, |_: &v1::AuditFault| position, nothing, usize::MAX)?;
        let checkpoint = state.checkpoint;
        return Ok(v1::VerifyAuditLogResponse {
            faults,
            omitted_fault_count: count(left_out),
            checked_record_count: count(checked),
            head_number: state.sequence,
            head_hash: state.hash.to_string(),
            checkpoint_number: checkpoint.sequence,
            checkpoint_time: (checkpoint.sequence > 0).then(|| timestamp(checkpoint.time)),
            next_page_token: page.next_page_token,
            known_record_removed: is_known_removed,
            foreign_triggers,
        });
    }
}

/// A head that the caller knows from elsewhere.
fn known_head(
    number: i64,
    hash: &str,
    violations: &mut FieldViolations,
) -> Option<(i64, ChainHash)> {
    match (number, hash) {
        (0, "") => None,
        (1.., text) => {
            let hash = ChainHash::parse(text);
            if hash.is_none() {
                violations.add("known_hash", "must be 64 hexadecimal digits, with known_number");
            }
            hash.map(|hash| (number, hash))
        }
        _ => {
            violations.add("known_number", "must be a record's number, with known_hash");
            None
        }
    }
}

/// Whoever watches this installation learns of faults too.
fn report(context: &ReplicaContext, chain: &AuditChain, findings: &ChainFindings) {
    let Some(first) = findings.faults.first() else { return };
    let count = findings.faults.len();
    let chain = names::of_chain(chain);
    tracing::error!(chain, count, ?first, "records of changes are not what was written");
    context.metrics.audit_alarm("fault_found");
}

fn report_triggers(context: &ReplicaContext, triggers: &[String]) {
    if !triggers.is_empty() {
        tracing::error!(?triggers, "a check found triggers of others at the tables");
        context.metrics.audit_alarm("foreign_trigger");
    }
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_head_has_a_number_and_a_hash() {
        let read = |number, hash: &str| {
            let mut violations = FieldViolations::default();
            let known = known_head(number, hash, &mut violations);
            violations.is_empty().then_some(known)
        };
        assert_eq!(read(0, ""), Some(None));
        let hash = ChainHash::new([0xab; 32]);
        assert_eq!(read(5, &"ab".repeat(32)), Some(Some((5, hash))));
        for (number, hash) in [(5, ""), (5, "ab"), (0, "ab"), (-1, ""), (5, &"g".repeat(64))] {
            assert_eq!(read(number, hash), None, "{number} {hash}");
        }
    }
}
