//! Content filters: what they let through, what is refused when one is set, and
//! that nothing written in one, or in a payload, gets further than a failure.

use std::collections::{BTreeMap, BTreeSet};

use postrider_domain::content_filter::{
    ContentFilter, FilterError, FilterFailure, FilterInput, FilterScope, MAX_NESTING,
    MAX_PAYLOAD_BYTES, MAX_SOURCE_BYTES, SourcePosition,
};

const PAYMENT: &str = r#"{"id": "pay_1", "amount": 12500, "rate": 0.25, "limit": "99.50",
  "live": true, "note": null, "big": 9007199254740993, "beyond": 18446744073709551615,
  "payer": {"country": "SE", "roles": ["buyer", "guest"]},
  "lines": [{"sku": "a", "amount": 100}, {"sku": "b", "amount": 12400}]}"#;

fn attributes() -> BTreeMap<String, String> {
    BTreeMap::from([("currency".into(), "EUR".into()), ("channel".into(), "app".into())])
}

fn ask(source: &str, payload: &str) -> Result<bool, FilterFailure> {
    let attributes = attributes();
    let input =
        FilterInput::new("payment.completed", Some("acc-1"), &attributes, payload.as_bytes());
    ContentFilter::compile(source).unwrap().evaluate(&input)
}

fn refusal(source: &str) -> FilterError {
    ContentFilter::compile(source).expect_err(source)
}

#[test]
fn a_filter_sees_type_account_attributes_and_payload() {
    for yes in [
        "event.payload.amount > 10000 && event.attributes.currency == \"EUR\"",
        "event.type == 'payment.completed' && event.account == 'acc-1'",
        "event.type.startsWith('payment.') && !event.type.endsWith('failed')",
        "event.attributes['channel'] in ['app', 'web']",
        "event.payload.payer.country.contains('S')",
        "'buyer' in event.payload.payer.roles && size(event.payload.payer.roles) == 2",
        "event.payload.lines.exists(line, line.amount > 10000)",
        "event.payload.lines.all(l, l.amount >= 100) && event.payload.lines.exists_one(l, l.sku == 'b')",
        "event.payload.lines.filter(l, l.amount > 100).size() == 1",
        "event.payload.lines.map(l, l.sku) == ['a', 'b']",
        "event.payload.lines[1].sku == 'b' && event.payload['id'] == \"pay_1\"",
        "has(event.payload.payer) && !has(event.payload.mandate)",
        "!has(event.attributes.mandate)",
        "event.payload.live",
        "event.payload.note == null",
        "event.payload.live ? event.payload.amount % 100 == 0 : false",
        "double(event.payload.limit) < 100.0 && event.payload.rate == 0.25",
        "int(event.attributes.currency == 'EUR' ? '1' : '0') == 1",
        "event.payload.big == 9007199254740993 && event.payload.big != 9007199254740992",
        "event.payload.beyond == 18446744073709551615u",
        "event.payload.missing == 1 || true",
        "true",
        "// only what matters\n  event.payload.amount\n > 1",
    ] {
        assert_eq!(ask(yes, PAYMENT), Ok(true), "{yes}");
        let no = format!("!({})", yes.rsplit("matters\n").next().unwrap());
        assert_eq!(ask(&no, PAYMENT), Ok(false), "{no}");
    }
}

