//! A value that is built from PEM files, and built again when they change.
//!
//! Fed by the files, which are read every few seconds: what they hold is compared, and not
//! their times, so that links that are swapped (as Kubernetes does with secrets) and files
//! that are written in place are seen alike. Feeds connections, which take the value that
//! is current when they begin. Guarantees that files which cannot be used change nothing:
//! what was in force stays so, one line says what is wrong, and a metric until when.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use parking_lot::RwLock;

use crate::pem_files::{CertificateExpiry, PemContents, PemFiles, TlsMaterial};

/// How often the files are read. A renewed certificate comes days before the old one ends.
const FILE_POLL_INTERVAL: Duration = Duration::from_secs(2);

type Build<T> = dyn Fn(&TlsMaterial) -> anyhow::Result<T> + Send + Sync;

struct ReloadingShared<T> {
    files: PemFiles,
    build: Box<Build<T>>,
    state: RwLock<ReloadingState<T>>,
}

struct ReloadingState<T> {
    value: Arc<T>,
    expiries: Vec<CertificateExpiry>,
    /// Whether the files cannot be used as they are now.
    is_failing: bool,
}

/// Cheap to clone.
pub struct Reloading<T>(Arc<ReloadingShared<T>>);

impl<T> Clone for Reloading<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// What was last found in the files.
struct LastContents {
    used: PemContents,
    /// Found once and not usable: perhaps it is being written.
    suspected: Option<PemContents>,
    /// What was logged as not usable: contents, or the error where they could not be read.
    logged: Option<Result<PemContents, String>>,
}

impl<T: Send + Sync + 'static> Reloading<T> {
    /// Reads the files and builds the first value; an error says what is wrong with which.
    /// Must be called in a runtime, unless no file is named; the files are watched as long as
    /// a clone is left.
    pub fn load(
        files: PemFiles,
        build: impl Fn(&TlsMaterial) -> anyhow::Result<T> + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        let contents = files.read()?;
        let state = built(&files, &build, &contents)?;
        let shared = ReloadingShared { files, build: Box::new(build), state: RwLock::new(state) };
        let shared = Arc::new(shared);
        if shared.files.is_empty() {
            return Ok(Self(shared));
        }
        let weak = Arc::downgrade(&shared);
        tokio::spawn(async move {
            let mut last = LastContents { used: contents, suspected: None, logged: None };
            loop {
                tokio::time::sleep(FILE_POLL_INTERVAL).await;
                let Some(shared) = weak.upgrade() else { return };
                let looked = tokio::task::spawn_blocking(move || {
                    shared.look(&mut last);
                    last
                });
                match looked.await {
                    Ok(looked) => last = looked,
                    // The runtime is stopping.
                    Err(_) => return,
                }
            }
        });
        Ok(Self(shared))
    }

    /// The value of the files as they were last usable.
    pub fn current(&self) -> Arc<T> {
        Arc::clone(&self.0.state.read().value)
    }
}

impl<T: 'static> ReloadingShared<T> {
    /// Compares the files with what they held, and takes what is new.
    fn look(&self, last: &mut LastContents) {
        let contents = match self.files.read() {
            Ok(contents) => contents,
            Err(error) => {
                // A link that is being swapped is there again at the next look.
                let error = format!("{error:#}");
                if last.suspected.replace(PemContents::default()).is_some()
                    && !matches!(&last.logged, Some(Err(logged)) if *logged == error)
                {
                    self.refuse(&error);
                    last.logged = Some(Err(error));
                }
                return;
            }
        };
        if contents == last.used {
            last.suspected = None;
            if last.logged.take().is_some() {
                self.update(|state| state.is_failing = false);
            }
            return;
        }
        match built(&self.files, &self.build, &contents) {
            Ok(state) => {
                self.update(|old| *old = state);
                tracing::info!(files = self.files.described(), "certificates were read again");
                *last = LastContents { used: contents, suspected: None, logged: None };
            }
            Err(error) => {
                let is_new = !matches!(&last.logged, Some(Ok(logged)) if *logged == contents);
                // A certificate and its key cannot be written at one moment.
                if last.suspected.as_ref() != Some(&contents) {
                    last.suspected = Some(contents);
                } else if is_new {
                    self.refuse(&format!("{error:#}"));
                    last.logged = Some(Ok(contents));
                }
            }
        }
    }

    fn refuse(&self, error: &str) {
        tracing::error!(
            %error,
            "certificates that have changed cannot be used; the ones from before stay in force"
        );
        self.update(|state| state.is_failing = true);
    }

    fn update(&self, change: impl FnOnce(&mut ReloadingState<T>)) {
        change(&mut self.state.write());
    }
}

fn built<T: 'static>(
    files: &PemFiles,
    build: &Build<T>,
    contents: &PemContents,
) -> anyhow::Result<ReloadingState<T>> {
    let material = files.parse(contents)?;
    let value = match files.is_empty() {
        true => build(&material)?,
        false => build(&material).with_context(|| files.described())?,
    };
    let expiries = files.expiries(contents)?;
    Ok(ReloadingState { value: Arc::new(value), expiries, is_failing: false })
}

/// What is measured of files that are watched.
pub trait WatchedCertificates: Send + Sync {
    fn expiries(&self) -> Vec<CertificateExpiry>;
    /// The settings of the files, if they cannot be used as they are now.
    fn failing_settings(&self) -> Vec<&'static str>;
}

