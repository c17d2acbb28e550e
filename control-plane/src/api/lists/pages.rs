//! Pages of lists: sizes, opaque tokens, and filling a page.
//!
//! Fed by the list methods; feeds them where to continue and a page's items. Guarantees
//! that a token only continues its own list, and that one call scans a bounded number
//! of rows even if few match: then the page is short or empty and has a token
//! (AIP-158).

use std::future::Future;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use postrider_store::{OrderBy, SortKey};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tonic::Status;

use crate::api::rpc::errors::{self, FieldViolations};
use crate::settings::ApiSettings;

const TOKEN_VERSION: u8 = 1;
/// 128 bits: nobody meets another query by chance.
const HASH_BYTES: usize = 16;
/// Longest page token that is read. Ids and a position in base64 take a few hundred.
const MAX_TOKEN_BYTES: usize = 4096;
/// Most rows that one call scans if few of them match. Then the caller goes on by the
/// token, though nothing was found.
const MAX_SCANNED_ROWS: usize = 10_000;
/// Fewest rows read at once if not all of them match. Fewer would be a round trip for each
/// handful.
const MIN_READ_ROWS: usize = 100;

/// Identifies a query, so that a token cannot be used with another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryHash([u8; HASH_BYTES]);

impl QueryHash {
    /// Hashes a method and every field of its request except the page fields.
    pub fn of(method: &str, fields: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in std::iter::once(&method).chain(fields) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let mut short = [0; HASH_BYTES];
        for (to, from) in short.iter_mut().zip(hash.finalize()) {
            *to = from;
        }
        Self(short)
    }
}

/// Encodes the position of the next page.
pub fn encode_token<P: Serialize>(query: QueryHash, after: Option<&P>) -> String {
    let Some(position) = after.and_then(|after| serde_json::to_vec(after).ok()) else {
        return String::new();
    };
    let mut bytes = vec![TOKEN_VERSION];
    bytes.extend_from_slice(&query.0);
    bytes.extend_from_slice(&position);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes a token's position; `None` for the first page.
pub fn decode_token<P: DeserializeOwned>(
    token: &str,
    query: QueryHash,
) -> Result<Option<P>, Status> {
    if token.is_empty() {
        return Ok(None);
    }
    let unknown = || errors::invalid("page_token", "is not a token of this list");
    if token.len() > MAX_TOKEN_BYTES {
        return Err(unknown());
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| unknown())?;
    let (version, rest) = bytes.split_first().ok_or_else(unknown)?;
    let (hash, position) = rest.split_at_checked(HASH_BYTES).ok_or_else(unknown)?;
    if *version != TOKEN_VERSION {
        return Err(unknown());
    }
    if hash != query.0 {
        return Err(errors::invalid("page_token", "belongs to a list with other parameters"));
    }
    serde_json::from_slice(position).map(Some).map_err(|_| unknown())
}

/// The number of items on a page.
pub fn read_page_size(
    asked: i32,
    settings: &ApiSettings,
    violations: &mut FieldViolations,
) -> usize {
    match u32::try_from(asked) {
        Ok(0) => settings.default_page_size as usize,
        Ok(n) => n.min(settings.max_page_size) as usize,
        Err(_) => {
            violations.add("page_size", "must not be negative");
            0
        }
    }
}

/// The part of the query hash that says whether deleted items are listed.
pub const fn deleted(show_deleted: bool) -> &'static str {
    if show_deleted { "with deleted" } else { "" }
}

/// A position in a list that is ordered by a column.
pub type SortPosition = (String, String);

/// The position of an item under an order, in the store's form.
pub fn sort_position(
    order: OrderBy,
    id: &str,
    display_name: &str,
    created_us: i64,
) -> SortPosition {
    let value = match order {
        OrderBy::Id => String::new(),
        OrderBy::CreateTime => created_us.to_string(),
        OrderBy::DisplayName => display_name.to_owned(),
    };
    (value, id.to_owned())
}

