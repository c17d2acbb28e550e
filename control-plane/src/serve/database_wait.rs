//! Waits at the start for a database that is not there yet.
//!
//! Fed by the settings; feeds the log, and probes meanwhile. Guarantees that settings which
//! cannot work end the start at once, that who waits is alive and not ready and lets nobody
//! in, and that the wait ends. It connects and does nothing else, so it may be given up at
//! any moment.
//!
//! Keeps the invariant `health-tells-the-truth`.

use std::time::Duration;

use anyhow::Context as _;
use postrider_store::StoreError;
use postrider_telemetry::metrics::MetricRegistry;
use postrider_telemetry::{HealthProbes, serve_metrics};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::{doors, metrics_port};
use crate::settings::Settings;

/// A server that restarts takes new sessions within a few of these, which double …
const FIRST_RETRY_PAUSE: Duration = Duration::from_millis(100);
/// … up to what a person who looks at a start does not mind.
const MAX_RETRY_PAUSE: Duration = Duration::from_secs(5);

/// Returns once the database lets somebody in. Whoever probes meanwhile is answered.
pub async fn wait_to_serve(settings: &Settings) -> anyhow::Result<()> {
    let Some(error) = find_unavailability(settings).await? else {
        return Ok(());
    };
    // What else is wrong with the settings is told now and not after the wait.
    settings.keys.load()?;
    drop(Box::pin(doors::open(settings)).await?);
    let stop = CancellationToken::new();
    let probed = answer_probes(settings, stop.clone()).await?;
    let waited = wait(settings, error).await;
    stop.cancel();
    if let Some(server) = probed {
        // The port is free once it has ended; a panic in it has been printed already.
        let _ = server.await;
    }
    waited
}

/// As [`wait_to_serve`], for a command that nobody probes.
pub async fn wait_for_database(settings: &Settings) -> anyhow::Result<()> {
    match find_unavailability(settings).await? {
        Some(error) => wait(settings, error).await,
        None => Ok(()),
    }
}

/// Why the database lets nobody in, if that may pass.
async fn find_unavailability(settings: &Settings) -> anyhow::Result<Option<StoreError>> {
    match postrider_store::check_reachable(&settings.database_url()).await {
        Ok(()) => Ok(None),
        Err(error) if error.is_transient() => Ok(Some(error)),
        Err(error) => Err(error).with_context(|| {
            format!("{}: cannot open the database", settings.database_setting_with_place())
        }),
    }
}

async fn wait(settings: &Settings, mut error: StoreError) -> anyhow::Result<()> {
    let (begun, limit) = (Instant::now(), settings.database.start_timeout());
    if !limit.is_zero() {
        let seconds = limit.as_secs();
        tracing::warn!(%error, seconds, "the database is not there; waiting for it");
    }
    for failures in 1.. {
        let left = limit.saturating_sub(begun.elapsed());
        if left.is_zero() {
            break;
        }
        sleep(retry_pause(failures, rand::random()).min(left)).await;
        match find_unavailability(settings).await? {
            Some(found) => error = found,
            None => {
                tracing::info!(seconds = begun.elapsed().as_secs(), "the database is there");
                return Ok(());
            }
        }
        tracing::debug!(%error, failures, "the database is still not there");
    }
    Err(error).with_context(|| {
        let (name, seconds) = (settings.database_setting_with_place(), limit.as_secs());
        format!("{name}: cannot open the database in {seconds} s (database.start_timeout_seconds)")
    })
}

/// Between half of a limit that doubles and all of it, so that replicas that wait together do
/// not come together.
fn retry_pause(failures: u32, random: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let limit = (FIRST_RETRY_PAUSE * 2_u32.pow(doublings)).min(MAX_RETRY_PAUSE);
    limit.mul_f64(0.5 + f64::from(random) / f64::from(u32::MAX) / 2.0)
}