/// Of each that is said never to be true the interpreter says no, or fails.
#[test]
fn what_can_never_be_true_is_known() {
    let accounts = BTreeSet::from(["acc-1".to_owned()]);
    let event_types = ["payment.*".parse().unwrap()];
    let scope = FilterScope { event_types: &event_types, accounts: &accounts };
    let never = |source: &str| ContentFilter::compile(source).unwrap().is_never_true(scope);
    for source in [
        "false",
        "event.account == 5",
        "5 == event.account",
        "!(event.account != 5)",
        "event.account == null",
        "event.account > 5",
        "event.account in [1, 2]",
        "event.account in []",
        "event.type == true",
        "event.type == 'refund.made'",
        "event.type in ['refund.made', 'order.made']",
        "event.account == 'acc-2'",
        "event.attributes.currency == 5",
        "event.attributes['currency'] == 5",
        "event.attributes == 'EUR'",
        "size(event.attributes) == '2'",
        "'a' == 'b'",
        "event.payload.amount > 1 && event.account == 5",
        "event.account == 5 || event.type == 7",
        "event.payload.live ? event.account == 5 : false",
        "[1] == 'a'",
        "int(event.attributes.currency) == 'EUR'",
        "event.type.startsWith('payment') == 1",
    ] {
        assert!(never(source), "{source}");
        assert_ne!(ask(source, PAYMENT), Ok(true), "{source}");
    }
    for source in [
        "true",
        "event.account == 'acc-1'",
        "event.type == 'payment.completed'",
        "event.type in ['refund.made', 'payment.completed']",
        "event.account != 5",
        "event.account == 5 || event.payload.amount > 1",
        "event.account == 5 ? false : true",
        "!(event.account == 5)",
        "event.payload.amount == '5' || event.payload.amount == 12500",
        "event.payload.note == null",
        "event.payload.amount == 12500.0",
        "event.attributes.currency in ['EUR']",
        "event.payload.lines.exists(line, line.sku == 'b')",
    ] {
        assert!(!never(source), "{source}");
        assert_eq!(ask(source, PAYMENT), Ok(true), "{source}");
    }
    let wide = FilterScope { event_types: &["*".parse().unwrap()], accounts: &BTreeSet::new() };
    let other = ContentFilter::compile("event.account == '' && event.type == 'x'").unwrap();
    assert!(!other.is_never_true(wide) && other.is_never_true(scope));
}

#[test]
fn integers_are_compared_exactly_or_not_at_all() {
    let payload = r#"{"big": 9007199254740993, "most": 9223372036854775807,
        "least": -9223372036854775808, "beyond": 18446744073709551615, "half": 2.5,
        "vast": 36893488147419103233, "below": -9223372036854775809,
        "list": [9007199254740993], "map": {"n": 9007199254740993}}"#;
    for yes in [
        "event.payload.big > 9007199254740992.0",
        "9007199254740992.0 < event.payload.big",
        "event.payload.big != 9007199254740992.0",
        "event.payload.big < 9007199254740994.0",
        "!(event.payload.big <= 9007199254740992.0)",
        "event.payload.big >= 9007199254740992.0",
        "event.payload.most < 9223372036854775808.0",
        "event.payload.beyond < 18446744073709551616.0 && event.payload.beyond > event.payload.most",
        "event.payload.most > event.payload.least && event.payload.least < -1.5",
        "event.payload.list != [9007199254740992.0] && event.payload.list == [9007199254740993]",
        "event.payload.map != {'n': 9007199254740992.0} && event.payload.map == {'n': 9007199254740993}",
        "!(event.payload.big in [1.5, 9007199254740992.0])",
        "event.payload.big in [1.5, 9007199254740993]",
        "'n' in event.payload.map && !('m' in event.payload.map)",
        "event.payload.half > 2 && event.payload.half < 3u && -event.payload.half < -2",
        "2 < event.payload.half && 3 > event.payload.half && 2.0 == 2 && 2u == 2.0",
        // Beyond 64 bits, and known all the same.
        "event.payload.vast > event.payload.beyond && event.payload.vast > 1e18",
        "event.payload.vast < 1e30 && event.payload.below < -1",
        "'a' < 'b' && [1, 'x'] == [1, 'x'] && {'a': 1} != {'a': 2} && {'a': 1} != {'b': 1}",
    ] {
        assert_eq!(ask(yes, payload), Ok(true), "{yes}");
    }
    for unknown in [
        "event.payload.vast == 36893488147419103232.0",
        "event.payload.vast <= 36893488147419103232.0",
        "event.payload.vast in [36893488147419103232.0]",
        "event.payload.below < event.payload.least",
    ] {
        assert_eq!(ask(unknown, payload), Err(FilterFailure::UnknownOrder), "{unknown}");
    }
    for wrong in ["event.payload.big < 'a'", "event.payload.list < [1]", "1 in event.payload.big"] {
        assert_eq!(ask(wrong, payload), Err(FilterFailure::WrongType), "{wrong}");
    }
}

#[test]
fn an_event_without_account_has_an_empty_one() {
    let none = BTreeMap::new();
    let input = FilterInput::new("a", None, &none, b"not json");
    let filter = ContentFilter::compile("event.account == ''").unwrap();
    assert_eq!(filter.evaluate(&input), Ok(true));
}

