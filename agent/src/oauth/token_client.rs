//! A client of a token server, and the request by which it asks for a token.
//!
//! Fed by a subscription's settings; feeds `fetch`. The request is that of RFC 6749, section
//! 4.4.2.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, Version};
use http_body_util::Full;
use postrider_proto::agent::v1 as wire;
use postrider_proto::agent::v1::oauth_client::ClientAuthentication;
use postrider_webhook_request::{EchoMask, UserAgent, WebhookRequest, WebhookTarget, basic_value};
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::assertion::AssertionSigner;
use crate::client::destination::{Destination, DestinationRole, TlsCredentials};

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How the client proves who it is.
enum ClientProof {
    /// In the header `authorization`.
    Header(HeaderValue),
    /// In the body.
    Secret(Zeroizing<String>),
    Assertion(Box<AssertionSigner>),
}

/// A client of a token server.
pub struct TokenClient {
    /// The token server, as this client reaches it. Tokens are kept by it.
    pub destination: Arc<Destination>,
    /// What errors are not to show.
    pub secrets: EchoMask,
    target: WebhookTarget,
    token_url: String,
    client_id: String,
    scope: String,
    audience: String,
    proof: ClientProof,
}

impl fmt::Debug for TokenClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenClient").field("token_url", &self.token_url).finish_non_exhaustive()
    }
}

impl TokenClient {
    /// Reads the settings of a client whose subscription has these credentials.
    pub fn from_wire(
        client: &wire::OauthClient,
        tenant: Arc<str>,
        credentials: Arc<TlsCredentials>,
    ) -> anyhow::Result<Self> {
        let target = WebhookTarget::parse(&client.token_url, client.allow_insecure_url)
            .context("the token URL")?;
        let (proof, secret) = match &client.client_authentication {
            Some(ClientAuthentication::ClientSecretBasic(secret)) => {
                (ClientProof::Header(client_header(&client.client_id, secret)?), secret.as_str())
            }
            Some(ClientAuthentication::ClientSecretPost(secret)) => {
                (ClientProof::Secret(Zeroizing::new(secret.clone())), secret.as_str())
            }
            Some(ClientAuthentication::AssertionKey(key)) => {
                let signer = AssertionSigner::from_wire(key).context("the assertion key")?;
                (ClientProof::Assertion(Box::new(signer)), "")
            }
            None => bail!("the client has no secret and no key"),
        };
        let destination = Destination {
            origin: Arc::clone(&target.origin),
            tenant,
            role: DestinationRole::TokenServer,
            http1_only: false,
            credentials,
        };
        Ok(Self {
            destination: Arc::new(destination),
            secrets: EchoMask::of_secrets([secret.as_bytes()]),
            target,
            token_url: client.token_url.clone(),
            client_id: client.client_id.clone(),
            scope: client.scope.clone(),
            audience: client.audience.clone(),
            proof,
        })
    }

    /// The request for a token, for a connection of `version`.
    pub fn token_request(
        &self,
        version: Version,
        user_agent: &UserAgent,
        now: SystemTime,
    ) -> anyhow::Result<WebhookRequest> {
        let body = Bytes::from(self.form(now)?);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, FORM);
        headers.insert(ACCEPT, JSON);
        user_agent.write(&mut headers);
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        if let ClientProof::Header(value) = &self.proof {
            headers.insert(AUTHORIZATION, value.clone());
        }
        let uri = if version == Version::HTTP_2 {
            self.target.absolute.clone()
        } else {
            headers.insert(HOST, self.target.host_header.clone());
            self.target.path.clone()
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.version_mut() = version;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok(request)
    }

    fn form(&self, now: SystemTime) -> anyhow::Result<String> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        for (name, value) in [("scope", &self.scope), ("audience", &self.audience)] {
            if !value.is_empty() {
                form.append_pair(name, value);
            }
        }
        match &self.proof {
            ClientProof::Header(_) => {}
            ClientProof::Secret(secret) => {
                form.append_pair("client_id", &self.client_id);
                form.append_pair("client_secret", secret);
            }
            ClientProof::Assertion(signer) => {
                let assertion = signer.sign(&self.client_id, &self.token_url, now)?;
                form.append_pair("client_id", &self.client_id);
                form.append_pair("client_assertion_type", ASSERTION_TYPE);
                form.append_pair("client_assertion", &assertion);
            }
        }
        Ok(form.finish())
    }
}

/// Both are encoded as in a form first (RFC 6749, section 2.3.1).
fn client_header(id: &str, secret: &str) -> anyhow::Result<HeaderValue> {
    let encode = |text: &str| {
        Zeroizing::new(form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>())
    };
    Ok(basic_value(&encode(id), &encode(secret))?)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    fn client(url: &str, proof: ClientAuthentication) -> anyhow::Result<TokenClient> {
        let client = wire::OauthClient {
            token_url: url.to_owned(),
            allow_insecure_url: true,
            client_id: "acme:1".to_owned(),
            scope: "hooks other".to_owned(),
            audience: String::new(),
            client_authentication: Some(proof),
        };
        TokenClient::from_wire(&client, "acme".into(), Arc::default())
    }

    async fn parts(client: &TokenClient, version: Version) -> (HeaderMap, String) {
        let user_agent: UserAgent = "Bank-Webhooks/1.2".parse().unwrap();
        let request = client.token_request(version, &user_agent, SystemTime::now()).unwrap();
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    const URL: &str = "https://id.example/token";

    #[tokio::test]
    async fn a_secret_stands_in_the_header_or_in_the_body() {
        let basic = ClientAuthentication::ClientSecretBasic("a b+c".to_owned());
        let (headers, body) = parts(&client(URL, basic).unwrap(), Version::HTTP_11).await;
        // acme%3A1:a+b%2Bc
        assert_eq!(headers["authorization"], "Basic YWNtZSUzQTE6YStiJTJCYw==");
        assert_eq!(headers["host"], "id.example");
        assert_eq!(headers["user-agent"], "Bank-Webhooks/1.2");
        assert_eq!(body, "grant_type=client_credentials&scope=hooks+other");
        let post = ClientAuthentication::ClientSecretPost("a b+c".to_owned());
        let (headers, body) = parts(&client(URL, post).unwrap(), Version::HTTP_2).await;
        assert!(!headers.contains_key("authorization") && !headers.contains_key("host"));
        assert!(body.ends_with("&client_id=acme%3A1&client_secret=a+b%2Bc"), "{body}");
    }

    #[test]
    fn a_client_that_cannot_be_used_says_why() {
        let basic = || ClientAuthentication::ClientSecretBasic("hush".to_owned());
        let error = client("ftp://id.example/", basic()).unwrap_err();
        assert!(format!("{error:#}").contains("the token URL"), "{error:#}");
        let key = ClientAuthentication::AssertionKey(wire::AssertionKey::default());
        let error = client(URL, key).unwrap_err();
        assert!(format!("{error:#}").contains("the assertion key"), "{error:#}");
        let shown = format!("{:?}", client(URL, basic()).unwrap());
        assert!(!shown.contains("hush"), "{shown}");
    }
}
