//! Clients over HTTP/1.1 that go away in the middle of something.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

const STREAM_PATH: &str = "/v1/tenants/acme/events:publishStream";
/// In which a connection's end is noticed.
const NOTICE_LIMIT: Duration = Duration::from_secs(10);

/// Sends what may be less than a request, and keeps the connection.
async fn sent(door: SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(door).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// Reads until the answer has this.
async fn read_until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut answer = String::new();
    let reading = async {
        while !answer.contains(wanted) {
            let mut part = [0; 4096];
            let bytes = stream.read(&mut part).await.unwrap();
            assert!(bytes > 0, "it ended after {answer}");
            answer.push_str(std::str::from_utf8(&part[..bytes]).unwrap());
        }
    };
    tokio::time::timeout(NOTICE_LIMIT, reading).await.unwrap();
    answer
}

/// The head of a POST of JSON, with one more header.
fn post(path: &str, media_type: &str, header: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {media_type}\r\n{header}\r\n\r\n"
    )
}

fn line(number: u32) -> String {
    let event = r#"{"eventType":"payment.completed","data":1}"#;
    format!(r#"{{"requestId":"{number}","publish":{{"event":{event}}}}}"#)
}

async fn event_count(api: &mut TestApi) -> usize {
    let list = v1::ListEventsRequest { parent: "tenants/acme".into(), ..Default::default() };
    api.events.list_events(list).await.unwrap().into_inner().events.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_whose_client_goes_away_gives_its_place_back() {
    let mut api = TestApi::with(&[("api.max_watchers", "1")]).await;
    api.tenant("acme").await;
    let door = api.plane.addresses.callers;
    let watch =
        "GET /v1/tenants/acme/attempts:watch?sendProgress=true HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut first = sent(door, watch).await;
    read_until(&mut first, "resumeToken").await;
    let mut second = sent(door, watch).await;
    read_until(&mut second, "TOO_MANY_WATCHES").await;
    drop(first);
    let has_place = async {
        loop {
            let mut next = sent(door, watch).await;
            if read_until(&mut next, "\"").await.starts_with("HTTP/1.1 200 ") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(NOTICE_LIMIT, has_place).await.unwrap();
    api.plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_broke_off_is_not_published() {
    let mut api = TestApi::start().await;
    api.tenant("acme").await;
    let door = api.plane.addresses.callers;
    // One line is whole. The other one lacks its end, and so may lack more than that.
    let lines = format!("{}\n{}", line(1), line(2));
    let head = post(STREAM_PATH, "application/x-ndjson", "transfer-encoding: chunked");
    let mut stream = sent(door, &format!("{head}{:x}\r\n{lines}\r\n", lines.len())).await;
    read_until(&mut stream, "evt_").await;
    drop(stream);
    // A batch and an event of which bytes are missing, though the JSON is whole.
    let batch = format!("{}\n", r#"{"event":{"eventType":"payment.completed","data":2}}"#);
    for (path, media_type) in [
        ("/v1/tenants/acme/events:publishBatch", "application/x-ndjson"),
        ("/v1/tenants/acme/events:publish", "application/json"),
    ] {
        let head = post(path, media_type, &format!("content-length: {}", batch.len() + 1));
        let mut broken = sent(door, &format!("{head}{batch}")).await;
        broken.shutdown().await.unwrap();
        let said = read_until(&mut broken, "MALFORMED_REQUEST").await;
        assert!(said.starts_with("HTTP/1.1 400 "), "{said}");
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(event_count(&mut api).await, 1);
    api.plane.stop().await;
}
