//! A real nginx, in a folder of its own.
//!
//! Fed by a test with files and with what stands in the block `http`; feeds it with the files
//! that nginx writes. Guarantees that nginx listens, and that it has ended when it is dropped.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::TEST_TIMEOUT;

/// Addresses of this machine where nobody listens.
pub fn free_addresses<const COUNT: usize>() -> [SocketAddr; COUNT] {
    let bound: [_; COUNT] =
        std::array::from_fn(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    bound.map(|listener| listener.local_addr().unwrap())
}

pub struct RunningNginx {
    process: Child,
    folder: TempDir,
}

impl RunningNginx {
    /// Starts it in a folder with the files that it reads, and waits until it listens at
    /// `address`.
    pub fn start(folder: TempDir, address: SocketAddr, http: &str) -> Self {
        let configuration = format!(
            "daemon off; master_process off; pid pid; error_log error.log;
events {{ worker_connections 2000; }}
http {{
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
{http}}}
"
        );
        fs::write(folder.path().join("nginx.conf"), configuration).unwrap();
        let process = Command::new("nginx")
            .args(["-c", "nginx.conf", "-e", "error.log", "-p"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx is installed");
        let nginx = Self { process, folder };
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            let log = nginx.file("error.log");
            assert!(began.elapsed() < TEST_TIMEOUT, "nginx does not listen: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
        nginx
    }

    /// The text of a file in its folder; empty where there is none.
    pub fn file(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }
}

impl Drop for RunningNginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
