//! Tests of pages and their tokens.

use parking_lot::Mutex;

use crate::api::lists::pages::*;

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
async fn all(total: u32, want: usize, keep: fn(&u32) -> bool, max_bytes: usize) -> Vec<Vec<u32>> {
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
        for keep in
            [(|_: &u32| true) as fn(&u32) -> bool, |n| n % 3 == 0, |n| n % 241 == 240, |_| false]
        {
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
