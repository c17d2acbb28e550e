//! Lists of tenants and subscriptions, page by page.
//!
//! Fed by the API's queries; feeds it pages.

use postrider_domain::subscription::Subscription;
use postrider_domain::tenant::Tenant;
use sqlx::QueryBuilder;

use super::config_rows::named_tenant;
use super::engine::SqliteStore;
use super::errors::stored;
use crate::config::{ListPage, SubscriptionQuery, TenantQuery};
use crate::error::StoreResult;
use crate::list_sql::{FilteredPage, subscription_list, tenant_list, tenant_page};

const LIST_TENANTS: &str = "SELECT id, display_name, allow_insecure_urls, labels, config_version,
        revision, create_time, update_time, delete_time, history_retention, payload_retention
    FROM tenants
    WHERE true";
const LIST_SUBSCRIPTIONS: &str = "SELECT tenant, id, status, status_reason, settings, data_key,
        signing_keys, header_values, credentials, paused_total, paused_since, revision,
        request_revision, create_time, update_time, delete_time
    FROM subscriptions";

impl SqliteStore {
    pub(super) async fn tenants_page(&self, query: &TenantQuery) -> StoreResult<ListPage<Tenant>> {
        let mut sql = QueryBuilder::new(LIST_TENANTS);
        tenant_list(&mut sql, query)?;
        let rows = sql.build().fetch_all(&mut *self.list_reader().await?).await.map_err(stored)?;
        let tenants = rows.iter().map(named_tenant).collect::<StoreResult<_>>()?;
        Ok(tenant_page(tenants, &query.page))
    }

    pub(super) async fn subscriptions_page(
        &self,
        query: &SubscriptionQuery,
    ) -> StoreResult<ListPage<Subscription>> {
        // A read takes rows as they are few and near; none is added for the filter.
        let mut page = FilteredPage::new(query, 0);
        loop {
            let mut sql = QueryBuilder::new(LIST_SUBSCRIPTIONS);
            subscription_list(&mut sql, query, &page)?;
            let mut reader = self.list_reader().await?;
            let rows = sql.build().fetch_all(&mut *reader).await.map_err(stored)?;
            if page.add(self.opened(&mut reader, &rows).await?) {
                return Ok(page.finish());
            }
        }
    }
}
