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
    /// In the header `authorization`, with the secret that it is made of.
    Header(HeaderValue, Zeroizing<String>),
    /// In the body.
    Secret(Zeroizing<String>),
    Assertion(Box<AssertionSigner>),
}

/// A request for a token.
pub struct TokenRequest {
    pub post: WebhookRequest,
    /// What it proves the client with, as it stands there: the words of a refusal are not to
    /// show it.
    pub echoes: EchoMask,
}

/// A client of a token server.
pub struct TokenClient {
    /// The token server, as this client reaches it. Tokens are kept by it.
    pub destination: Arc<Destination>,
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
        let proof = match &client.client_authentication {
            Some(ClientAuthentication::ClientSecretBasic(secret)) => {
                let header = client_header(&client.client_id, secret)?;
                ClientProof::Header(header, Zeroizing::new(secret.clone()))
            }
            Some(ClientAuthentication::ClientSecretPost(secret)) => {
                ClientProof::Secret(Zeroizing::new(secret.clone()))
            }
            Some(ClientAuthentication::AssertionKey(key)) => {
                let signer = AssertionSigner::from_wire(key).context("the assertion key")?;
                ClientProof::Assertion(Box::new(signer))
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
    ) -> anyhow::Result<TokenRequest> {
        let (form, echoes) = self.form(now)?;
        let body = Bytes::from(form);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, FORM);
        headers.insert(ACCEPT, JSON);
        user_agent.write(&mut headers);
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        if let ClientProof::Header(value, _) = &self.proof {
            headers.insert(AUTHORIZATION, value.clone());
        }
        let uri = if version == Version::HTTP_2 {
            self.target.absolute.clone()
        } else {
            headers.insert(HOST, self.target.host_header.clone());
            self.target.path.clone()
        };
        let mut post = Request::new(Full::new(body));
        *post.method_mut() = Method::POST;
        *post.version_mut() = version;
        *post.uri_mut() = uri;
        *post.headers_mut() = headers;
        Ok(TokenRequest { post, echoes })
    }

    /// The body, and what the whole request proves the client with.
    fn form(&self, now: SystemTime) -> anyhow::Result<(String, EchoMask)> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        for (name, value) in [("scope", &self.scope), ("audience", &self.audience)] {
            if !value.is_empty() {
                form.append_pair(name, value);
            }
        }
        let echoes = match &self.proof {
            ClientProof::Header(value, secret) => {
                // Without the scheme.
                let both = value.as_bytes().get(b"Basic ".len()..).unwrap_or_default();
                let encoded = form_encoded(secret);
                EchoMask::of_secrets([secret.as_bytes(), encoded.as_bytes(), both])
            }
            ClientProof::Secret(secret) => {
                form.append_pair("client_id", &self.client_id);
                form.append_pair("client_secret", secret);
                EchoMask::of_secrets([secret.as_bytes(), form_encoded(secret).as_bytes()])
            }
            ClientProof::Assertion(signer) => {
                let assertion = signer.sign(&self.client_id, &self.token_url, now)?;
                form.append_pair("client_id", &self.client_id);
                form.append_pair("client_assertion_type", ASSERTION_TYPE);
                form.append_pair("client_assertion", &assertion);
                EchoMask::of_secrets([assertion.as_bytes()])
            }
        };
        Ok((form.finish(), echoes))
    }
}

/// Both are encoded as in a form first (RFC 6749, section 2.3.1).
fn client_header(id: &str, secret: &str) -> anyhow::Result<HeaderValue> {
    Ok(basic_value(&form_encoded(id), &form_encoded(secret))?)
}

fn form_encoded(text: &str) -> Zeroizing<String> {
    Zeroizing::new(form_urlencoded::byte_serialize(text.as_bytes()).collect())
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
            audience: "https://hooks.example/".to_owned(),
            client_authentication: Some(proof),
        };
        TokenClient::from_wire(&client, "acme".into(), Arc::default())
    }

    async fn parts(client: &TokenClient, version: Version) -> (HeaderMap, String) {
        let user_agent: UserAgent = "Bank-Webhooks/1.2".parse().unwrap();
        let request = client.token_request(version, &user_agent, SystemTime::now()).unwrap();
        let (head, body) = request.post.into_parts();
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
        let asked = "grant_type=client_credentials&scope=hooks+other\
                     &audience=https%3A%2F%2Fhooks.example%2F";
        assert_eq!(body, asked);
        let post = ClientAuthentication::ClientSecretPost("a b+c".to_owned());
        let (headers, body) = parts(&client(URL, post).unwrap(), Version::HTTP_2).await;
        assert!(!headers.contains_key("authorization") && !headers.contains_key("host"));
        assert!(body.ends_with("&client_id=acme%3A1&client_secret=a+b%2Bc"), "{body}");
    }

    /// Some servers say in their refusal what they were sent.
    #[tokio::test]
    async fn an_echo_of_the_proof_is_masked() {
        let secret = || "SECRET b+c".to_owned();
        let key = rcgen::KeyPair::generate().unwrap();
        let key = ClientAuthentication::AssertionKey(wire::AssertionKey {
            private_key: key.serialize_pem().into_bytes().into(),
            algorithm: "ES256".to_owned(),
            key_id: "key-1".to_owned(),
        });
        let user_agent: UserAgent = "Bank".parse().unwrap();
        for (proof, plain) in [
            (ClientAuthentication::ClientSecretBasic(secret()), secret()),
            (ClientAuthentication::ClientSecretPost(secret()), secret()),
            (key, String::new()),
        ] {
            let client = client(URL, proof).unwrap();
            let asked = client.token_request(Version::HTTP_2, &user_agent, SystemTime::now());
            let TokenRequest { post, echoes } = asked.unwrap();
            let (head, body) = post.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let body = String::from_utf8(body.to_vec()).unwrap();
            let header = head.headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap());
            let shown = echoes.mask_words(format!("not {plain}, {header:?} and {body}"));
            for part in ["SECRET", "U0VDUkVU", "ey"] {
                assert!(!shown.contains(part), "{shown}");
            }
            assert!(shown.contains("grant_type=client_credentials"), "{shown}");
        }
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
