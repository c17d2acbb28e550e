//! Lists of tenants and subscriptions, in pages.

use postrider_domain::subscription::Subscription;
use postrider_domain::tenant::Tenant;
use sqlx::{Postgres, QueryBuilder};

use super::PostgresStore;
use super::errors::Checked as _;
use super::rows::{self, subscription_columns, tenant_columns};
use crate::codec;
use crate::config::{
    ListPage, OrderBy, PageRequest, SortKey, SubscriptionQuery, TenantQuery, sort_key,
};
use crate::error::{StoreError, StoreResult};

/// Rows read at once where the program decides which of them a list shows.
const FILTERED_READ_ROWS: u32 = 200;

impl PostgresStore {
    pub(super) async fn tenants_page(&self, query: &TenantQuery) -> StoreResult<ListPage<Tenant>> {
        let mut sql =
            QueryBuilder::new(concat!("SELECT ", tenant_columns!(), " FROM tenants WHERE true"));
        push_kept(&mut sql, query.show_deleted);
        push_search(&mut sql, query.search.as_deref());
        push_page(&mut sql, &query.page, query.page.after.as_ref(), query.page.limit + 1)?;
        let rows = sql.build().persistent(false).fetch_all(&self.pool).await.checked()?;
        let items = rows::read(&rows, rows::tenant)?;
        Ok(page(items, &query.page, |tenant, order| {
            sort_key(order, tenant.id.as_str(), &tenant.display_name, tenant.create_time)
        }))
    }

    pub(super) async fn subscriptions_page(
        &self,
        query: &SubscriptionQuery,
    ) -> StoreResult<ListPage<Subscription>> {
        let wanted = query.page.limit.saturating_add(1);
        let batch =
            if query.event_type.is_some() { wanted.max(FILTERED_READ_ROWS) } else { wanted };
        let mut found = Vec::new();
        let mut after = query.page.after.clone();
        loop {
            let read = self.read_subscriptions(query, after.as_ref(), batch).await?;
            let is_last = read.len() < usize::try_from(batch).unwrap_or(usize::MAX);
            after = read.last().map(|last| subscription_sort_key(last, query.page.order_by));
            found.extend(read.into_iter().filter(|subscription| {
                query
                    .event_type
                    .as_deref()
                    .is_none_or(|wanted| codec::wants_event_type(&subscription.settings, wanted))
            }));
            if is_last || found.len() >= usize::try_from(wanted).unwrap_or(usize::MAX) {
                return Ok(page(found, &query.page, subscription_sort_key));
            }
        }
    }

    async fn read_subscriptions(
        &self,
        query: &SubscriptionQuery,
        after: Option<&SortKey>,
        limit: u32,
    ) -> StoreResult<Vec<Subscription>> {
        let mut sql = QueryBuilder::new(concat!(
            "SELECT ",
            subscription_columns!(),
            " FROM subscriptions WHERE tenant = "
        ));
        sql.push_bind(query.tenant.as_str());
        push_kept(&mut sql, query.show_deleted);
        push_search(&mut sql, query.search.as_deref());
        if let Some(status) = query.status {
            sql.push(" AND status = ").push_bind(codec::status_code(status));
        }
        if let Some(region) = &query.region {
            sql.push(" AND region = ").push_bind(region.as_str());
        }
        push_page(&mut sql, &query.page, after, limit)?;
        let rows = sql.build().persistent(false).fetch_all(&self.pool).await.checked()?;
        rows::read(&rows, rows::subscription)
    }
}

fn subscription_sort_key(subscription: &Subscription, order: OrderBy) -> SortKey {
    sort_key(
        order,
        subscription.id.as_str(),
        &subscription.settings.display_name,
        subscription.create_time,
    )
}

/// Cuts a list that was read one item longer than the page.
fn page<T>(
    mut items: Vec<T>,
    request: &PageRequest,
    key: impl Fn(&T, OrderBy) -> SortKey,
) -> ListPage<T> {
    let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
    let has_more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| has_more).map(|last| key(last, request.order_by));
    ListPage { items, next }
}

type PostgresQuery = QueryBuilder<Postgres>;

fn push_kept(sql: &mut PostgresQuery, show_deleted: bool) {
    if !show_deleted {
        sql.push(" AND delete_time IS NULL");
    }
}

fn push_search(sql: &mut PostgresQuery, search: Option<&str>) {
    if let Some(search) = search {
        sql.push(" AND search LIKE ").push_bind(codec::search_pattern(search)).push(r" ESCAPE '\'");
    }
}

fn push_page(
    sql: &mut PostgresQuery,
    request: &PageRequest,
    after: Option<&SortKey>,
    limit: u32,
) -> StoreResult<()> {
    let (comparison, direction) = if request.descending { ("<", "DESC") } else { (">", "ASC") };
    let column = match request.order_by {
        OrderBy::Id => "id",
        OrderBy::CreateTime => "create_time",
        OrderBy::DisplayName => "display_name",
    };
    if let Some(after) = after {
        sql.push(format_args!(" AND ({column}, id) {comparison} ("));
        match request.order_by {
            OrderBy::Id => sql.push_bind(after.id.clone()),
            OrderBy::DisplayName => sql.push_bind(after.value.clone()),
            OrderBy::CreateTime => sql.push_bind(after.value.parse::<i64>().map_err(|_| {
                StoreError::Rejected("a page does not begin at a creation time".to_owned())
            })?),
        };
        sql.push(", ").push_bind(after.id.clone()).push(")");
    }
    sql.push(format_args!(" ORDER BY {column} {direction}, id {direction} LIMIT "));
    sql.push_bind(i64::from(limit));
    Ok(())
}
