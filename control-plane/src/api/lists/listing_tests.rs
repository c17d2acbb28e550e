//! Tests of lists' pages and orders.

use parking_lot::Mutex;

use crate::api::lists::listing::*;
use crate::settings::Settings;

const KEY: AssignmentKey = AssignmentKey::new([7; 32]);

fn tokens() -> PageTokens {
    QueryHasher::new("List", &KEY).finish()
}

fn page_of(size: usize, after: Option<u32>) -> AskedPage<u32> {
    AskedPage { after, size, tokens: tokens() }
}

/// The numbers below a total, of which some match.
struct Numbers {
    total: u32,
    keep: fn(&u32) -> bool,
    is_exact: bool,
    max_page_bytes: usize,
    /// The limit of each read.
    limits: Mutex<Vec<u32>>,
}

impl StoredList for Numbers {
    type Row = u32;
    type Position = u32;

    async fn read(&self, after: Option<u32>, limit: u32) -> StoreResult<Vec<u32>> {
        self.limits.lock().push(limit);
        let start = after.map_or(0, |n| n + 1);
        Ok((start..self.total.min(start.saturating_add(limit))).collect())
    }

    fn position(&self, row: &u32) -> u32 {
        *row
    }

    fn is_exact(&self) -> bool {
        self.is_exact
    }

    fn matches(&self, row: &u32) -> bool {
        (self.keep)(row)
    }

    fn bytes(&self, _: &u32) -> usize {
        10
    }

    fn max_page_bytes(&self) -> usize {
        self.max_page_bytes
    }

    fn max_read_rows(&self) -> usize {
        1000
    }
}

fn numbers(total: u32, keep: fn(&u32) -> bool, max_page_bytes: usize) -> Numbers {
    Numbers { total, keep, is_exact: false, max_page_bytes, limits: Mutex::default() }
}

/// All pages of a list.
async fn all(total: u32, size: usize, keep: fn(&u32) -> bool, max_bytes: usize) -> Vec<Vec<u32>> {
    let list = numbers(total, keep, max_bytes);
    let tokens = tokens();
    let mut pages = Vec::new();
    let mut after = None;
    loop {
        let page = page_of(size, after).fill(&list).await.unwrap();
        pages.push(page.items);
        after = tokens.decode(&page.next_page_token).unwrap();
        if after.is_none() {
            return pages;
        }
    }
}

#[tokio::test]
async fn pages_cover_the_list_without_gaps_or_repeats() {
    for (total, size) in [(0, 3), (3, 3), (4, 3), (1001, 7), (250, 1)] {
        for keep in
            [(|_: &u32| true) as fn(&u32) -> bool, |n| n % 3 == 0, |n| n % 241 == 240, |_| false]
        {
            let pages = all(total, size, keep, usize::MAX).await;
            assert!(pages.iter().all(|page| page.len() <= size));
            let expected: Vec<u32> = (0..total).filter(keep).collect();
            assert_eq!(pages.concat(), expected, "{total} {size}");
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
    let list = Numbers { is_exact: true, ..numbers(1000, |_| true, 1000) };
    let page = page_of(5, None).fill(&list).await.unwrap();
    assert_eq!(page.items, [0, 1, 2, 3, 4]);
    assert_eq!(tokens().decode(&page.next_page_token).unwrap(), Some(4));
    assert_eq!(*list.limits.lock(), [6]);
}

#[test]
fn a_page_of_the_store_is_cut_where_it_grows_too_large() {
    for (max_bytes, length, next) in [(25, 2, Some(1)), (30, 3, Some(7)), (1, 1, Some(0))] {
        let page = page_of(9, None).cut(vec![0, 1, 2], Some(7), |n| *n, |_| 10, max_bytes);
        let page = page.unwrap();
        assert_eq!(page.items.len(), length);
        assert_eq!(tokens().decode::<u32>(&page.next_page_token).unwrap(), next);
    }
}

#[test]
fn lists_in_memory_are_paged_by_name() {
    let settings = Settings::load(None, &[]).unwrap().api;
    let page = |size: i32, token: &str| {
        let ((), page) = ListCall::begin("L", size, token, &settings, &KEY).finish(Some(()))?;
        page.of_memory(["c", "a", "b"].map(str::to_owned).to_vec(), |name| name)
    };
    let first = page(2, "").unwrap();
    assert_eq!(first.items, ["a", "b"]);
    let second = page(2, &first.next_page_token).unwrap();
    assert_eq!((second.items, second.next_page_token.as_str()), (vec!["c".to_owned()], ""));
    assert!(page(-1, "").is_err());
}

#[test]
fn a_token_of_a_list_with_other_fields_is_refused() {
    let settings = Settings::load(None, &[]).unwrap().api;
    let page = |text: &str, chosen: bool, order: &str, token: &str| {
        let mut call = ListCall::begin("L", 1, token, &settings, &KEY);
        let text = call.select("text", text, |text| Ok::<_, String>(text.to_owned()));
        call.choice("all", chosen);
        call.order_by(order);
        let (_, page) = call.finish(text)?;
        page.of_memory(vec!["a".to_owned(), "b".to_owned()], |name| name)
    };
    let token = page("x", false, "", "").unwrap().next_page_token;
    assert_eq!(page("x", false, "", &token).unwrap().items, ["b"]);
    for (text, chosen, order) in [("y", false, ""), ("x", true, ""), ("x", false, "name desc")] {
        assert!(page(text, chosen, order, &token).is_err(), "{text} {chosen} {order}");
    }
}

#[test]
fn orders_are_read() {
    let read = |text: &str| {
        let mut violations = FieldViolations::default();
        let ListOrder { order_by, descending } = ListOrder::read(text, &mut violations);
        violations.is_empty().then_some((order_by, descending))
    };
    assert_eq!(read(""), Some((OrderBy::Id, false)));
    assert_eq!(read("name desc"), Some((OrderBy::Id, true)));
    assert_eq!(read(" create_time  desc "), Some((OrderBy::CreateTime, true)));
    for bad in ["url", "name asc", "name desc desc", "desc", "name,create_time"] {
        assert_eq!(read(bad), None, "{bad}");
    }
}
