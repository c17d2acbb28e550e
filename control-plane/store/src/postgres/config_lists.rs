//! Lists of tenants and subscriptions, in pages.
//!
//! Fed by the API's queries; feeds it pages.

use postrider_domain::subscription::Subscription;
use postrider_domain::tenant::Tenant;
use sqlx::QueryBuilder;

use super::engine::PostgresStore;
use super::rows;
use crate::config::{ListPage, SubscriptionQuery, TenantQuery};
use crate::error::StoreResult;
use crate::list_sql::{FilteredPage, subscription_list, tenant_list, tenant_page};

/// Rows read at once where the program decides which of them a list shows. Four pages by
/// default.
const FILTERED_READ_ROWS: u32 = 200;

const LIST_TENANTS: &str = "SELECT id, display_name, allow_insecure_urls, labels, config_version,
        revision, create_time, update_time, delete_time, history_retention, payload_retention
    FROM tenants
    WHERE true";
const LIST_SUBSCRIPTIONS: &str = "SELECT tenant, id, status, status_reason, settings, data_key,
        signing_keys, header_values, credentials, paused_total_us, paused_since, revision,
        request_revision, create_time, update_time, delete_time
    FROM subscriptions";

impl PostgresStore {
    pub(super) async fn tenants_page(&self, query: &TenantQuery) -> StoreResult<ListPage<Tenant>> {
        let mut call = self.read_call("list_tenants");
        let mut sql = QueryBuilder::new(LIST_TENANTS);
        tenant_list(&mut sql, query)?;
        let rows = call.rows(sql.build().persistent(false)).await?;
        Ok(tenant_page(rows::read(&rows, rows::named_tenant)?, &query.page))
    }

    pub(super) async fn subscriptions_page(
        &self,
        query: &SubscriptionQuery,
    ) -> StoreResult<ListPage<Subscription>> {
        let mut call = self.read_call("list_subscriptions");
        let mut page = FilteredPage::new(query, FILTERED_READ_ROWS);
        loop {
            let mut sql = QueryBuilder::new(LIST_SUBSCRIPTIONS);
            subscription_list(&mut sql, query, &page)?;
            let rows = call.rows(sql.build().persistent(false)).await?;
            if page.add(self.opened(&mut call, &rows).await?) {
                return Ok(page.finish());
            }
        }
    }
}
