//! The agent's program: settings, signals, exit codes.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use std::process::{Child, Command, Output, Stdio};

use postrider_proto::agent::v1::work_request::Message as AgentMessage;
use support::control_plane::ScriptedReplica;

fn program(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_postrider-agent"))
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

async fn output(child: Child) -> Output {
    tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_termination_signal_drains_and_exits_with_0() {
    let mut replica = ScriptedReplica::start("replica-1").await;
    let child = program(&["--control-plane", &replica.url, "--region", "eu-1"]);
    let process = child.id().to_string();
    let mut stream = replica.welcome_stream().await;
    assert!(stream.receive().await.is_some(), "it was welcomed");
    assert!(Command::new("kill").arg(&process).status().unwrap().success());
    assert!(matches!(stream.next_work_message().await, AgentMessage::Draining(_)));
    while stream.receive().await.is_some() {}
    drop(stream);
    let output = output(child).await;
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{log}");
    assert!(log.contains("agent stopped"), "{log}");
}

#[tokio::test]
async fn settings_that_cannot_work_exit_with_2() {
    for wrong in
        [&["--region", "eu-1"][..], &["--region", "eu-1", "--control-plane", "http://pay.example"]]
    {
        let output = output(program(wrong)).await;
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{log}");
        assert!(log.contains("control_plane.urls"), "{log}");
    }
    for (setting, wrong, id, region) in
        [("agent.region", "EU_1", "one", "EU_1"), ("agent.id", "a b", "a b", "eu-1")]
    {
        let control_plane = ["--control-plane", "http://127.0.0.1:1"];
        let arguments = [&control_plane[..], &["--region", region, "--id", id]].concat();
        let output = output(program(&arguments)).await;
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{log}");
        assert!(log.contains(setting) && log.contains(wrong), "{log}");
    }
}

/// The soft limit and the hard one of a process's open files.
#[cfg(target_os = "linux")]
fn open_files_limits(process: u32) -> [u64; 2] {
    let limits = std::fs::read_to_string(format!("/proc/{process}/limits")).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let mut figures = line.split_whitespace().map(|figure| figure.parse::<u64>().unwrap());
    [figures.next().unwrap(), figures.next().unwrap()]
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_limit_of_open_files_is_raised_and_told_if_it_is_too_low() {
    let mut replica = ScriptedReplica::start("replica-1").await;
    let script = "ulimit -S -n 300 && ulimit -H -n 400 && exec \"$0\" \"$@\"";
    let child = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_postrider-agent")])
        .args(["--control-plane", &replica.url, "--region", "eu-1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let process = child.id();
    let mut stream = replica.welcome_stream().await;
    assert_eq!(open_files_limits(process), [400, 400]);
    assert!(Command::new("kill").arg(process.to_string()).status().unwrap().success());
    while stream.receive().await.is_some() {}
    drop(stream);
    let log = output(child).await.stderr;
    let log = String::from_utf8_lossy(&log);
    let line = log.lines().find(|line| line.contains("may open fewer files")).unwrap_or_default();
    // Connections, four sockets for each look-up, and others.
    assert!(
        line.contains("allowed=400 needed=4608 setting=\"receivers.max_connections\""),
        "{log}"
    );
}

#[tokio::test]
async fn the_filter_of_the_log_is_read_again_at_sighup() {
    let folder = tempfile::tempdir().unwrap();
    let [filter, log, config] =
        ["filter", "log", "agent.toml"].map(|name| folder.path().join(name));
    std::fs::write(&filter, "warn\n").unwrap();
    let setting = format!("[telemetry]\nlog_filter_file = \"{}\"\n", filter.display());
    std::fs::write(&config, setting).unwrap();
    let mut replica = ScriptedReplica::start("replica-1").await;
    let mut child = Command::new(env!("CARGO_BIN_EXE_postrider-agent"))
        .args(["--control-plane", &replica.url, "--region", "eu-1", "--config"])
        .arg(&config)
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let process = child.id().to_string();
    let mut stream = replica.welcome_stream().await;
    assert!(stream.receive().await.is_some(), "it was welcomed");

    std::fs::write(&filter, "info\n").unwrap();
    assert!(Command::new("kill").args(["-HUP", &process]).status().unwrap().success());
    let said = || std::fs::read_to_string(&log).unwrap();
    let read_again = async {
        while !said().contains("the filter of the log was read again") {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(support::TEST_TIMEOUT, read_again).await.unwrap();
    assert!(Command::new("kill").arg(&process).status().unwrap().success());
    while stream.receive().await.is_some() {}
    drop(stream);
    let ended = tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
    assert_eq!(ended.code(), Some(0), "{}", said());
    assert!(said().contains("agent stopped") && !said().contains("agent started"), "{}", said());
}
