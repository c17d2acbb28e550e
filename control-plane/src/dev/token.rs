//! The demo's token, and calls that carry it.
//!
//! Fed by the data directory; feeds the control plane with the file of its first token, the
//! demo's own calls with a header, and the terminal with what to paste.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use postrider_identity::TokenText;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

/// A channel whose calls carry the demo's token.
pub type DemoChannel = InterceptedService<Channel, DemoToken>;

/// Puts the token into a call's headers.
#[derive(Clone)]
pub struct DemoToken(MetadataValue<Ascii>);

impl Interceptor for DemoToken {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// Connects, and calls as who presents a token.
pub async fn connect(url: String, token: &str) -> anyhow::Result<DemoChannel> {
    let mut header: MetadataValue<Ascii> = format!("Bearer {token}").parse()?;
    header.set_sensitive(true);
    let channel = Endpoint::from_shared(url)?.connect().await?;
    Ok(InterceptedService::new(channel, DemoToken(header)))
}

/// The demo's token, drawn at the first start and kept beside the database.
pub fn load_or_create(path: &Path) -> anyhow::Result<String> {
    match std::fs::read_to_string(path) {
        Ok(token) => Ok(token.trim().to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let token = TokenText::new(rand::random(), &rand::random());
            let mut options = std::fs::OpenOptions::new();
            let file = options.write(true).create_new(true).mode(0o600).open(path);
            let mut file = file.with_context(|| format!("writing {}", path.display()))?;
            file.write_all(token.reveal().as_bytes())?;
            Ok(token.reveal().to_owned())
        }
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}
