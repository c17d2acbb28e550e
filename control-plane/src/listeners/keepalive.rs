//! Whether the other end of a connection is still there.
//!
//! Fed by `accept` with each socket; feeds the kernel with how it is to ask. Guarantees that a
//! connection ends whose other end has vanished without a word, once that has taken nothing for
//! `connections.write_timeout_seconds`. HTTP/2 asks by itself; over HTTP/1.1 a watch that has
//! nothing to show would stay for as long as a connection may.

use std::io;
use std::time::Duration;

use rustix::net::sockopt;
use tokio::net::TcpStream;

/// After so long without a byte from the other end it is asked.
const MAX_SILENCE: Duration = Duration::from_secs(15);
/// It is asked again after so long without an answer.
const QUESTION_INTERVAL: Duration = Duration::from_secs(10);

/// Has the kernel ask, and give the connection up after this time without an answer.
pub(super) fn watch(stream: &TcpStream, write_timeout: Duration) -> io::Result<()> {
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, MAX_SILENCE)?;
    sockopt::set_tcp_keepintvl(stream, QUESTION_INTERVAL)?;
    give_up_after(stream, write_timeout)
}

/// Here it counts for what was sent too: nothing is asked while an answer to that is missing.
#[cfg(target_os = "linux")]
fn give_up_after(stream: &TcpStream, write_timeout: Duration) -> io::Result<()> {
    let milliseconds = u32::try_from(write_timeout.as_millis()).unwrap_or(u32::MAX);
    Ok(sockopt::set_tcp_user_timeout(stream, milliseconds)?)
}

#[cfg(not(target_os = "linux"))]
fn give_up_after(stream: &TcpStream, write_timeout: Duration) -> io::Result<()> {
    let questions = write_timeout.as_secs() / QUESTION_INTERVAL.as_secs();
    let questions = u32::try_from(questions).unwrap_or(u32::MAX).max(1);
    Ok(sockopt::set_tcp_keepcnt(stream, questions)?)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn the_kernel_asks() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        assert!(!sockopt::socket_keepalive(&stream).unwrap());
        watch(&stream, Duration::from_secs(60)).unwrap();
        assert!(sockopt::socket_keepalive(&stream).unwrap());
        assert_eq!(sockopt::tcp_keepidle(&stream).unwrap(), MAX_SILENCE);
        assert_eq!(sockopt::tcp_keepintvl(&stream).unwrap(), QUESTION_INTERVAL);
        #[cfg(target_os = "linux")]
        assert_eq!(sockopt::tcp_user_timeout(&stream).unwrap(), 60_000);
    }
}
