//! Whether a subscription may be put into a region.
//!
//! Fed by creations and updates; feeds them yes, or the error.

use postrider_domain::ids::{Region, TenantId};
use tonic::Status;

use crate::api::rpc::errors::{self, ErrorReason};
use crate::api::values::names;
use crate::state::context::ReplicaContext;
use crate::state::region_names::RegionRefusal;

/// Refuses a region that nobody serves once there are too many such regions.
pub async fn require_region(
    context: &ReplicaContext,
    tenant: &TenantId,
    region: &Region,
) -> Result<(), Status> {
    let refusal = context.region_names.refusal(tenant, region).await.map_err(errors::store)?;
    let Some(refusal) = refusal else { return Ok(()) };
    let whose = match refusal {
        RegionRefusal::OfTenant => "the tenant has",
        RegionRefusal::OfAll => "all tenants together have",
    };
    let (name, setting) = (names::of_region(region), refusal.setting());
    let message = format!(
        "no agent serves {name}, and {whose} as many such regions as there may be ({setting})"
    );
    let reason = ErrorReason::TooManyRegions;
    Err(errors::field_limit_reached(reason, "subscription.region", message, setting))
}
