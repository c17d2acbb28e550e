//! Requests over HTTP/1.1 by the hosts that they name.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_without_a_credential_names_a_host_of_the_installation() {
    let mut api = TestApi::with(&[("console.enabled", "true")]).await;
    let door = api.plane.addresses.callers;
    for (path, head, status, reason) in [
        ("/v1/tenants", "host: evil.example", 403, "HOST_NOT_ALLOWED"),
        ("/console/sign-in", "host: evil.example", 403, "HOST_NOT_ALLOWED"),
        ("/v1/tenants", "accept: */*", 400, "MALFORMED_REQUEST"),
        ("/console/sign-in", "host: localhost\r\nhost: localhost", 400, "MALFORMED_REQUEST"),
        (
            "/v1/tenants",
            "host: localhost\r\ntransfer-encoding: gzip, chunked",
            501,
            "MALFORMED_REQUEST",
        ),
    ] {
        let mut stream = TcpStream::connect(door).await.unwrap();
        let body = if status == 501 { "0\r\n\r\n" } else { "" };
        let text = format!("GET {path} HTTP/1.1\r\n{head}\r\n\r\n{body}");
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut told = String::new();
        stream.read_to_string(&mut told).await.unwrap();
        assert!(told.starts_with(&format!("HTTP/1.1 {status} ")), "{head}: {told}");
        assert!(told.contains(reason) && told.contains("x-request-id: "), "{head}: {told}");
    }
    // gRPC is called by whatever name.
    api.tenant("acme").await;
    api.plane.stop().await;
}
