//! Whether the replica can be reached, lives and is ready.

use serde_json::json;

use super::finding::DoctorFinding;
use crate::calls::text_at;
use crate::session::CommandSession;

const HEALTH_METHOD: &str = "grpc.health.v1.Health/Check";

pub(super) async fn check(session: &CommandSession) -> Vec<DoctorFinding> {
    let address = &session.target.address;
    let mut findings = Vec::new();
    for (about, service) in [("liveness", "liveness"), ("readiness", "readiness")] {
        let answer = session.api.call(HEALTH_METHOD, json!({"service": service})).await;
        findings.push(match answer {
            Ok(answer) if text_at(&answer, "status") == "SERVING" => {
                DoctorFinding::fine(about, format!("{address} serves"))
            }
            Ok(answer) => DoctorFinding::wrong(
                about,
                format!("{address} says {}", text_at(&answer, "status")),
                "its log says why; the database or a loop that makes no progress",
            ),
            Err(error) => DoctorFinding::unknown(about, &error, address),
        });
    }
    findings
}