/// Says that this process is alive and not ready, where it is asked. There is nothing to
/// measure yet: counters at zero would be mistaken for a replica's.
async fn answer_probes(
    settings: &Settings,
    stop: CancellationToken,
) -> anyhow::Result<Option<AbortOnDropHandle<()>>> {
    let Some(listener) = metrics_port::listen(settings).await? else {
        return Ok(None);
    };
    let probes = HealthProbes::default();
    probes.set_live(true);
    let server = serve_metrics(listener, MetricRegistry::unread(), probes, stop);
    Ok(Some(AbortOnDropHandle::new(tokio::spawn(server))))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::timeout;

    use super::*;

    const SOON_LIMIT: Duration = Duration::from_secs(20);
    /// `AuthenticationOk`, `ReadyForQuery`.
    const WELCOME_MESSAGES: &[u8] = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
    /// The answer of one row, `off`, with which a server says that it can be written to:
    /// `RowDescription` of a text, `DataRow`, `CommandComplete`, `ReadyForQuery`.
    const OFF_MESSAGES: &[u8] =
        b"T\0\0\0\x1a\0\x01x\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0\
        D\0\0\0\x0d\0\x01\0\0\0\x03offC\0\0\0\x09SHOW\0Z\0\0\0\x05I";

    /// PostgreSQL's `ErrorResponse`.
    fn error_response(code: &str, message: &str) -> Vec<u8> {
        let fields = format!("SFATAL\0VFATAL\0C{code}\0M{message}\0\0");
        let length = u32::try_from(fields.len() + 4).unwrap();
        [&b"E"[..], &length.to_be_bytes(), fields.as_bytes()].concat()
    }

    /// A server that answers every start of a session with an error until it is up.
    async fn server(code: &'static str, is_up: Arc<AtomicBool>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (mut session, _) = listener.accept().await.unwrap();
                let mut startup = [0; 1024];
                let _ = session.read(&mut startup).await;
                if !is_up.load(Ordering::Relaxed) {
                    let _ = session.write_all(&error_response(code, "not now")).await;
                    continue;
                }
                let _ = session.write_all(WELCOME_MESSAGES).await;
                let _ = session.read(&mut startup).await;
                let _ = session.write_all(OFF_MESSAGES).await;
            }
        });
        format!("postgres://me:secret@127.0.0.1:{port}/x?sslmode=disable")
    }

    async fn free_port() -> u16 {
        TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
    }

    fn settings(url: &str, more: &[(&str, &str)]) -> Settings {
        let all = [
            ("database.url", url),
            ("server.listen", "127.0.0.1:0"),
            ("agents.listen", "127.0.0.1:0"),
            ("replicas.listen", "127.0.0.1:0"),
            ("server.metrics_listen", ""),
        ];
        let flags = all.iter().chain(more).map(|(name, value)| (*name, (*value).to_owned()));
        Settings::load(None, &flags.collect::<Vec<_>>()).unwrap()
    }

    async fn said(settings: &Settings) -> String {
        let waited = timeout(SOON_LIMIT, wait_to_serve(settings)).await.unwrap();
        format!("{:#}", waited.unwrap_err())
    }

    /// The status with which a path is answered; 0 while nobody listens.
    async fn status(port: u16, path: &str) -> u16 {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else { return 0 };
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }

    #[tokio::test]
    async fn a_server_that_starts_is_waited_for_alive_and_not_ready() {
        let is_up = Arc::new(AtomicBool::new(false));
        let url = server("57P03", Arc::clone(&is_up)).await;
        let port = free_port().await;
        let listen = format!("127.0.0.1:{port}");
        let settings = settings(&url, &[("server.metrics_listen", listen.as_str())]);
        let probing = async {
            while status(port, "/livez").await != 200 {
                sleep(Duration::from_millis(10)).await;
            }
            assert_eq!(status(port, "/readyz").await, 503);
            is_up.store(true, Ordering::Relaxed);
        };
        let both = async { tokio::join!(wait_to_serve(&settings), probing).0 };
        timeout(SOON_LIMIT, both).await.unwrap().unwrap();
        TcpListener::bind(&listen).await.unwrap();
        wait_to_serve(&settings).await.unwrap();
    }

    #[tokio::test]
    async fn what_waiting_does_not_mend_is_told_at_once() {
        let never = Arc::new(AtomicBool::new(false));
        for code in ["28P01", "28000", "3D000"] {
            let said = said(&settings(&server(code, Arc::clone(&never)).await, &[])).await;
            assert!(said.starts_with("database.url"), "{said}");
            assert!(said.contains("not now") && said.contains(code), "{said}");
        }
        let said_of_url = said(&settings("postgres://me:secret@[", &[])).await;
        assert!(said_of_url.contains("cannot be read"), "{said_of_url}");
        assert!(!said_of_url.contains("secret"), "{said_of_url}");
        // Another setting, while the database is away.
        let url = server("57P03", never).await;
        let files = [("server.tls_cert", "/no/such/file"), ("server.tls_key", "/no/such/file")];
        let said_of_files = said(&settings(&url, &files)).await;
        assert!(said_of_files.contains("server.tls_cert"), "{said_of_files}");
    }

    #[tokio::test]
    async fn a_wait_ends() {
        let port = free_port().await;
        let url = format!("postgres://me:secret@127.0.0.1:{port}/x");
        for seconds in ["0", "1"] {
            let settings = settings(&url, &[("database.start_timeout_seconds", seconds)]);
            let said = said(&settings).await;
            let words = format!("in {seconds} s (database.start_timeout_seconds)");
            assert!(said.contains(&words) && !said.contains("secret"), "{said}");
        }
    }

    #[test]
    fn pauses_grow_and_are_bounded() {
        assert_eq!(retry_pause(1, 0), FIRST_RETRY_PAUSE / 2);
        assert_eq!(retry_pause(2, u32::MAX), FIRST_RETRY_PAUSE * 2);
        for failures in [7, 8, 100, u32::MAX] {
            assert_eq!(retry_pause(failures, u32::MAX), MAX_RETRY_PAUSE);
        }
    }
}
