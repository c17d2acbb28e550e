//! Webhooks signed in every way that there is, as Postrider delivered them.
//!
//! Fed by [`ways::all`] and a Postrider; feeds the snippets of five languages
//! through [`receivers::capture`]. Guarantees that they judge each way before,
//! during and after a rotation: with the old and the new key while both are in
//! force, and with neither of them once they have ended.

use std::collections::HashMap;
use std::env;
use std::time::Duration;

use postrider_proto::v1::event::PayloadForm;
use postrider_proto::v1::{Event, SignatureScheme, SigningKeyKind, Subscription};
use postrider_tests::api::Api;
use postrider_tests::cluster::{Cluster, Engine};
use postrider_tests::publish::{event, subscription};
use postrider_tests::receiver::Receiver;

use super::receivers;
use super::ways::{self, Way, lines_wanted};

const SOON_LIMIT: Duration = Duration::from_secs(20);

/// Keys that sign nothing here; the public one is of RFC 8032, section 7.1.
const UNUSED_SECRETS: [(SigningKeyKind, &str); 3] = [
    (SigningKeyKind::Standard, super::OLD_SECRET),
    (SigningKeyKind::Text, "another secret altogether"),
    (SigningKeyKind::Ed25519, "whpk_PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw="),
];

/// A subscription signed in one way, with all keys it ever had, the newest last.
struct Signed {
    way: Way,
    subscription: String,
    keys: HashMap<SigningKeyKind, Vec<String>>,
}

impl Signed {
    async fn create(api: &mut Api, receiver: &Receiver, tenant: &str, way: Way) -> Self {
        let schemes = way.schemes.iter().cloned();
        let wanted = Subscription {
            region: "regions/eu".to_owned(),
            signature_schemes: schemes
                .map(|scheme| SignatureScheme { scheme: Some(scheme) })
                .collect(),
            ..subscription(&receiver.url(&format!("/{}", way.name)), &["*"])
        };
        let made = api.subscribe(tenant, wanted).await.unwrap();
        let mut signed = Self { way, subscription: made.name.clone(), keys: HashMap::new() };
        for kind in signed.kinds() {
            signed.learn(kind, &made);
        }
        signed
    }

    fn kinds(&self) -> Vec<SigningKeyKind> {
        self.way.forms.iter().map(|(kind, _)| *kind).collect()
    }

    /// Keeps what a receiver needs of a new key.
    fn learn(&mut self, kind: SigningKeyKind, answer: &Subscription) {
        let key = match kind {
            SigningKeyKind::Ed25519 => {
                let newest = answer.signing_keys.iter().rfind(|key| key.kind() == kind);
                newest.unwrap().public_key.clone()
            }
            _ => answer.signing_secret.clone(),
        };
        assert!(!key.is_empty(), "{}: {answer:?}", self.way.name);
        self.keys.entry(kind).or_default().push(key);
    }

    /// New keys of all kinds; the old ones sign this much longer.
    async fn rotate(&mut self, api: &mut Api, grace: Duration) {
        for kind in self.kinds() {
            let rotated = api.rotate(&self.subscription, kind, Some(grace)).await.unwrap();
            self.learn(kind, &rotated);
        }
    }

    /// Captures what came while the newest `in_force` keys were.
    async fn check(&self, receiver: &Receiver, step: &str, in_force: usize) {
        let Way { name, forms, each_key, .. } = &self.way;
        let path = format!("/{name}");
        let requests = receiver.wait_for_at(&path, SIGNED_BODIES.len(), SOON_LIMIT).await.unwrap();
        for (number, request) in (1..).zip(&requests) {
            for (kind, form) in forms {
                let keys: Vec<_> = self.keys[kind].iter().map(String::as_str).collect();
                let signing = if *each_key { in_force } else { 1 };
                let (ended, signing) = keys.split_at(keys.len() - signing);
                let stranger = UNUSED_SECRETS.iter().find(|(of, _)| of == kind).unwrap().1;
                let others = [ended, &[stranger]].concat();
                let lines = form.lines(request);
                let wanted = lines_wanted(form, *each_key, in_force);
                assert_eq!(lines.len(), wanted, "{name}, {step}: {lines:?}");
                let Some(folder) = env::var_os("POSTRIDER_TEST_CAPTURES") else { continue };
                let name = format!("{name}-{}-{step}-{number}", form.scheme);
                let judged = (signing, &others[..]);
                receivers::capture(folder.as_ref(), &name, request, form, judged).unwrap();
            }
        }
    }
}

/// Payloads that tell one way of reading bytes from another.
const SIGNED_BODIES: [(&str, &[u8]); 3] = [
    ("application/json", "{\"amount\": \"10.00\",  \"payer\":\"Åsa Öström\"}".as_bytes()),
    ("application/octet-stream", b"\x00\xff\r\n\x80 not text"),
    ("text/plain", b" as it is \n"),
];

/// Publishes each body once; every subscription gets all of them.
async fn publish(api: &mut Api, tenant: &str) {
    for (content_type, body) in SIGNED_BODIES {
        let event = Event {
            payload_form: Some(PayloadForm::Payload(body.to_vec().into())),
            content_type: content_type.to_owned(),
            ..event("payment.completed", "{}")
        };
        api.publish(tenant, event, "").await.unwrap();
    }
}

#[tokio::test]
async fn every_scheme_is_delivered() {
    let cluster = Cluster::small(Engine::Sqlite).await.unwrap();
    let receiver = cluster.receiver().await.unwrap();
    let mut api = cluster.api().unwrap();
    let tenant = api.create_tenant("schemes").await.unwrap();
    let mut all = Vec::new();
    for way in ways::all() {
        all.push(Signed::create(&mut api, &receiver, &tenant, way).await);
    }
    let steps = [
        ("one", 1, None),
        ("both", 2, Some(Duration::from_hours(1))),
        ("last", 1, Some(Duration::ZERO)),
    ];
    for (step, in_force, rotation) in steps {
        if let Some(grace) = rotation {
            for signed in &mut all {
                signed.rotate(&mut api, grace).await;
            }
        }
        receiver.forget();
        publish(&mut api, &tenant).await;
        for signed in &all {
            signed.check(&receiver, step, in_force).await;
        }
    }
}
