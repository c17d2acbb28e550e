//! A list method, from its request to its answer.
//!
//! Fed by the services with requests; feeds them pages. A new list is a filter (read
//! with `conditions`), a [`StoredList`] with one call of the store, and one conversion:
//!
//! 1. [`ListCall::begin`], then one call for each field that selects items: all
//!    violations are collected, and all of these fields go into the page token's hash.
//! 2. [`ListCall::finish`] refuses the request, or gives the page that is asked for.
//! 3. [`AskedPage::fill`] fills it from a [`StoredList`]; [`AskedPage::cut`] and
//!    [`AskedPage::of_memory`] are for pages that come from elsewhere.
//!
//! Guarantees that a token only continues its own list and says nothing to its holder, and
//! that one call scans a
//! bounded number of rows even if few match: then the page is short or empty and has a
//! token (AIP-158).

use std::fmt::Display;
use std::future::Future;

use postrider_domain::assignment_key::AssignmentKey;
use postrider_domain::time::Timestamp;
use postrider_store::{OrderBy, PageRequest, SortKey, StoreResult, sort_key};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic::Status;

use crate::api::lists::page_tokens::{PageTokens, QueryHasher};
use crate::api::rpc::errors::{self, FieldViolations};
use crate::api::values::validate;
use crate::settings::ApiSettings;

/// Most rows that one call scans if few of them match. Then the caller goes on by the
/// token, though nothing was found.
const MAX_SCANNED_ROWS: usize = 10_000;
/// Fewest rows read at once if not all of them match. Fewer would be a round trip for each
/// handful.
const MIN_READ_ROWS: usize = 100;

/// A list's request while it is read.
pub struct ListCall<'r> {
    pub violations: FieldViolations,
    query: QueryHasher,
    page_size: usize,
    page_token: &'r str,
}

impl<'r> ListCall<'r> {
    pub fn begin(
        method: &str,
        page_size: i32,
        page_token: &'r str,
        settings: &ApiSettings,
        key: &AssignmentKey,
    ) -> Self {
        let mut violations = FieldViolations::default();
        let page_size = match u32::try_from(page_size) {
            Ok(0) => settings.default_page_size,
            Ok(size) => size.min(settings.max_page_size),
            Err(_) => {
                violations.add("page_size", "must not be negative");
                0
            }
        };
        let page_size = usize::try_from(page_size).unwrap_or(usize::MAX);
        Self { violations, query: QueryHasher::new(method, key), page_size, page_token }
    }

    /// Reads a field that selects items.
    pub fn select<T, E: Display>(
        &mut self,
        field: &str,
        text: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        self.query.add(text);
        self.violations.keep(field, read(text))
    }

    /// Reads a text to search for; `None` if there is none.
    pub fn search(&mut self, text: &str) -> Option<String> {
        validate::search(text, &mut self.violations);
        self.text(text)
    }

    /// Takes a text that selects items as it is; `None` if there is none.
    pub fn text(&mut self, text: &str) -> Option<String> {
        self.query.add(text);
        Some(text.to_owned()).filter(|text| !text.is_empty())
    }

    /// Takes a choice of what is shown, by its name.
    pub fn choice(&mut self, name: &str, chosen: bool) -> bool {
        self.query.add(if chosen { name } else { "" });
        chosen
    }

    pub fn order_by(&mut self, text: &str) -> ListOrder {
        self.query.add(text);
        ListOrder::read(text, &mut self.violations)
    }

    /// Refuses the request, or gives what was read and the page that is asked for.
    pub fn finish<T, P: DeserializeOwned>(
        self,
        read: Option<T>,
    ) -> Result<(T, AskedPage<P>), Status> {
        let (read, page) = self.finish_before_token(read)?;
        Ok((read, page.read_token()?))
    }

    /// The same for a list whose positions depend on what was read.
    pub fn finish_before_token<T>(self, read: Option<T>) -> Result<(T, UnreadPage<'r>), Status> {
        let Self { violations, query, page_size, page_token } = self;
        let read = violations.finish(read)?;
        Ok((read, UnreadPage { size: page_size, tokens: query.finish(), token: page_token }))
    }
}

/// The page that is asked for, by a token that is not read yet.
pub struct UnreadPage<'r> {
    size: usize,
    tokens: PageTokens,
    token: &'r str,
}

impl UnreadPage<'_> {
    pub fn read_token<P: DeserializeOwned>(self) -> Result<AskedPage<P>, Status> {
        let after = self.tokens.decode(self.token)?;
        Ok(AskedPage { after, size: self.size, tokens: self.tokens })
    }
}

/// The page that is asked for.
pub struct AskedPage<P> {
    after: Option<P>,
    size: usize,
    tokens: PageTokens,
}

/// A page's items, and the token of the next page.
pub struct FilledPage<T> {
    pub items: Vec<T>,
    pub next_page_token: String,
}

impl<T> FilledPage<T> {
    /// The page of a list in which there is nothing.
    pub const fn empty() -> Self {
        Self { items: Vec::new(), next_page_token: String::new() }
    }
}

/// A list whose rows the store reads.
pub trait StoredList: Sync {
    type Row: Send;
    /// A place in the list, as page tokens carry it.
    type Position: Clone + Send + Serialize + DeserializeOwned;

    /// The next rows after a position, in the list's order.
    fn read(
        &self,
        after: Option<Self::Position>,
        limit: u32,
    ) -> impl Future<Output = StoreResult<Vec<Self::Row>>> + Send;

    fn position(&self, row: &Self::Row) -> Self::Position;

