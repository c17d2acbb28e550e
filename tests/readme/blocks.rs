//! The commands of a page, and whether each did what its mark says.
//!
//! Fed by a page's text; feeds the pages' tests. Guarantees that a block is
//! found only when its info string marks it, that a mark that nobody knows is an
//! error rather than a block left out, that what a page defines for its reader's
//! shell stands before each later block, and that a finding says where it stands.

use std::fmt;
use std::process::Output;

use serde_json::{Deserializer, Value};

const CODE_FENCE: &str = "```";

/// What a block's mark asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Ends well and prints JSON.
    Answer,
    /// Ends well and says something to people.
    Words,
    /// Fails, and says this reason.
    Refusal(String),
}

/// One command of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Where the fence stands, counted from 1.
    pub line: usize,
    pub wanted: Wanted,
    pub command: String,
}

/// What is wrong with a page.
pub struct Finding {
    line: usize,
    command: String,
    problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, command, problem } = self;
        write!(f, "line {line}: {problem}\n{command}")
    }
}

/// The marked blocks of a page, in their order.
pub fn blocks(page: &str) -> Result<Vec<Block>, String> {
    let mut found = Vec::new();
    let mut setup = String::new();
    let mut lines = (1..).zip(page.lines());
    while let Some((line, opening)) = lines.next() {
        let Some(info) = opening.strip_prefix(CODE_FENCE) else { continue };
        let mut command = String::new();
        loop {
            let (_, text) = lines.next().ok_or_else(|| format!("line {line}: never closed"))?;
            if text.trim_end() == CODE_FENCE {
                break;
            }
            command.push_str(text);
            command.push('\n');
        }
        let wanted = match info.split_whitespace().collect::<Vec<_>>()[..] {
            ["sh", "setup"] => {
                setup.push_str(&command);
                continue;
            }
            ["sh", "grpcurl" | "curl"] => Wanted::Answer,
            ["sh", "postrider"] => Wanted::Words,
            ["sh", "refused", reason] => Wanted::Refusal(reason.to_owned()),
            ["sh", ..] => return Err(format!("line {line}: the mark {info:?} means nothing")),
            _ => continue,
        };
        found.push(Block { line, wanted, command: format!("{setup}{command}") });
    }
    Ok(found)
}

impl Block {
    /// Judges what the command did.
    pub fn judge(&self, output: &Output) -> Result<(), Finding> {
        let stdout = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let problem = match &self.wanted {
            Wanted::Answer | Wanted::Words if !output.status.success() => Some("failed".to_owned()),
            Wanted::Answer => self.problem_of(&stdout),
            Wanted::Words if stdout.trim().is_empty() && stderr.trim().is_empty() => {
                Some("said nothing".to_owned())
            }
            Wanted::Words => None,
            Wanted::Refusal(reason) if output.status.success() => {
                Some(format!("was to be refused with {reason}"))
            }
            Wanted::Refusal(reason) if !stdout.contains(reason) && !stderr.contains(reason) => {
                Some(format!("was refused, but not with {reason}"))
            }
            Wanted::Refusal(_) => None,
        };
        problem.map_or(Ok(()), |problem| {
            Err(Finding {
                line: self.line,
                command: self.command.clone(),
                problem: format!("{problem}\n{stdout}{stderr}"),
            })
        })
    }

    /// What is wrong with an answer.
    fn problem_of(&self, printed: &str) -> Option<String> {
        let answers: Result<Vec<Value>, _> = Deserializer::from_str(printed).into_iter().collect();
        let answers = match answers {
            Ok(answers) => answers,
            Err(error) => return Some(format!("printed what is not JSON: {error}")),
        };
        if answers.is_empty() {
            return Some("printed nothing".to_owned());
        }
        for answer in &answers {
            let results = answer.get("results").and_then(Value::as_array);
            let refused = results.into_iter().flatten().find_map(|result| result.get("error"));
            if let Some(error) = refused {
                return Some(format!("one of its events was refused: {error}"));
            }
            if self.is_read() && lists_nothing(answer) {
                return Some("listed nothing".to_owned());
            }
        }
        None
    }

    /// Whether it shows a list by grpcurl, or anything by curl.
    fn is_read(&self) -> bool {
        let writes = ["--json", "--data-binary", "-X "].iter();
        let has = |part: &str| self.command.contains(part);
        has("/List") || (has("curl -sS") && !writes.copied().any(has))
    }
}

