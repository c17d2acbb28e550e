//! Pages that are typed by their address, by somebody whom the API would refuse.

use super::*;

const LIST: &str = "/console/tenants/acme/subscriptions";

impl Browser {
    /// Signs in as somebody who may only read, in one tenant.
    async fn sign_in_as_reader(&mut self) {
        let made = self.make_reader("").await;
        let signed_in = self.sign_in(&made.secret).await;
        assert_eq!(signed_in.status, StatusCode::SEE_OTHER, "{}", signed_in.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_only_read_is_shown_no_form() {
    let mut browser = Browser::at_home().await;
    let own = browser.make("Ledger").await;
    browser.sign_in_as_reader().await;
    let shown = browser.get(&own).await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.text);
    for (path, permission) in [
        ("/console/tenants/acme/new-subscription".to_owned(), "subscriptions.write"),
        ("/console/tenants/acme/replay".to_owned(), "deliveries.write"),
        (format!("{own}/edit"), "subscriptions.write"),
        (format!("{own}/delete"), "subscriptions.write"),
        (format!("{own}/disable"), "subscriptions.setStatus"),
        (format!("{own}/rotate"), "signingKeys.write"),
        (format!("{own}/revoke?key_id=x"), "signingKeys.write"),
        (format!("{own}/test"), "subscriptions.test"),
    ] {
        let refused = browser.get(&path).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}: {}", refused.text);
        assert!(refused.text.contains("<h1>Not allowed</h1>"), "{path}: {}", refused.text);
        assert!(refused.text.contains(permission), "{path}: {}", refused.text);
        assert!(!refused.text.contains("form class=\"panel\""), "{path}: {}", refused.text);
    }
    // Nor is a form that is only to be drawn again.
    let form = [("form_token", shown.form_token()), ("do", "draw".to_owned())];
    let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
    for path in ["/console/tenants/acme/new-subscription", &format!("{own}/edit")] {
        let refused = browser.post(path, &form).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}: {}", refused.text);
    }
    let missing = browser.get(&format!("{LIST}/nothing/edit")).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND, "{}", missing.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_is_not_there_has_no_form_of_a_new_subscription() {
    let mut browser = Browser::at_home().await;
    browser.create_tenant("other", "Other").await;
    let new = |tenant: &str| format!("/console/tenants/{tenant}/new-subscription");
    let missing = browser.get(&new("nosuch")).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND, "{}", missing.text);
    let list = browser.get("/console/tenants/NO%20SUCH/subscriptions").await.status;
    let malformed = browser.get(&new("NO%20SUCH")).await;
    assert!(list.is_client_error() && malformed.status == list, "{list}: {}", malformed.text);
    browser.sign_in_as_reader().await;
    let foreign = browser.get(&new("other")).await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND, "{}", foreign.text);
}
