//! Nothing written in a content filter, or in a payload, takes long or panics.
// tidy: long because the pieces of a language are one table.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use postrider_domain::content_filter::{
    ContentFilter, FilterFailure, FilterInput, MAX_PAYLOAD_BYTES,
};
use proptest::prelude::*;

fn attributes() -> BTreeMap<String, String> {
    BTreeMap::from([("a".into(), "x".into()), ("currency".into(), "EUR".into())])
}

/// The costliest filters and payloads that could be thought of.
fn worst() -> Vec<(String, String)> {
    let room = MAX_PAYLOAD_BYTES - 64;
    let numbers = |bytes: usize| format!("[{}1]", "1,".repeat(bytes / 2));
    let strings = |bytes: usize| format!("[{}\"b\"]", "\"a\",".repeat(bytes / 4));
    let objects = |bytes: usize| format!("[{}{{}}]", "{\"a\":1},".repeat(bytes / 8));
    let text = "a".repeat(room);
    let sums = |term: &str, n: usize| format!("{} == [1]", vec![term; n].join(" + "));
    let mut pairs = Vec::new();
    // Sizes around what the bound lets through, and the largest.
    for share in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512] {
        let bytes = room / share;
        for list in [numbers(bytes), strings(bytes), objects(bytes)] {
            for filter in [
                sums("event.payload", 25),
                "[event.payload, event.payload, event.payload] == [[event.payload]]".into(),
                format!(
                    "{} == 1",
                    vec!["event.payload.map(x, [x, x, x, x])"; 20].join(" == 1 || ")
                ),
                "event.payload.all(x, x in event.payload || true)".into(),
                "event.payload.all(x, !(7 in event.payload) || x == 3)".into(),
                "event.payload.exists(x, event.payload < x)".into(),
                "event.payload.exists(x, event.payload + 1 == x)".into(),
                "event.payload.map(x, event.payload) == 1".into(),
                format!("event.payload.all(x, {})", vec!["x != 'z'"; 60].join(" && ")),
                format!("event.payload.exists(x, {})", vec!["x.a.a.a.a == 5"; 50].join(" || ")),
                "event.payload.exists(x, x[event.payload] == 1)".into(),
            ] {
                pairs.push((filter, list.clone()));
            }
        }
    }
    let both = format!("{{\"s\": \"{}\", \"l\": {}}}", &text[..room / 2], strings(room / 2));
    for filter in [
        "event.payload.l.exists(x, event.payload.s.contains('aaab' + x))".to_owned(),
        "event.payload.l.exists(x, event.payload.s < x)".to_owned(),
        format!("{} == ''", vec!["event.payload.s"; 25].join(" + ")),
        format!("{} == 9", vec!["size(event.payload.s)"; 25].join(" + ")),
        format!("size({}) == 9", vec!["event.payload.s"; 25].join(" + ")),
    ] {
        pairs.push((filter, both.clone()));
    }
    pairs
}

/// On the machine it was written on, libraries built at opt-level 1: the longest
/// of these that the bound lets through takes 8 ms; without the bound one of them
/// takes 17 s. The limit here is wide, since other tests run at the same time.
#[test]
fn the_worst_filter_on_the_worst_payload_ends_soon() {
    let attributes = attributes();
    let mut longest = (Duration::ZERO, String::new());
    let mut evaluated = 0;
    for (source, payload) in worst() {
        let filter = ContentFilter::compile(&source).unwrap_or_else(|error| {
            panic!("{error} for {source}");
        });
        let input = FilterInput::new("a", None, &attributes, payload.as_bytes());
        // Parsed once for all filters of an event.
        let _ = ContentFilter::compile("event.payload == 1").unwrap().evaluate(&input);
        let start = Instant::now();
        let answer = filter.evaluate(&input);
        let took = start.elapsed();
        evaluated += u32::from(answer != Err(FilterFailure::TooExpensive));
        if took > longest.0 {
            longest = (took, format!("{source} on {} bytes: {answer:?}", payload.len()));
        }
    }
    eprintln!("{evaluated} evaluated; longest {longest:?}");
    assert!(evaluated > 50, "{evaluated}");
    assert!(longest.0 < Duration::from_secs(5), "{longest:?}");
}

/// Pieces of which CEL is made, so that random sources get past the parser.
fn piece() -> impl Strategy<Value = String> {
    let words = [
        "event",
        ".",
        "type",
        "account",
        "attributes",
        "payload",
        "a",
        "x",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "?",
        "!",
        "-",
        "+",
        "*",
        "/",
        "%",
        "==",
        "!=",
        "<",
        ">=",
        "&&",
        "||",
        " in ",
        "1",
        "0",
        "9223372036854775807",
        "-9223372036854775808",
        "1.5",
        "1e400",
        "1u",
        "'s'",
        "b'\\xff'",
        "\"\\u00e5\"",
        "'\\q'",
        "true",
        "false",
        "null",
        ".exists(x, ",
        ".all(x, ",
        ".map(x, ",
        ".filter(x, ",
        ".exists_one(x, ",
        "has(",
        "size(",
        "int(",
        "string(",
        "double(",
        "uint(",
        "bool(",
        ".contains(",
        "event.payload",
        "event.payload.a",
        "event.attributes",
        "optional.of(",
        "`b`",
        "//",
        "\n",
        "@",
        "'''",
        "r'",
    ];
    prop_oneof![
        20 => proptest::sample::select(words.to_vec()).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ]
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|b| b.to_string()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<u64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_filter("JSON has none", |n| n.is_finite()).prop_map(|n| format!("{n:e}")),
        "[a-z]{0,5}".prop_map(|s| format!("\"{s}\"")),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5)
                .prop_map(|v| format!("[{}]", v.join(","))),
            proptest::collection::vec(("[ax]", inner), 0..4).prop_map(|fields| {
                let fields: Vec<_> = fields.iter().map(|(k, v)| format!("\"{k}\":{v}")).collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn nothing_written_in_a_filter_panics(
        pieces in proptest::collection::vec(piece(), 1..40),
        payload in json(),
    ) {
        if let Ok(filter) = ContentFilter::compile(&pieces.concat()) {
            let attributes = attributes();
            let input = FilterInput::new("a", Some("b"), &attributes, payload.as_bytes());
            prop_assert_ne!(filter.evaluate(&input), Err(FilterFailure::Interpreter));
        }
    }

    #[test]
    fn nothing_in_a_payload_panics(payload in json(), which in 0_usize..8) {
        let source = [
            "event.payload.a > 5 || event.payload.x == event.payload.a",
            "event.payload.exists(e, e == 1 || e.a < 3)",
            "event.payload.a + event.payload.x * 2 - -event.payload.a / event.payload.x > 1.5",
            "event.payload[0] in event.payload.a ? size(event.payload) == 2 : event.payload.a",
            "int(event.payload) % 7 == int(event.payload.a)",
            "string(event.payload).contains(string(event.payload.a))",
            "event.payload.map(e, e + e) == event.payload.filter(e, e != 1)",
            "uint(event.payload) == 1u && double(event.payload) == 1.0",
        ][which];
        let attributes = attributes();
        let input = FilterInput::new("a", None, &attributes, payload.as_bytes());
        let filter = ContentFilter::compile(source).unwrap();
        prop_assert_ne!(filter.evaluate(&input), Err(FilterFailure::Interpreter));
    }
}
