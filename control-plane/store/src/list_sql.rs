//! The conditions of lists, once for both engines.
//!
//! Fed by the engines, which begin a list with its columns and its table, and run it;
//! feeds them whole conditions with their values by [`ListSql`]. Guarantees that a filter,
//! an order and a page mean the same whichever engine reads them, and that a value is
//! always a parameter. What a list is read from, so that an index is used, stays with the
//! engine.

use std::ops::RangeInclusive;

use postrider_domain::subscription::Subscription;
use postrider_domain::tenant::Tenant;
use postrider_domain::time::Timestamp;
use uuid::Uuid;

use self::ListValue::{Code, Flag, Id, Integer, Number, Text};
use crate::attempts::AttemptQuery;
use crate::codec;
use crate::conditions::{TextFilter, TimeRange};
use crate::config::{
    ListPage, OrderBy, PageRequest, SortKey, SubscriptionQuery, TenantQuery, sort_key,
};
use crate::error::{StoreError, StoreResult};
use crate::event_types::EventTypeQuery;
use crate::history::{DeliveryQuery, EventQuery};

/// A value of a list's condition.
#[derive(Clone, Copy)]
pub(crate) enum ListValue<'v> {
    Text(&'v str),
    Integer(i64),
    Number(i32),
    /// Of a state, an outcome or a status.
    Code(i16),
    Id(Uuid),
    Flag(bool),
}

/// A statement that is being written, and what the engines write differently.
pub(crate) trait ListSql {
    /// Whether an event's time is in a column beside its id, by which partitions are
    /// left out.
    const HAS_CREATE_TIME: bool;
    /// That a row of history is a tenant's (`?`).
    const OF_TENANT: &'static str;
    /// What an order that ascends is written with.
    const ASCENDING: &'static str;
    /// The value of an event's attribute, null if it has none of this name (`?`).
    const ATTRIBUTE: &'static str;

    fn push(&mut self, text: &str) -> &mut Self;

