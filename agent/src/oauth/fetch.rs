//! Fetches an access token.
//!
//! Fed by `keeper`; feeds it tokens. Guarantees that the token server's address was judged,
//! that no redirection is followed, and that an answer is bounded.

use std::time::{Duration, Instant, SystemTime};

use http_body_util::{BodyExt as _, Limited};
use postrider_webhook_request::UserAgent;
use tokio::time::timeout;

use super::token::{AccessToken, TokenError};
use super::token_client::{TokenClient, TokenRequest};
use crate::client::destination_connections::ConnectionReuse;
use crate::client::dial::DialProgress;
use crate::client::pool::ConnectionRequest;
use crate::client::{SendFailureKind, WebhookClient};
use crate::response::announced_keep_alive;

/// The longest that a fetch may take: less than an attempt has by default (15 s), so that
/// who waits for it learns why there is no token.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes of an answer: a token of the largest size, and what is around it.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// A kept connection may have been closed by the server meanwhile: then the request goes
/// over another, and in the end over a new one.
const MAX_TRIES: u32 = 3;

/// Fetches a token of `client`, whose assertions are signed at `now`.
pub async fn fetch_token(
    http: &WebhookClient,
    client: &TokenClient,
    user_agent: &UserAgent,
    now: SystemTime,
) -> Result<AccessToken, TokenError> {
    match timeout(FETCH_TIMEOUT, exchange(http, client, user_agent, now)).await {
        Ok(fetched) => fetched,
        Err(_) => {
            Err(TokenError(format!("the token server did not answer within {FETCH_TIMEOUT:?}")))
        }
    }
}

async fn exchange(
    http: &WebhookClient,
    client: &TokenClient,
    user_agent: &UserAgent,
    now: SystemTime,
) -> Result<AccessToken, TokenError> {
    let destination = &client.destination;
    let (addresses, _) = http.resolve(&destination.origin, &destination.tenant).await;
    let addresses = addresses.map_err(token_error)?;
    let progress = DialProgress::default();
    let mut reuse = ConnectionReuse::Any;
    for number in 1..=MAX_TRIES {
        let wanted = ConnectionRequest { reuse, progress: &progress };
        let connection = http.acquire_connection(destination, &addresses, wanted).await;
        let mut connection = connection.map_err(token_error)?;
        let request = client.token_request(connection.version(), user_agent, now);
        let TokenRequest { post, echoes } = request.map_err(token_error)?;
        let asked = Instant::now();
        let response = match connection.send(post).await {
            Ok(response) => response,
            Err(error) if error.kind != SendFailureKind::MaybeProcessed && number < MAX_TRIES => {
                reuse = ConnectionReuse::Never;
                continue;
            }
            Err(error) => return Err(token_error(error.cause)),
        };
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await.map_err(|_| {
            let words = "the token server's answer ended early, or is too large";
            TokenError(words.to_owned())
        })?;
        http.give_back(connection, announced_keep_alive(&head.headers));
        return AccessToken::from_answer(head.status, &body.to_bytes(), &echoes, asked);
    }
    Err(TokenError("the token server closes every connection".to_owned()))
}

fn token_error(error: impl std::fmt::Display) -> TokenError {
    TokenError(error.to_string())
}