impl<T: Send + Sync + 'static> WatchedCertificates for Reloading<T> {
    fn expiries(&self) -> Vec<CertificateExpiry> {
        self.0.state.read().expiries.clone()
    }

    fn failing_settings(&self) -> Vec<&'static str> {
        let is_failing = self.0.state.read().is_failing;
        if is_failing { self.0.files.certificate_settings() } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use rcgen::{CertificateParams, KeyPair};

    use super::*;
    use crate::pem_files::PemFile;

    fn write(folder: &Path, name: &str, certificate: &str, key: &str) {
        let folder = folder.join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("tls.crt"), certificate).unwrap();
        fs::write(folder.join("tls.key"), key).unwrap();
    }

    fn issue(year: i32) -> (String, String) {
        let mut params = CertificateParams::new(["one.example".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    /// As Kubernetes does it: `..data` names the folder in force, and is swapped.
    fn swap(folder: &Path, target: &str) {
        let next = folder.join("..next");
        std::os::unix::fs::symlink(target, &next).unwrap();
        fs::rename(next, folder.join("..data")).unwrap();
    }

    fn files(folder: &Path) -> PemFiles {
        let file = |setting, name| PemFile { setting, path: folder.join("..data").join(name) };
        let identity = (file("server.tls_cert", "tls.crt"), file("server.tls_key", "tls.key"));
        PemFiles { identity: Some(identity), authorities: Vec::new() }
    }

    fn load(folder: &Path) -> anyhow::Result<Reloading<Vec<u8>>> {
        Reloading::load(files(folder), |material| {
            crate::config::server_config(material, crate::config::ClientCertificates::Optional)?;
            Ok(material.chain.first().context("no chain")?.to_vec())
        })
    }

    async fn look_again() {
        for _ in 0..2 {
            tokio::time::sleep(FILE_POLL_INTERVAL + Duration::from_millis(100)).await;
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_swapped_is_taken_and_what_is_bad_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (issue(2031), issue(2032));
        write(folder.path(), "..1", &first.0, &first.1);
        swap(folder.path(), "..1");
        let loaded = load(folder.path()).unwrap();
        let before = loaded.current();
        look_again().await;
        assert_eq!(loaded.current(), before);

        // Another's key, no PEM at all, and no file.
        write(folder.path(), "..2", &second.0, &first.1);
        swap(folder.path(), "..2");
        look_again().await;
        assert_eq!(loaded.failing_settings(), ["server.tls_cert"]);
        write(folder.path(), "..3", "nothing", &second.1);
        swap(folder.path(), "..3");
        look_again().await;
        fs::remove_dir_all(folder.path().join("..3")).unwrap();
        look_again().await;
        assert_eq!(loaded.current(), before);
        assert_eq!(loaded.failing_settings(), ["server.tls_cert"]);
        let until = loaded.expiries()[0].not_after;

        write(folder.path(), "..4", &second.0, &second.1);
        swap(folder.path(), "..4");
        look_again().await;
        assert_ne!(loaded.current(), before);
        assert!(loaded.failing_settings().is_empty());
        assert!(loaded.expiries()[0].not_after > until);
    }

    /// Of receivers, several bundles may be given.
    #[tokio::test(start_paused = true)]
    async fn each_of_several_files_of_authorities_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let [(first, _), (second, _), (third, _)] = [2031, 2032, 2033].map(issue);
        let paths = ["a.pem", "b.pem"].map(|name| folder.path().join(name));
        fs::write(&paths[0], &first).unwrap();
        fs::write(&paths[1], &second).unwrap();
        let file = |path| PemFile { setting: "receivers.extra_ca", path };
        let files = PemFiles { identity: None, authorities: paths.clone().map(file).to_vec() };
        let count = |material: &TlsMaterial| Ok(material.authorities.len());
        let loaded = Reloading::load(files, count).unwrap();
        assert_eq!(*loaded.current(), 2);
        let ends = |loaded: &Reloading<usize>| loaded.expiries().iter().map(|e| e.not_after).min();
        let until = ends(&loaded);

        fs::write(&paths[0], second + &third).unwrap();
        look_again().await;
        assert_eq!(*loaded.current(), 3);
        assert!(ends(&loaded) > until, "each file counts with its last");
        fs::remove_file(&paths[1]).unwrap();
        look_again().await;
        assert_eq!(*loaded.current(), 3);
        assert_eq!(loaded.failing_settings()[0], "receivers.extra_ca");
    }

    #[tokio::test]
    async fn a_start_with_bad_files_names_them() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (issue(2031), issue(2032));
        let said = |folder: &Path| format!("{:#}", load(folder).err().unwrap());
        swap(folder.path(), "..1");
        assert!(said(folder.path()).starts_with("server.tls_cert: cannot read "));
        write(folder.path(), "..1", "garbage", &first.1);
        assert!(said(folder.path()).contains("tls.crt: no certificate in PEM"));
        write(folder.path(), "..1", &first.0, "garbage");
        assert!(said(folder.path()).contains("tls.key: no private key in PEM"));
        write(folder.path(), "..1", &first.0, &second.1);
        let mismatch = said(folder.path());
        assert!(mismatch.contains("server.tls_key") && mismatch.contains("together"), "{mismatch}");
    }
}