pub fn sort_key((value, id): SortPosition) -> SortKey {
    SortKey { value, id }
}

/// Parses the `order_by` of lists that can be ordered.
pub fn read_order_by(text: &str, violations: &mut FieldViolations) -> (OrderBy, bool) {
    let mut words = text.split_whitespace();
    let order = match words.next() {
        None | Some("name") => OrderBy::Id,
        Some("display_name") => OrderBy::DisplayName,
        Some("create_time") => OrderBy::CreateTime,
        Some(_) => {
            violations.add(
                "order_by",
                "must be \"name\", \"display_name\" or \"create_time\", each also with \" desc\"",
            );
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
    (order, descending)
}

/// How to fill a page.
#[derive(Clone, Debug)]
pub struct PageFill<P> {
    pub after: Option<P>,
    /// Most items on the page.
    pub want: usize,
    /// Whether the store's query decides alone what matches; if not, more rows are read
    /// at once.
    pub exact: bool,
    /// Most rows read at once, for large rows.
    pub max_batch: usize,
    /// The page ends before an item that would exceed this.
    pub max_bytes: usize,
}

/// What filling a page needs to know about an item.
pub struct PageItems<'a, T, P> {
    pub keep: &'a (dyn Fn(&T) -> bool + Sync),
    pub position: &'a (dyn Fn(&T) -> P + Sync),
    pub bytes: &'a (dyn Fn(&T) -> usize + Sync),
}

/// Fills a page. `fetch(after, limit)` returns the next rows in the list's order.
/// Returns the items, and the next position if there may be more.
pub async fn fill_page<T, P, F>(
    mut plan: PageFill<P>,
    items: PageItems<'_, T, P>,
    mut fetch: impl FnMut(Option<P>, u32) -> F,
) -> Result<(Vec<T>, Option<P>), Status>
where
    P: Clone,
    F: Future<Output = postrider_store::StoreResult<Vec<T>>>,
{
    let mut page: Vec<T> = Vec::new();
    let mut bytes = 0_usize;
    let mut scanned = 0;
    loop {
        // One more than fits shows whether there is another page.
        let missing = plan.want.saturating_sub(page.len()) + 1;
        let limit = if plan.exact { missing } else { missing.max(MIN_READ_ROWS) };
        let limit = limit.min(plan.max_batch.max(1));
        let batch = fetch(plan.after.clone(), u32::try_from(limit).unwrap_or(u32::MAX))
            .await
            .map_err(errors::store)?;
        let last_batch = batch.len() < limit;
        for item in batch {
            scanned += 1;
            if (items.keep)(&item) {
                bytes = bytes.saturating_add((items.bytes)(&item));
                // The first item is always taken, or the list could never continue.
                if page.len() >= plan.want || (bytes > plan.max_bytes && !page.is_empty()) {
                    return Ok((page, plan.after));
                }
                plan.after = Some((items.position)(&item));
                page.push(item);
            } else {
                plan.after = Some((items.position)(&item));
            }
        }
        if last_batch {
            return Ok((page, None));
        }
        if scanned >= MAX_SCANNED_ROWS {
            return Ok((page, plan.after));
        }
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    fn hash(text: &str) -> QueryHash {
        QueryHash::of("List", &[text])
    }

    #[test]
    fn a_token_continues_only_its_own_list() {
        let token = encode_token(hash("a"), Some(&("value".to_owned(), "id".to_owned())));
        let back: Option<SortPosition> = decode_token(&token, hash("a")).unwrap();
        assert_eq!(back, Some(("value".to_owned(), "id".to_owned())));
        assert!(decode_token::<SortPosition>(&token, hash("b")).is_err());
        assert_ne!(QueryHash::of("List", &["a", "b"]), QueryHash::of("List", &["ab", ""]));
        assert_eq!(decode_token::<SortPosition>("", hash("a")).unwrap(), None);
        assert_eq!(crate::api::lists::pages::encode_token::<u32>(hash("a"), None), "");
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let good = encode_token(hash("a"), Some(&7_u32));
        let long = "A".repeat(5000);
        for bad in ["x", "AAAA", "!!", &good[..good.len() - 2], &format!("{good}A"), &long] {
            assert!(decode_token::<u32>(bad, hash("a")).is_err(), "{bad}");
        }
    }

    #[test]
    fn orders_are_read() {
        let read = |text: &str| {
            let mut violations = FieldViolations::default();
            let order = read_order_by(text, &mut violations);
            violations.is_empty().then_some(order)
        };
        assert_eq!(read(""), Some((OrderBy::Id, false)));
        assert_eq!(read("name desc"), Some((OrderBy::Id, true)));
        assert_eq!(read(" create_time  desc "), Some((OrderBy::CreateTime, true)));
        for bad in ["url", "name asc", "name desc desc", "desc", "name,create_time"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    /// Pages through 0..total with a filter; returns all items and each page's size.
    async fn all(
        total: u32,
        want: usize,
        keep: fn(&u32) -> bool,
        max_bytes: usize,
    ) -> Vec<Vec<u32>> {
        let mut pages = Vec::new();
        let mut after = None;
        loop {
            let plan = PageFill { after, want, exact: false, max_batch: 1000, max_bytes };
            let items = PageItems { keep: &keep, position: &u32::clone, bytes: &|_| 10 };
            let fetch = |after: Option<u32>, limit: u32| {
                let start = after.map_or(0, |n| n + 1);
                let end = total.min(start.saturating_add(limit));
                std::future::ready(Ok((start..end).collect::<Vec<u32>>()))
            };
            let (page, next) = fill_page(plan, items, fetch).await.unwrap();
            pages.push(page);
            match next {
                Some(next) => after = Some(next),
                None => return pages,
            }
        }
    }

    #[tokio::test]
    async fn pages_cover_the_list_without_gaps_or_repeats() {
        for (total, want) in [(0, 3), (3, 3), (4, 3), (1001, 7), (250, 1)] {
            for keep in [
                (|_: &u32| true) as fn(&u32) -> bool,
                |n| n % 3 == 0,
                |n| n % 241 == 240,
                |_| false,
            ] {
                let pages = all(total, want, keep, usize::MAX).await;
                assert!(pages.iter().all(|page| page.len() <= want));
                let expected: Vec<u32> = (0..total).filter(keep).collect();
                assert_eq!(pages.concat(), expected, "{total} {want}");
            }
        }
    }

    #[tokio::test]
    async fn a_rare_match_ends_the_page_not_the_list() {
        let pages = all(35_000, 5, |n| *n == 34_999, usize::MAX).await;
        assert_eq!(pages.concat(), [34_999]);
        assert!(pages.len() > 3, "{}", pages.len());
    }

    #[tokio::test]
    async fn a_page_is_bounded_in_bytes_but_never_stuck() {
        let pages = all(10, 100, |_| true, 35).await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 3, 1]);
        assert_eq!(all(3, 100, |_| true, 1).await.len(), 3);
    }

    #[tokio::test]
    async fn an_exact_list_reads_one_row_more_than_the_page() {
        let asked = Mutex::new(Vec::new());
        let plan =
            PageFill { after: None::<u32>, want: 5, exact: true, max_batch: 1000, max_bytes: 1000 };
        let items = PageItems { keep: &|_| true, position: &u32::clone, bytes: &|_| 1 };
        let (page, next) = fill_page(plan, items, |_, limit| {
            asked.lock().push(limit);
            std::future::ready(Ok((0..limit).collect::<Vec<u32>>()))
        })
        .await
        .unwrap();
        assert_eq!((page.len(), next), (5, Some(4)));
        assert_eq!(*asked.lock(), [6]);
    }
}
