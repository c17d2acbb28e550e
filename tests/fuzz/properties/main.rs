//! The fuzz targets under proptest.
//!
//! Fed by the targets' seeds, by inputs that once failed, and by changes of both. A run
//! takes seconds and needs no special compiler; what takes hours is libFuzzer's.
//! Guarantees that an input that fails is printed in a form that can be kept: as a file in
//! `past_inputs/NAME`, which every run begins with.

mod mutation;
mod wire;

use std::cell::Cell;
use std::fmt::Write as _;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::PathBuf;
use std::sync::Once;
use std::time::{Duration, Instant};

use postrider_fuzz::{FUZZ_TARGETS, FuzzTarget, find_target};
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

/// No input takes longer, in a program without optimisation and beside other tests; usual
/// ones take microseconds.
const MAX_INPUT_TIME: Duration = Duration::from_secs(10);
/// Inputs for each target, unless `PROPTEST_CASES` says how many: some seconds for all.
const USUAL_INPUTS: u32 = 2_000;
/// Unless `PROPTEST_CASES` is set, no target has new inputs for longer. A few read whole files
/// of settings, or show whole pages.
const USUAL_TIME: Duration = Duration::from_secs(15);
/// Steps towards a smaller input that fails as well.
const MAX_SHRINK_STEPS: u32 = 4_000;

macro_rules! properties {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                search(find_target(stringify!($name)).expect("a target of the table"));
            }
        )*

        #[test]
        fn every_target_is_run_here_and_by_libfuzzer() {
            let here = [$(stringify!($name)),*];
            let all: Vec<&str> = FUZZ_TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(here.as_slice(), all);
            let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
            let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
            for name in all {
                let path = format!("targets/{name}.rs");
                let source = fs::read_to_string(folder.join(&path)).expect("a file of the target");
                assert!(source.contains(&format!("fuzz!(\"{name}\")")), "{path}");
                assert!(manifest.contains(&format!("path = \"{path}\"")), "{path}");
            }
        }
    };
}

properties! {
    subscriptions
    subscription_updates
    secret_rotations
    events
    json_envelopes
    event_types
    catalogues
    token_requests
    account_windows
    scaler_queries
    http_requests
    list_filters
    content_filters
    page_tokens
    resource_names
    times
    webhook_urls
    webhook_headers
    http1_answers
    http2_answers
    agent_messages
    message_entries
    bearers
    key_sets
    claims
    certificates
    certificate_names
    console_requests
    console_fields
    console_forms
    console_cookies
    id_tokens
    console_pages
    settings
    log_filters
    key_lists
    stored_secrets
}

/// Runs a target on its seeds, on inputs that failed once, and on changes of all of these.
fn search(target: &FuzzTarget) {
    let mut seeds = (target.seeds)();
    seeds.extend(past_inputs(target.name));
    let failed = seeds.iter().find_map(|seed| try_input(target, seed).err().map(|_| seed.clone()));
    let failed = failed.or_else(|| search_changes(target, seeds));
    let Some(input) = failed else { return };
    // Once more, so that it is seen how it fails.
    let name = target.name;
    eprintln!("to keep: printf '{}' > tests/fuzz/past_inputs/{name}/…", printf(&input));
    (target.run)(&input);
    panic!("{name}: an input takes longer than {MAX_INPUT_TIME:?}, or fails by chance");
}

/// A small input that fails, among changes of the seeds.
fn search_changes(target: &FuzzTarget, seeds: Vec<Vec<u8>>) -> Option<Vec<u8>> {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    let config = Config {
        cases: asked.unwrap_or(USUAL_INPUTS),
        failure_persistence: None,
        max_shrink_iters: MAX_SHRINK_STEPS,
        ..Config::default()
    };
    let inputs = mutation::inputs(target.form, seeds);
    let begun = Instant::now();
    let found = TestRunner::new(config).run(&inputs, |input| {
        if asked.is_none() && begun.elapsed() > USUAL_TIME {
            return Ok(());
        }
        try_input(target, &input).map_err(TestCaseError::fail)
    });
    match found {
        Ok(()) => None,
        Err(TestError::Fail(_, input)) => Some(input),
        Err(TestError::Abort(reason)) => panic!("{}: {reason}", target.name),
    }
}

/// Says what is wrong with a target on this input.
fn try_input(target: &FuzzTarget, input: &[u8]) -> Result<(), String> {
    let begun = Instant::now();
    let ended = quietly(|| catch_unwind(AssertUnwindSafe(|| (target.run)(input))));
    let took = begun.elapsed();
    match ended {
        Err(_) => Err("it panics".to_owned()),
        Ok(()) if took > MAX_INPUT_TIME => Err(format!("it takes {took:?}")),
        Ok(()) => Ok(()),
    }
}

thread_local! {
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Leaves out what this thread's panics print: on the way to a small input there are many.
fn quietly<T>(run: impl FnOnce() -> T) -> T {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_QUIET.get() {
                print(panic);
            }
        }));
    });
    IS_QUIET.set(true);
    let ended = run();
    IS_QUIET.set(false);
    ended
}

/// A text of which printf(1) makes these bytes.
fn printf(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        match byte {
            b'%' => text.push_str("%%"),
            b'\\' | b'\'' => {
                let _ = write!(text, "\\{byte:03o}");
            }
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => {
                let _ = write!(text, "\\{byte:03o}");
            }
        }
    }
    text
}

/// Inputs that failed once, proptest's or libFuzzer's.
fn past_inputs(name: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("past_inputs").join(name);
    // Most targets have none.
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let files = entries.map(|entry| entry.unwrap().path());
    files.map(|path| fs::read(path).unwrap()).collect()
}
