//! Where the console stands at the callers' door.
//!
//! Fed by the door with every request; feeds `console` with those of its paths, and the rest of
//! the door with all others as they are. Guarantees that nothing changes where the console is
//! switched off, and that what its pages call goes through all that is around the API.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::{BoxFuture, Either};
use http::{Request, Response};
use tonic::body::Body;
use tower::{Layer, Service};

use super::Console;
use super::calls::DoorService;
use super::serve;
use crate::settings::CONSOLE_PATH;

/// Wraps all that the callers' door serves.
#[derive(Clone)]
pub struct ConsoleLayer {
    /// Absent where it is switched off.
    pub console: Option<Arc<Console>>,
}

impl<S> Layer<S> for ConsoleLayer {
    type Service = ConsoleService<S>;

    fn layer(&self, inner: S) -> ConsoleService<S> {
        ConsoleService { inner, console: self.console.clone() }
    }
}

/// See [`ConsoleLayer`].
#[derive(Clone)]
pub struct ConsoleService<S> {
    inner: S,
    console: Option<Arc<Console>>,
}

impl<S> Service<Request<Body>> for ConsoleService<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<S::Future, BoxFuture<'static, Result<Response<Body>, Infallible>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let console = self.console.as_ref().filter(|_| is_of_console(request.uri().path()));
        let Some(console) = console.map(Arc::clone) else {
            return Either::Left(self.inner.call(request));
        };
        let door = DoorService::new(self.inner.clone());
        Either::Right(Box::pin(async move { Ok(serve::serve(&console, door, request).await) }))
    }
}

fn is_of_console(path: &str) -> bool {
    let rest = path.strip_prefix(CONSOLE_PATH);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_paths_are_the_consoles() {
        for own in ["/console", "/console/", "/console/tenants"] {
            assert!(is_of_console(own), "{own}");
        }
        for other in ["/", "/consoles", "/v1/tenants", "/postrider.v1.TenantService/GetTenant"] {
            assert!(!is_of_console(other), "{other}");
        }
    }
}
