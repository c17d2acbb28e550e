//! Lists of tenants and subscriptions, page by page.

use std::cmp::Ordering;

use postrider_domain::subscription::Subscription;
use postrider_domain::tenant::Tenant;
use postrider_domain::time::Timestamp;
use postrider_store::engine::{search_text, sort_key, wants_event_type};
use postrider_store::{
    ListPage, OrderBy, PageRequest, SortKey, StoreError, StoreResult, SubscriptionQuery,
    TenantQuery,
};

use crate::tables::MemoryTables;

pub fn tenants(tables: &MemoryTables, query: &TenantQuery) -> StoreResult<ListPage<Tenant>> {
    let found = tables.tenants.values().filter(|tenant| {
        (query.show_deleted || tenant.delete_time.is_none())
            && says(query.search.as_deref(), &[tenant.id.as_str(), &tenant.display_name])
    });
    page(found.cloned().collect(), &query.page, |by, tenant| {
        sort_key(by, tenant.id.as_str(), &tenant.display_name, tenant.create_time)
    })
}

pub fn subscriptions(
    tables: &MemoryTables,
    query: &SubscriptionQuery,
) -> StoreResult<ListPage<Subscription>> {
    let found = tables.subscriptions.values().filter(|subscription| {
        let settings = &subscription.settings;
        let texts = [subscription.id.as_str(), &settings.display_name, &settings.url];
        subscription.tenant == query.tenant
            && (query.show_deleted || subscription.delete_time.is_none())
            && says(query.search.as_deref(), &texts)
            && query.status.is_none_or(|status| subscription.status == status)
            && query.region.as_ref().is_none_or(|region| settings.region == *region)
            && query.event_type.as_ref().is_none_or(|wanted| wants_event_type(settings, wanted))
    });
    page(found.cloned().collect(), &query.page, |by, item| {
        sort_key(by, item.id.as_str(), &item.settings.display_name, item.create_time)
    })
}

/// Whether a search is in one of the texts.
fn says(search: Option<&str>, texts: &[&str]) -> bool {
    search.is_none_or(|search| search_text(texts).contains(&search_text(&[search])))
}

fn page<T>(
    mut items: Vec<T>,
    request: &PageRequest,
    key: impl Fn(OrderBy, &T) -> SortKey,
) -> StoreResult<ListPage<T>> {
    let by = request.order_by;
    let position = |item: &T| place(by, key(by, item));
    let mut placed = Vec::with_capacity(items.len());
    for item in items.drain(..) {
        placed.push((position(&item)?, item));
    }
    placed.sort_by(|(placed, _), (other, _)| directed(request, placed.cmp(other)));
    if let Some(after) = &request.after {
        let after = place(by, after.clone())?;
        placed.retain(|(placed, _)| directed(request, placed.cmp(&after)) == Ordering::Greater);
    }
    let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
    let more = placed.len() > limit;
    let items: Vec<T> = placed.into_iter().take(limit).map(|(_, item)| item).collect();
    let next = if more { items.last().map(|last| key(by, last)) } else { None };
    Ok(ListPage { items, next })
}

fn directed(request: &PageRequest, order: Ordering) -> Ordering {
    if request.descending { order.reverse() } else { order }
}

/// A position that compares as the list is ordered.
fn place(by: OrderBy, key: SortKey) -> StoreResult<(Timestamp, String, String)> {
    let SortKey { value, id } = key;
    Ok(match by {
        OrderBy::Id => (Timestamp::default(), String::new(), id),
        OrderBy::DisplayName => (Timestamp::default(), value, id),
        OrderBy::CreateTime => {
            let micros = value.parse::<i64>().map_err(|_| {
                StoreError::Rejected("a position that is not of this order".to_owned())
            })?;
            (Timestamp::from_micros(micros), String::new(), id)
        }
    })
}