    /// Writes a parameter with this value.
    fn bind(&mut self, value: ListValue<'_>) -> &mut Self;

    /// Writes ` AND` and that a row of history is a subscription's of this tenant's.
    fn of_subscription(&mut self, tenant: &str, subscription: &str) -> &mut Self;

    /// Writes ` AND` and that a column has one of these values.
    fn one_of(&mut self, column: &str, codes: Vec<i16>) -> &mut Self;

    /// Writes a text in which each `?` is a parameter with the next of these values.
    fn fragment(&mut self, text: &str, values: &[ListValue<'_>]) -> &mut Self {
        debug_assert_eq!(text.matches('?').count(), values.len(), "a value for each: {text}");
        let mut values = values.iter();
        for (at, part) in text.split('?').enumerate() {
            if let Some(value) = (at > 0).then(|| values.next()).flatten() {
                self.bind(*value);
            }
            self.push(part);
        }
        self
    }

    /// Writes ` AND` and a whole condition.
    fn condition(&mut self, text: &str, values: &[ListValue<'_>]) -> &mut Self {
        self.push(" AND ").fragment(text, values)
    }
}

/// What a list of events continues with after its table.
pub(crate) fn event_list<S: ListSql>(sql: &mut S, query: &EventQuery) {
    sql.push(" WHERE");
    tenant_and_ids(sql, query.tenant.as_str(), query.created, query.before.map(|id| id.0));
    create_times(sql, query.created);
    if let Some(event_type) = &query.event_type {
        sql.condition("event_type = ?", &[Text(event_type)]);
    }
    if let Some(account) = &query.account {
        text_filter(sql, "account", &[], account);
    }
    for (name, value) in &query.attributes {
        text_filter(sql, S::ATTRIBUTE, &[Text(name)], value);
    }
    newest(sql, query.limit);
}

fn create_times<S: ListSql>(sql: &mut S, created: TimeRange) {
    if let Some(from) = created.from.filter(|_| S::HAS_CREATE_TIME) {
        sql.condition("create_time >= ?", &[Integer(from.as_micros())]);
    }
    if let Some(until) = created.until.filter(|_| S::HAS_CREATE_TIME) {
        sql.condition("create_time < ?", &[Integer(until.as_micros())]);
    }
}

/// What each part of a list of deliveries continues with after `WHERE`.
pub(crate) fn delivery_ids(sql: &mut impl ListSql, query: &DeliveryQuery) {
    tenant_and_ids(sql, query.tenant.as_str(), query.created, query.before.map(|id| id.0));
}

/// What each part of a list of deliveries ends with.
pub(crate) fn delivery_conditions(sql: &mut impl ListSql, query: &DeliveryQuery) {
    if let Some(subscription) = &query.subscription {
        sql.of_subscription(query.tenant.as_str(), subscription.as_str());
    }
    if let Some(event_type) = &query.event_type {
        sql.condition("event_type = ?", &[Text(event_type)]);
    }
    if let Some(account) = &query.account {
        text_filter(sql, "account", &[], account);
    }
    if !query.states.is_empty() {
        let states = query.states.iter().map(|state| state.code());
        sql.one_of("state", states.collect());
    }
    if let Some(test) = query.test {
        sql.condition("test = ?", &[Flag(test)]);
    }
    newest(sql, query.limit);
}

/// Ids of a range, and below the last one of the page before.
fn tenant_and_ids<S: ListSql>(sql: &mut S, tenant: &str, created: TimeRange, before: Option<Uuid>) {
    let (from, until) = codec::id_range(created);
    let until = before.map_or(until, |before| before.min(until));
    sql.push(" ").fragment(S::OF_TENANT, &[Text(tenant)]);
    sql.condition("id >= ?", &[Id(from)]).condition("id < ?", &[Id(until)]);
}

/// A condition on a text, which may be null: `text`, with the values of its parameters.
fn text_filter(sql: &mut impl ListSql, text: &str, values: &[ListValue<'_>], asked: &TextFilter) {
    match asked {
        TextFilter::Is(wanted) => {
            let values = [values, &[Text(wanted)]].concat();
            sql.condition(&format!("coalesce({text}, '') = ?"), &values)
        }
        TextFilter::Absent => sql.condition(&format!("coalesce({text}, '') = ''"), values),
        TextFilter::Present => sql.condition(&format!("coalesce({text}, '') <> ''"), values),
    };
}

fn newest(sql: &mut impl ListSql, limit: u32) {
    sql.fragment(" ORDER BY id DESC LIMIT ?", &[Integer(limit.into())]);
}

/// The tenant's attempts that were recorded between two times, both inclusive.
pub(crate) fn attempt_span<S: ListSql>(sql: &mut S, query: &AttemptQuery, span: (i64, i64)) {
    sql.push(" WHERE ").fragment(S::OF_TENANT, &[Text(query.tenant.as_str())]);
    sql.condition("record_time >= ?", &[Integer(span.0)]);
    sql.condition("record_time <= ?", &[Integer(span.1)]);
}

/// What a list of attempts asks for besides.
pub(crate) fn attempt_conditions(sql: &mut impl ListSql, query: &AttemptQuery) {
    if let Some(before) = query.before {
        let time = Integer(before.record_time.as_micros());
        let (delivery, number) = (Id(before.delivery.0), Integer(before.number.into()));
        sql.condition(
            "(record_time < ? OR (delivery, number) < (?, ?))",
            &[time, delivery, number],
        );
    }
    if let Some(subscription) = &query.subscription {
        sql.of_subscription(query.tenant.as_str(), subscription.as_str());
    }
    if let Some(event_type) = &query.event_type {
        sql.condition("event_type = ?", &[Text(event_type)]);
    }
    if !query.outcomes.is_empty() {
        let outcomes = query.outcomes.iter().map(|outcome| outcome.code());
        sql.one_of("outcome", outcomes.collect());
    }
    if query.http_status != (0..=u16::MAX) {
        http_statuses(sql, &query.http_status);
    }
    if let Some(test) = query.test {
        sql.condition("test = ?", &[Flag(test)]);
    }
}

fn http_statuses(sql: &mut impl ListSql, range: &RangeInclusive<u16>) {
    let (first, last) = (Number((*range.start()).into()), Number((*range.end()).into()));
    sql.condition("coalesce(http_status, 0) BETWEEN ? AND ?", &[first, last]);
}

/// What a list of tenants continues with after a condition that is true.
pub(crate) fn tenant_list(sql: &mut impl ListSql, query: &TenantQuery) -> StoreResult<()> {
    kept_and_search(sql, query.show_deleted, query.search.as_deref());
    let page = &query.page;
    page_of_rows(sql, page, page.after.as_ref(), page.limit.saturating_add(1))
}

/// What a list of subscriptions continues with after its table.
pub(crate) fn subscription_list(
    sql: &mut impl ListSql,
    query: &SubscriptionQuery,
    read: &FilteredPage<'_>,
) -> StoreResult<()> {
    sql.fragment(" WHERE tenant = ?", &[Text(query.tenant.as_str())]);
    kept_and_search(sql, query.show_deleted, query.search.as_deref());
    if let Some(status) = query.status {
        sql.condition("status = ?", &[Code(codec::status_code(status))]);
    }
    if let Some(region) = &query.region {
        sql.condition("region = ?", &[Text(region.as_str())]);
    }
    page_of_rows(sql, &query.page, read.after.as_ref(), read.rows)
}

fn kept_and_search(sql: &mut impl ListSql, show_deleted: bool, asked: Option<&str>) {
    if !show_deleted {
        sql.condition("delete_time IS NULL", &[]);
    }
    search(sql, asked);
}

fn search(sql: &mut impl ListSql, asked: Option<&str>) {
    if let Some(asked) = asked {
        let pattern = codec::search_pattern(asked);
        sql.condition(r"search LIKE ? ESCAPE '\'", &[Text(&pattern)]);
    }
}

/// What a list of event types continues with after a condition that is true.
pub(crate) fn event_type_list(sql: &mut impl ListSql, query: &EventTypeQuery) {
    if let Some(group) = &query.group {
        sql.condition("group_name = ?", &[Text(group)]);
    }
    search(sql, query.search.as_deref());
    if !query.show_archived {
        sql.condition("archive_time IS NULL", &[]);
    }
    if let Some(after) = &query.after {
        sql.condition("name > ?", &[Text(after)]);
    }
    sql.fragment(" ORDER BY name LIMIT ?", &[Integer(query.limit.into())]);
}

/// Rows after a position, in the order asked.
fn page_of_rows<S: ListSql>(
    sql: &mut S,
    request: &PageRequest,
    after: Option<&SortKey>,
    rows: u32,
) -> StoreResult<()> {
    let (beyond, direction) = if request.descending { ("<", " DESC") } else { (">", S::ASCENDING) };
    let column = match request.order_by {
        OrderBy::Id => "id",
        OrderBy::CreateTime => "create_time",
        OrderBy::DisplayName => "display_name",
    };
    if let Some(after) = after {
        let value = match request.order_by {
            OrderBy::Id => Text(&after.id),
            OrderBy::DisplayName => Text(&after.value),
            OrderBy::CreateTime => Integer(after.value.parse().map_err(|_| {
                StoreError::Rejected("a position that is not of this order".to_owned())
            })?),
        };
        let condition = format!("({column}, id) {beyond} (?, ?)");
        sql.condition(&condition, &[value, Text(&after.id)]);
    }
    let order = format!(" ORDER BY {column}{direction}, id{direction} LIMIT ?");
    sql.fragment(&order, &[Integer(rows.into())]);
    Ok(())
}

/// Cuts what was read one tenant longer than the page.
pub(crate) fn tenant_page(tenants: Vec<Tenant>, page: &PageRequest) -> ListPage<Tenant> {
    cut(tenants, page, |tenant| {
        place(page, tenant.id.as_str(), &tenant.display_name, tenant.create_time)
    })
}

fn place(page: &PageRequest, id: &str, display_name: &str, create_time: Timestamp) -> SortKey {
    sort_key(page.order_by, id, display_name, create_time)
}

fn cut<T>(mut items: Vec<T>, page: &PageRequest, key: impl Fn(&T) -> SortKey) -> ListPage<T> {
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let has_more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| has_more).map(key);
    ListPage { items, next }
}

/// A page of subscriptions whose event types are matched here, not in SQL: it takes as
/// many reads as it needs until one subscription more than the page was found.
pub(crate) struct FilteredPage<'q> {
    query: &'q SubscriptionQuery,
    found: Vec<Subscription>,
    /// Where the next read begins.
    after: Option<SortKey>,
    /// How many rows a read asks for.
    rows: u32,
}

impl<'q> FilteredPage<'q> {
    /// With an event type, a read asks for `filtered_rows` at least.
    pub(crate) fn new(query: &'q SubscriptionQuery, filtered_rows: u32) -> Self {
        let wanted = query.page.limit.saturating_add(1);
        let rows = if query.event_type.is_some() { wanted.max(filtered_rows) } else { wanted };
        Self { query, found: Vec::new(), after: query.page.after.clone(), rows }
    }

    /// Takes what was read; whether that is enough.
    pub(crate) fn add(&mut self, read: Vec<Subscription>) -> bool {
        let size = |rows: u32| usize::try_from(rows).unwrap_or(usize::MAX);
        let is_last = read.len() < size(self.rows);
        self.after = read.last().map(|last| self.key(last));
        let wanted = self.query.event_type.as_deref();
        self.found.extend(read.into_iter().filter(|subscription| {
            wanted.is_none_or(|wanted| codec::wants_event_type(&subscription.settings, wanted))
        }));
        is_last || self.found.len() > size(self.query.page.limit)
    }

    pub(crate) fn finish(mut self) -> ListPage<Subscription> {
        let found = std::mem::take(&mut self.found);
        cut(found, &self.query.page, |subscription| self.key(subscription))
    }

    fn key(&self, subscription: &Subscription) -> SortKey {
        let Subscription { id, settings, create_time, .. } = subscription;
        place(&self.query.page, id.as_str(), &settings.display_name, *create_time)
    }
}
