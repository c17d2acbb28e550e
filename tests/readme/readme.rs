//! README's examples, as a reader would paste them.
//!
//! Fed by the blocks of README.md whose info string is `sh grpcurl` or `sh curl`; feeds
//! `postrider dev` through these programs themselves. Guarantees that each line works, in
//! its order, against nothing but what `dev` has made; only ports differ, so
//! that a machine where Postrider runs can run it, too.

use serde_json::Value;

use crate::dev::RunningDev;
use crate::shell;

const README_PATH: &str = include_str!("../../README.md");
const CODE_FENCES: [&str; 2] = ["```sh grpcurl", "```sh curl"];

/// The lines of every block that has a mark, continued ones joined.
fn examples(document: &str, fence: &str) -> Vec<String> {
    let blocks = document.split(fence).skip(1);
    let blocks = blocks.filter_map(|rest| rest.split_once("```").map(|(block, _)| block));
    let lines = blocks.flat_map(|block| {
        let joined = block.replace("\\\n", " ");
        let lines = joined.lines().map(|line| line.trim().to_owned());
        lines.collect::<Vec<_>>()
    });
    let commands = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    commands.collect()
}

/// Runs one line in a shell and returns what it printed.
fn run(line: &str) -> String {
    let output = shell(line);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}\nended with {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// The methods that lines of curl call, by what stands in them.
const CURL_METHODS: [(&str, &str); 7] = [
    ("/subscriptions?", "CreateSubscription"),
    (":publish", "PublishEvent"),
    (":test", "TestSubscription"),
    ("/tenants/initech/events", "ListEvents"),
    ("/deliveries?", "ListDeliveries"),
    ("/regions", "ListRegions"),
    ("/openapi.json", "Describe"),
];

fn method_of(line: &str) -> &str {
    if line.starts_with("curl ") {
        let found = CURL_METHODS.iter().find(|(part, _)| line.contains(part));
        return found.map_or("", |(_, method)| method);
    }
    line.rsplit('/').next().unwrap_or_default()
}

/// What a method's answer must say, beyond being one.
fn check(line: &str, answer: &Value) {
    let method = method_of(line);
    let seen = |pointer: &str| answer.pointer(pointer).cloned().unwrap_or_default();
    match method {
        "CreateSubscription" => {
            let secret = seen("/signingSecret");
            assert!(secret.as_str().unwrap().starts_with("whsec_"), "{answer}");
        }
        "PublishEvent" => assert_eq!(seen("/matchedSubscriptions"), 1, "{answer}"),
        "TestSubscription" => assert_eq!(seen("/attempt/httpStatus"), 200, "{answer}"),
        "ListEvents" => assert!(seen("/events/0/name").is_string(), "{answer}"),
        "ListDeliveries" => assert!(seen("/deliveries/0/name").is_string(), "{answer}"),
        "ListRegions" => assert_eq!(seen("/regions/0/name"), "regions/default", "{answer}"),
        "Check" => assert_eq!(seen("/status"), "SERVING", "{answer}"),
        "Describe" => assert_eq!(seen("/openapi"), "3.1.0", "{answer}"),
        _ => {}
    }
}

#[tokio::test]
async fn every_example_works() {
    let of_programs = CODE_FENCES.map(|fence| examples(README_PATH, fence));
    for lines in &of_programs {
        assert_eq!(lines.len(), 10, "{lines:?}");
    }
    let lines = of_programs.concat();
    let mut dev = RunningDev::start().await;
    for line in lines {
        let line = dev.line(&line);
        let printed = run(&line);
        let answer: Value = serde_json::from_str(&printed)
            .unwrap_or_else(|error| panic!("{line}\nprinted {printed}: {error}"));
        check(&line, &answer);
    }
    dev.assert_runs();
}

#[test]
fn only_marked_blocks_are_examples() {
    let document =
        "```sh\nrm -rf here\n```\n```sh grpcurl\n# a comment\none \\\n  two\nthree\n```\n";
    let found = examples(document, CODE_FENCES[0]);
    let found: Vec<Vec<&str>> =
        found.iter().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(found, [vec!["one", "two"], vec!["three"]]);
}