/// A page that shows a list wants to show something in it.
fn lists_nothing(answer: &Value) -> bool {
    answer.as_object().is_some_and(|fields| {
        let filled = |value: &Value| value.as_array().is_none_or(|items| !items.is_empty());
        !fields.values().any(filled)
    })
}

mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::{ExitStatus, Output};

    use super::{Block, Wanted, blocks};

    fn output(code: i32, stdout: &str, stderr: &str) -> Output {
        let status = ExitStatus::from_raw(code << 8);
        Output { status, stdout: stdout.into(), stderr: stderr.into() }
    }

    fn block(wanted: Wanted, command: &str) -> Block {
        Block { line: 1, wanted, command: command.to_owned() }
    }

    #[test]
    fn marked_blocks_are_found_where_they_stand() {
        let page = "# A page\n\n```sh grpcurl\none |\n  two\n```\n```\n{}\n```\n\
            ```sh refused NO\nthree\n```\n";
        let answer =
            Block { line: 3, wanted: Wanted::Answer, command: "one |\n  two\n".to_owned() };
        let refusal = Block {
            line: 10,
            wanted: Wanted::Refusal("NO".to_owned()),
            command: "three\n".to_owned(),
        };
        assert_eq!(blocks(page), Ok(vec![answer, refusal]));
    }

    #[test]
    fn what_a_page_defines_stands_before_its_blocks() {
        let page = "```sh setup\napi() { curl; }\n```\n```sh curl\napi\n```\n\
            ```sh postrider\npostrider\n```\n";
        let setup = "api() { curl; }\n";
        let answer = Block { line: 4, wanted: Wanted::Answer, command: format!("{setup}api\n") };
        let words =
            Block { line: 7, wanted: Wanted::Words, command: format!("{setup}postrider\n") };
        assert_eq!(blocks(page), Ok(vec![answer, words]));
    }

    #[test]
    fn a_mark_that_nobody_knows_is_an_error() {
        assert!(blocks("```sh grpcurls\none\n```\n").is_err());
        assert!(blocks("```sh refused\none\n```\n").is_err());
        assert!(blocks("```sh grpcurl\none\n").is_err());
    }

    #[test]
    fn an_answer_is_json_without_errors() {
        let one = block(Wanted::Answer, "grpcurl …/PublishEvents");
        assert!(one.judge(&output(0, "{}", "")).is_ok());
        assert!(one.judge(&output(0, "{}\n{}", "")).is_ok());
        assert!(one.judge(&output(0, "", "")).is_err());
        assert!(one.judge(&output(0, "done", "")).is_err());
        assert!(one.judge(&output(1, "{}", "")).is_err());
        assert!(one.judge(&output(0, r#"{"results": [{"event": {}}]}"#, "")).is_ok());
        assert!(one.judge(&output(0, r#"{"results": [{}, {"error": {}}]}"#, "")).is_err());
        let list = block(Wanted::Answer, "grpcurl …/ListEvents");
        assert!(list.judge(&output(0, r#"{"events": [{}]}"#, "")).is_ok());
        assert!(list.judge(&output(0, "{}", "")).is_err());
        let read = block(Wanted::Answer, "curl -sS 127.0.0.1/v1/tenants");
        assert!(read.judge(&output(0, "{}", "")).is_err());
        let deleted = block(Wanted::Answer, "curl -sS -X DELETE 127.0.0.1/v1/tenants/a");
        assert!(deleted.judge(&output(0, "{}", "")).is_ok());
        let words = block(Wanted::Words, "postrider contexts set");
        assert!(words.judge(&output(0, "", "written")).is_ok());
        assert!(words.judge(&output(0, "", "")).is_err());
        assert!(words.judge(&output(7, "a table", "")).is_err());
        assert!(list.judge(&output(0, r#"{"log": []}"#, "")).is_err());
    }

    #[test]
    fn a_refusal_says_its_reason() {
        let one = block(Wanted::Refusal("NO".to_owned()), "grpcurl");
        assert!(one.judge(&output(1, "", "reason: NO")).is_ok());
        assert!(one.judge(&output(1, "", "reason: YES")).is_err());
        assert!(one.judge(&output(0, "NO", "")).is_err());
    }
}
