//! Lists of tenants and subscriptions, page by page.

use postrider_domain::subscription::Subscription;
use postrider_domain::tenant::Tenant;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{QueryBuilder, Sqlite};

use super::SqliteStore;
use super::config_rows::{subscription_columns, subscription_of, tenant_columns, tenant_of};
use super::errors::stored;
use crate::codec;
use crate::config::{
    ListPage, OrderBy, PageRequest, SortKey, SubscriptionQuery, TenantQuery, sort_key,
};
use crate::error::{StoreError, StoreResult};

pub(super) async fn tenants(
    store: &SqliteStore,
    query: &TenantQuery,
) -> StoreResult<ListPage<Tenant>> {
    let mut sql =
        QueryBuilder::new(concat!("SELECT ", tenant_columns!(), " FROM tenants WHERE true"));
    push_kept(&mut sql, query.show_deleted);
    push_search(&mut sql, query.search.as_deref());
    push_page(&mut sql, &query.page)?;
    let rows = fetch(&mut *store.reader().await?, &mut sql).await?;
    let items = rows.iter().map(tenant_of).collect::<StoreResult<Vec<_>>>()?;
    let by = query.page.order_by;
    Ok(page(items, query.page.limit, |tenant| {
        sort_key(by, tenant.id.as_str(), &tenant.display_name, tenant.create_time)
    }))
}

pub(super) async fn subscriptions(
    store: &SqliteStore,
    query: &SubscriptionQuery,
) -> StoreResult<ListPage<Subscription>> {
    let by = query.page.order_by;
    let key = |subscription: &Subscription| {
        let name = &subscription.settings.display_name;
        sort_key(by, subscription.id.as_str(), name, subscription.create_time)
    };
    let limit = query.page.limit;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(1);
    let mut found = Vec::new();
    let mut ask = query.page.clone();
    // Patterns are matched here, so a page of rows may give less than a page.
    loop {
        let rows = rows(store, query, &ask).await?;
        let full = rows.len() >= wanted;
        ask.after = rows.last().map(key);
        found.extend(rows.into_iter().filter(|subscription| {
            let wants =
                |event_type: &String| codec::wants_event_type(&subscription.settings, event_type);
            query.event_type.as_ref().is_none_or(wants)
        }));
        if !full || found.len() >= wanted {
            return Ok(page(found, limit, key));
        }
    }
}

/// One page of rows and the first of the next.
async fn rows(
    store: &SqliteStore,
    query: &SubscriptionQuery,
    page: &PageRequest,
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
    push_page(&mut sql, page)?;
    let rows = fetch(&mut *store.reader().await?, &mut sql).await?;
    rows.iter().map(subscription_of).collect()
}

async fn fetch(
    connection: &mut SqliteConnection,
    sql: &mut QueryBuilder<Sqlite>,
) -> StoreResult<Vec<SqliteRow>> {
    sql.build().fetch_all(connection).await.map_err(stored)
}

fn push_kept(sql: &mut QueryBuilder<Sqlite>, show_deleted: bool) {
    if !show_deleted {
        sql.push(" AND delete_time IS NULL");
    }
}

fn push_search(sql: &mut QueryBuilder<Sqlite>, search: Option<&str>) {
    if let Some(search) = search {
        sql.push(" AND search LIKE ").push_bind(codec::search_pattern(search));
        sql.push(r" ESCAPE '\'");
    }
}

/// Keyset pagination, and one row more than asked, to see whether there is one.
fn push_page(sql: &mut QueryBuilder<Sqlite>, page: &PageRequest) -> StoreResult<()> {
    let (column, direction, beyond) = match (page.order_by, page.descending) {
        (OrderBy::Id, false) => ("id", "", ">"),
        (OrderBy::Id, true) => ("id", " DESC", "<"),
        (OrderBy::CreateTime, false) => ("create_time", "", ">"),
        (OrderBy::CreateTime, true) => ("create_time", " DESC", "<"),
        (OrderBy::DisplayName, false) => ("display_name", "", ">"),
        (OrderBy::DisplayName, true) => ("display_name", " DESC", "<"),
    };
    if let Some(SortKey { value, id }) = &page.after {
        sql.push(format_args!(" AND ({column}, id) {beyond} ("));
        match page.order_by {
            OrderBy::Id => sql.push_bind(id.clone()),
            OrderBy::DisplayName => sql.push_bind(value.clone()),
            OrderBy::CreateTime => {
                let micros = value.parse::<i64>();
                sql.push_bind(micros.map_err(|_| {
                    StoreError::Rejected("a position that is not of this order".to_owned())
                })?)
            }
        };
        sql.push(", ").push_bind(id.clone()).push(")");
    }
    sql.push(format_args!(" ORDER BY {column}{direction}, id{direction} LIMIT "));
    sql.push_bind(i64::from(page.limit) + 1);
    Ok(())
}

fn page<T>(mut items: Vec<T>, limit: u32, key: impl Fn(&T) -> SortKey) -> ListPage<T> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = items.len() > limit;
    items.truncate(limit);
    let next = if more { items.last().map(key) } else { None };
    ListPage { items, next }
}