#[test]
fn a_payload_is_read_only_by_filters_that_look_into_it() {
    let blind = "event.attributes.currency == 'EUR'";
    let large = format!("[{}1]", "1,".repeat(MAX_PAYLOAD_BYTES / 2));
    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    let deeper = "[".repeat(MAX_PAYLOAD_BYTES);
    for (payload, failure) in [
        ("not json", FilterFailure::PayloadNotJson),
        ("", FilterFailure::PayloadNotJson),
        ("{} {}", FilterFailure::PayloadNotJson),
        (large.as_str(), FilterFailure::PayloadTooLarge),
        (deep.as_str(), FilterFailure::PayloadTooDeep),
        (deeper.as_str(), FilterFailure::PayloadTooDeep),
    ] {
        assert_eq!(ask(blind, payload), Ok(true));
        assert_eq!(ask("event.payload != 1", payload), Err(failure));
    }
}

#[test]
fn a_filter_that_cannot_answer_says_why_and_not_about_what() {
    for (source, failure) in [
        ("event.payload.mandate.id == 'x'", FilterFailure::MissingField),
        ("event.attributes.mandate == 'x'", FilterFailure::MissingField),
        ("event.payload.lines[7].sku == 'x'", FilterFailure::MissingField),
        ("event.payload.amount > 'x'", FilterFailure::WrongType),
        ("event.payload.amount.exists(x, x == 1)", FilterFailure::WrongType),
        ("event.payload.live && event.payload.amount", FilterFailure::WrongType),
        ("1 / (event.payload.amount - 12500) == 1", FilterFailure::Arithmetic),
        ("event.payload.big * event.payload.big > 0", FilterFailure::Arithmetic),
        ("event.payload.amount", FilterFailure::NotBoolean),
    ] {
        assert_eq!(ask(source, PAYMENT), Err(failure), "{source}");
    }
}

#[test]
fn a_name_that_does_not_exist_is_refused_with_its_place() {
    let FilterError::UnknownName { at, name } =
        refusal("event.type == 'a' &&\n  evnt.account == 'b'")
    else {
        panic!("not an unknown name")
    };
    assert_eq!((at, name.as_str()), (SourcePosition { line: 2, column: 3 }, "evnt"));
    let FilterError::UnknownName { at, name } = refusal("'paylod' == event.paylod.x") else {
        panic!("not an unknown name")
    };
    assert_eq!((at, name.as_str()), (SourcePosition { line: 1, column: 19 }, "event.paylod"));
    for unknown in ["matches", "timestamp", "lowerAscii", "charAt", "existsOne2", "type", "dyn"] {
        let error = refusal(&format!("event.payload.a.{unknown}('x')"));
        assert!(matches!(error, FilterError::UnknownFunction { .. }), "{unknown}: {error}");
    }
    assert!(matches!(refusal("size(1, 2) == 1"), FilterError::UnknownFunction { .. }));
    assert!(matches!(refusal("event.payload.l.exists(x, y)"), FilterError::UnknownName { .. }));
    assert!(matches!(
        refusal("event.payload.l.exists(x, true) && x"),
        FilterError::UnknownName { .. }
    ));
    assert!(matches!(refusal("event == 1"), FilterError::BareEvent { .. }));
    assert!(matches!(refusal("event['type'] == 'a'"), FilterError::BareEvent { .. }));
    assert!(matches!(refusal(".event.type == 'a'"), FilterError::UnknownName { .. }));
    assert!(matches!(refusal("has(event.account)"), FilterError::AlwaysThere { .. }));
}

#[test]
fn what_can_never_be_true_or_false_is_refused() {
    for source in [
        "1",
        "'true'",
        "null",
        "[true]",
        "{'a': true}",
        "event.type",
        "event.attributes",
        "event.attributes.flag",
        "event.attributes['flag']",
        "event.payload.a + event.payload.b",
        "-event.payload.a",
        "size(event.payload.a)",
        "event.payload.a.map(x, x)",
        "event.payload.a.filter(x, true)",
        "true && event.type",
        "!event.account",
        "event.payload.a.exists(x, 'yes')",
        "event.type ? true : false",
    ] {
        let error = refusal(source);
        assert!(matches!(error, FilterError::NotBoolean(_)), "{source}: {error}");
    }
}

