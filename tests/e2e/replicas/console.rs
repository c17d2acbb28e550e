//! Somebody who is signed in at the web console, whichever replica answers.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use postrider_proto::v1::{CreateTokenRequest, Grant, RevokeTokenRequest, Role, Token};
use postrider_tests::cluster::Description;
use postrider_tests::json_api::{JSON_BODY, JsonApi};
use postrider_tests::token::TEST_TOKEN;

use super::two_replicas_that;

/// Links of portals begin with the address; the tests follow them at one replica or the other.
const CONSOLE: &str = "[console]
enabled = true
public_url = \"https://hooks.bank.example\"
";
const SESSION: &str = "__Host-postrider-session";
const VISITOR: &str = "__Host-postrider-visitor";
const FORM: &str = "application/x-www-form-urlencoded";

/// A browser with one cookie for the session and one for what it is before.
#[derive(Default)]
struct Browser {
    cookies: Vec<(String, String)>,
}

impl Browser {
    async fn get(&mut self, replica: &JsonApi, path: &str) -> Response<Bytes> {
        self.send(replica, "GET", path, "").await
    }

    async fn send(
        &mut self,
        replica: &JsonApi,
        method: &str,
        path: &str,
        form: &str,
    ) -> Response<Bytes> {
        let cookies: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(CONTENT_TYPE, FORM)
            .header(COOKIE, cookies.join("; "))
            .body(Full::new(Bytes::from(form.to_owned())));
        let answer = replica.exchange(request.unwrap()).await.unwrap();
        for set in answer.headers().get_all(SET_COOKIE) {
            let pair = set.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }

    fn has(&self, cookie: &str) -> bool {
        self.cookies.iter().any(|(name, _)| name == cookie)
    }

    /// Is shown the form by one replica, and sends it to another.
    async fn sign_in(&mut self, shown: &JsonApi, sent: &JsonApi, token: &str) {
        let form_token = form_token(&self.get(shown, "/console/sign-in").await);
        assert!(self.has(VISITOR));
        let form = format!("form_token={form_token}&token={token}");
        let answer = self.send(sent, "POST", "/console/sign-in", &form).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{}", text(&answer));
        assert!(self.has(SESSION) && !self.has(VISITOR));
    }
}

fn text(answer: &Response<Bytes>) -> String {
    String::from_utf8(answer.body().to_vec()).unwrap()
}

/// The token of the page's first form.
fn form_token(page: &Response<Bytes>) -> String {
    assert_eq!(page.status(), StatusCode::OK, "{}", text(page));
    let text = text(page);
    let (_, rest) = text.split_once("name=\"form_token\" value=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

fn assert_signed_out(answer: &Response<Bytes>) {
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{}", text(answer));
    let location = answer.headers()[LOCATION].to_str().unwrap();
    assert!(location.starts_with("/console/sign-in"), "{location}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_good_at_either_replica_on_postgres() {
    let description = Description { settings: CONSOLE.to_owned(), ..Description::default() };
    let cluster = two_replicas_that(description).await;
    let (here, there) =
        (JsonApi::of_replica(&cluster, 0).unwrap(), JsonApi::of_replica(&cluster, 1).unwrap());
    let mut api = cluster.api_of(0).unwrap();
    api.create_tenant("acme").await.unwrap();

    let mut browser = Browser::default();
    browser.sign_in(&here, &there, TEST_TOKEN).await;
    let session = browser.cookies.clone();
    let mut forms = Vec::new();
    for replica in [&here, &there] {
        let page = browser.get(replica, "/console/overview").await;
        forms.push(form_token(&page));
        assert!(text(&page).contains("<h1>Overview</h1>"));
    }
    assert_eq!(forms[0], forms[1], "a form counts at either");
    let form = format!("form_token={}", forms[0]);
    assert_signed_out(&browser.send(&there, "POST", "/console/sign-out", &form).await);
    assert!(!browser.has(SESSION));
    browser.cookies = session;
    assert_signed_out(&browser.get(&here, "/console/overview").await);

    // A portal's link of one replica is spent at the other, once.
    let portal = r#"{"roles": ["ROLE_SUBSCRIPTION_MANAGER"]}"#;
    let made = here.call("POST /v1/tenants/acme/portalTokens", JSON_BODY, portal).await.unwrap();
    let made: serde_json::Value = serde_json::from_str(&made.text).unwrap();
    let link = made["consoleUrl"].as_str().unwrap();
    let path = link.strip_prefix("https://hooks.bank.example").unwrap();
    let code = path.rsplit('/').next().unwrap();
    for (replica, status) in [(&there, StatusCode::SEE_OTHER), (&here, StatusCode::FORBIDDEN)] {
        let mut customer = Browser::default();
        let form_token = form_token(&customer.get(&here, path).await);
        let form = format!("form_token={form_token}&code={code}");
        let opened = customer.send(replica, "POST", "/console/portal", &form).await;
        assert_eq!(opened.status(), status, "{}", text(&opened));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_revoked_here_ends_its_sessions_there_on_postgres() {
    let description = Description { settings: CONSOLE.to_owned(), ..Description::default() };
    let cluster = two_replicas_that(description).await;
    let there = JsonApi::of_replica(&cluster, 1).unwrap();
    let mut api = cluster.api_of(0).unwrap();
    api.create_tenant("acme").await.unwrap();
    let grants = vec![Grant {
        role: Role::Reader.into(),
        tenants: vec!["tenants/acme".to_owned()],
        installation: false,
    }];
    let token = Some(Token { grants, ..Token::default() });
    let made = api.tokens.create_token(CreateTokenRequest { token, ttl: None }).await;
    let made = made.unwrap().into_inner();
    let mut browser = Browser::default();
    browser.sign_in(&there, &there, &made.secret).await;
    let list = "/console/tenants/acme/subscriptions";
    assert_eq!(browser.get(&there, list).await.status(), StatusCode::OK);
    let name = made.token.unwrap().name;
    api.tokens.revoke_token(RevokeTokenRequest { name }).await.unwrap();
    assert_signed_out(&browser.get(&there, list).await);
    assert!(!browser.has(SESSION));
}