    /// Whether the filter contradicts itself, so that nothing matches.
    fn is_contradictory(&self) -> bool {
        false
    }

    /// Whether every row that is read belongs to the list; otherwise more are read at
    /// once, and `matches` decides.
    fn is_exact(&self) -> bool {
        true
    }

    fn matches(&self, _row: &Self::Row) -> bool {
        true
    }

    /// What a row adds to the answer.
    fn bytes(&self, _row: &Self::Row) -> usize {
        0
    }

    /// The page ends before a row that would exceed this.
    fn max_page_bytes(&self) -> usize {
        usize::MAX
    }

    /// Most rows read at once, for large rows.
    fn max_read_rows(&self) -> usize {
        usize::MAX
    }
}

impl<P: Clone + Serialize> AskedPage<P> {
    pub const fn after(&self) -> Option<&P> {
        self.after.as_ref()
    }

    pub const fn size(&self) -> usize {
        self.size
    }

    /// Fills the page from the store.
    pub async fn fill<L>(self, list: &L) -> Result<FilledPage<L::Row>, Status>
    where
        L: StoredList<Position = P>,
        P: Send + DeserializeOwned,
    {
        if list.is_contradictory() {
            return Ok(FilledPage::empty());
        }
        let Self { mut after, size, tokens } = self;
        let mut items = Vec::new();
        let mut bytes = 0_usize;
        let mut scanned = 0;
        loop {
            // One more than fits shows whether there is another page.
            let missing = size.saturating_sub(items.len()) + 1;
            let limit = if list.is_exact() { missing } else { missing.max(MIN_READ_ROWS) };
            let limit = limit.min(list.max_read_rows().max(1));
            let rows = list.read(after.clone(), u32::try_from(limit).unwrap_or(u32::MAX)).await;
            let rows = rows.map_err(errors::store)?;
            let are_last = rows.len() < limit;
            for row in rows {
                scanned += 1;
                let position = list.position(&row);
                if list.matches(&row) {
                    bytes = bytes.saturating_add(list.bytes(&row));
                    // The first item is always taken, or the list could never continue.
                    let is_too_much = bytes > list.max_page_bytes() && !items.is_empty();
                    if items.len() >= size || is_too_much {
                        return filled(items, &tokens, after.as_ref());
                    }
                    items.push(row);
                }
                after = Some(position);
            }
            if are_last {
                return filled::<_, P>(items, &tokens, None);
            }
            if scanned >= MAX_SCANNED_ROWS {
                return filled(items, &tokens, after.as_ref());
            }
        }
    }

    /// A page that the store has filled and that goes on at `next`; it ends earlier where
    /// it would exceed `max_bytes`.
    pub fn cut<T>(
        self,
        mut items: Vec<T>,
        mut next: Option<P>,
        position: impl Fn(&T) -> P,
        bytes: impl Fn(&T) -> usize,
        max_bytes: usize,
    ) -> Result<FilledPage<T>, Status> {
        let mut sum = 0;
        let exceeds = |item: &T| {
            sum += bytes(item);
            sum > max_bytes
        };
        if let Some(fitting) = items.iter().position(exceeds) {
            items.truncate(fitting.max(1));
            next = items.last().map(position);
        }
        filled(items, &self.tokens, next.as_ref())
    }
}

impl AskedPage<String> {
    /// The page of a list that is held in memory, in the order of names.
    pub fn of_memory<T>(
        self,
        mut items: Vec<T>,
        name: impl Fn(&T) -> &String,
    ) -> Result<FilledPage<T>, Status> {
        if let Some(after) = self.after {
            items.retain(|item| *name(item) > after);
        }
        items.sort_by(|a, b| name(a).cmp(name(b)));
        let has_more = items.len() > self.size;
        items.truncate(self.size);
        let last = items.last().filter(|_| has_more).map(|last| name(last).clone());
        filled(items, &self.tokens, last.as_ref())
    }
}

fn filled<T, P: Serialize>(
    items: Vec<T>,
    tokens: &PageTokens,
    next: Option<&P>,
) -> Result<FilledPage<T>, Status> {
    Ok(FilledPage { items, next_page_token: tokens.encode(next)? })
}

/// The order of a list that can be ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListOrder {
    order_by: OrderBy,
    descending: bool,
}

impl ListOrder {
    pub fn read(text: &str, violations: &mut FieldViolations) -> Self {
        let mut words = text.split_whitespace();
        let order_by = match words.next() {
            None | Some("name") => OrderBy::Id,
            Some("display_name") => OrderBy::DisplayName,
            Some("create_time") => OrderBy::CreateTime,
            Some(_) => {
                let choices = "must be \"name\", \"display_name\" or \"create_time\", each also \
                               with \" desc\"";
                violations.add("order_by", choices);
                OrderBy::Id
            }
        };
        let descending = match (words.next(), words.next()) {
            (None, _) => false,
            (Some("desc"), None) => true,
            _ => {
                violations.add("order_by", "after the field only \" desc\" may follow");
                false
            }
        };
        Self { order_by, descending }
    }

    /// The store's page after a position.
    pub const fn page(self, after: Option<SortKey>, limit: u32) -> PageRequest {
        PageRequest { order_by: self.order_by, descending: self.descending, after, limit }
    }

    /// The position of an item.
    pub fn position(self, id: &str, display_name: &str, create_time: Timestamp) -> SortKey {
        sort_key(self.order_by, id, display_name, create_time)
    }
}

#[cfg(test)]
#[path = "listing_tests.rs"]
mod tests;