#[test]
fn size_nesting_and_comprehensions_are_bounded() {
    assert_eq!(refusal("  "), FilterError::Empty);
    assert_eq!(refusal(&"a".repeat(MAX_SOURCE_BYTES + 1)), FilterError::TooLong);
    let half = MAX_SOURCE_BYTES / 2 - 2;
    for deep in [
        format!("{}true{}", "(".repeat(half), ")".repeat(half)),
        "(".repeat(MAX_SOURCE_BYTES),
        format!("{}1{} == 1", "[".repeat(MAX_NESTING + 1), "]".repeat(MAX_NESTING + 1)),
        "true?true:".repeat(200) + "true",
        "true?".repeat(200),
        "1+".repeat(1000) + "1 == 1",
        "!-".repeat(1000) + "1 == 1",
        "event.payload".to_owned() + &".a".repeat(900) + " == 1",
        "event.payload".to_owned() + &"[0]".repeat(600) + " == 1",
    ] {
        let error = refusal(&deep);
        let known = matches!(error, FilterError::TooDeep | FilterError::Syntax { .. });
        assert!(known, "{error} for {deep}");
    }
    let many = format!("event.payload.x in [{}1]", "1,".repeat(900));
    assert_eq!(refusal(&many), FilterError::TooManyNodes);
    // Macros in a row cost nothing to nest, and "!!" folds.
    assert!(ContentFilter::compile(&("!".repeat(2000) + "true")).is_ok());
    assert!(ContentFilter::compile(&vec!["event.payload.a == 1"; 60].join(" || ")).is_ok());

    for nested in [
        "event.payload.a.all(x, x.all(y, y))",
        "event.payload.a.filter(x, true).exists(y, y)",
        "event.payload.a.all(x, [1].map(y, y) == x)",
    ] {
        assert_eq!(refusal(nested), FilterError::NestedComprehension, "{nested}");
    }
    assert!(ContentFilter::compile("[1].all(x, x == 1) && [2].all(x, x == 2)").is_ok());
    assert_eq!(refusal("event.payload.a.all(event, true)"), FilterError::ShadowedEvent);
    assert!(matches!(refusal("google.Type{a: 1} == 1"), FilterError::Unsupported(_)));
    for wrong in
        ["event.type ==", "event.payload.?a", "`a` == 1", "event.", "a b", "'open", "\u{0}"]
    {
        assert!(matches!(refusal(wrong), FilterError::Syntax { .. }), "{wrong}");
    }
}

#[test]
fn a_stored_filter_that_is_no_longer_accepted_fails_and_keeps_its_source() {
    let filter = ContentFilter::from_stored("event.payload.a.matches('(a+)+$')");
    assert_eq!(filter.source(), "event.payload.a.matches('(a+)+$')");
    let none = BTreeMap::new();
    let input = FilterInput::new("a", None, &none, b"{}");
    assert_eq!(filter.evaluate(&input), Err(FilterFailure::NoLongerAccepted));
    let kept = ContentFilter::from_stored("event.type == 'a'");
    assert_eq!(kept, ContentFilter::compile("event.type == 'a'").unwrap());
    assert_ne!(kept, filter);
    assert_eq!(kept.evaluate(&input), Ok(true));
}

#[test]
fn usual_filters_on_large_payloads_are_not_refused() {
    let line =
        r#"{"sku": "a-1234", "name": "something", "amount": 1250, "vat": 250, "tags": ["x", "y"]}"#;
    let payload = format!("{{\"currency\": \"SEK\", \"lines\": [{}]}}", vec![line; 700].join(", "));
    assert!(payload.len() > 60_000 && payload.len() < MAX_PAYLOAD_BYTES);
    assert_eq!(
        ask("event.payload.lines.exists(l, l.amount > 5000 && l.sku != 'z')", &payload),
        Ok(false)
    );
    assert_eq!(
        ask("event.payload.lines.all(l, l.sku.startsWith('a-') || l.vat == 0)", &payload),
        Ok(true)
    );
    assert_eq!(
        ask("event.payload.currency == 'SEK' && size(event.payload.lines) > 5", &payload),
        Ok(true)
    );
}
