//! A subscription as the parameters of the statements that write one.
//!
//! Fed by `config`; feeds it statements with their parameters bound.

use postrider_domain::subscription::Subscription;
use postrider_domain::time::Timestamp;

use super::query::PgQuery;
use crate::codec;
use crate::error::StoreResult;
use crate::sealing::{SealedColumns, certificate_warning};

/// Parameters 1 to 20 of both statements that write a subscription.
pub(super) fn bind_subscription<'q>(
    sql: &'static str,
    subscription: &'q Subscription,
    sealed: Option<SealedColumns>,
    config_version: i64,
) -> StoreResult<PgQuery<'q>> {
    let Subscription { tenant, id, settings, .. } = subscription;
    let warning = certificate_warning(subscription);
    let (data_key, signing_keys, header_values, credentials) = SealedColumns::split(sealed);
    Ok(sqlx::query(sql)
        .bind(tenant.as_str())
        .bind(id.as_str())
        .bind(settings.region.as_str())
        .bind(&settings.display_name)
        .bind(&settings.url)
        .bind(codec::search_text(&[id.as_str(), &settings.display_name, &settings.url]))
        .bind(codec::status_code(subscription.status))
        .bind(codec::without_nul(&subscription.status_reason).into_owned())
        .bind(codec::to_json(settings)?)
        .bind(data_key)
        .bind(signing_keys)
        .bind(header_values)
        .bind(codec::micros(subscription.paused_clock.total))
        .bind(subscription.paused_clock.since.map(Timestamp::as_micros))
        .bind(subscription.update_time.as_micros())
        .bind(subscription.delete_time.map(Timestamp::as_micros))
        .bind(config_version)
        .bind(subscription.request_revision)
        .bind(credentials)
        .bind(warning.map(Timestamp::as_micros)))
}
