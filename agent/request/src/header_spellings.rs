//! How customers spell the names of the headers that they choose: a subscription's own, and
//! those of signatures.
//!
//! A header's name is the same however it is spelt (RFC 9110, section 5.1), and HTTP/2 knows it
//! in lower case only. Over HTTP/1.1 some receivers look for theirs letter by letter.

use http::HeaderName;
use postrider_proto::agent::v1 as wire;
use postrider_proto::agent::v1::signer::Scheme;

/// The names of one version of a subscription's settings; none where all are in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderSpellings(Vec<(HeaderName, String)>);

impl HeaderSpellings {
    /// Takes the names of an update. One that is no name is left out.
    pub fn from_wire(update: &wire::SubscriptionUpdate) -> Self {
        let own = update.headers.iter().map(|header| header.name.as_str());
        let lines: Vec<&str> = own.chain(update.signers.iter().flat_map(signature_lines)).collect();
        if !lines.iter().any(|line| line.bytes().any(|byte| byte.is_ascii_uppercase())) {
            return Self::default();
        }
        let named = |line: &str| {
            let name = HeaderName::from_bytes(line.as_bytes()).ok()?;
            Some((name, line.to_owned()))
        };
        Self(lines.into_iter().filter_map(named).collect())
    }

    /// A name as its customer spells it; in lower case where no customer has chosen it.
    pub fn spelling<'a>(&'a self, name: &'a HeaderName) -> &'a str {
        let chosen = self.0.iter().find(|(chosen, _)| chosen == name);
        chosen.map_or(name.as_str(), |(_, spelling)| spelling)
    }

    /// A spelling for each header line that a request may have of these names, in their order.
    pub fn lines(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(|(_, spelling)| spelling.as_str())
    }
}

/// The names of the lines that a scheme writes, one for each key where it does so.
fn signature_lines(signer: &wire::Signer) -> Vec<&str> {
    let keys = signer.keys.len();
    match &signer.scheme {
        Some(Scheme::Stripe(stripe)) => vec![stripe.header.as_str()],
        Some(Scheme::StaticSecret(secret)) => vec![secret.header.as_str(); keys],
        Some(Scheme::Hmac(hmac)) => {
            let mut lines = vec![hmac.header.as_str(); keys];
            lines.push(hmac.timestamp_header.as_str());
            lines
        }
        Some(Scheme::StandardWebhooksV1(_) | Scheme::StandardWebhooksV1a(_)) | None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spellings(names: &[&str], signers: Vec<wire::Signer>) -> HeaderSpellings {
        let header = |name: &&str| wire::Header { name: (*name).to_owned(), value: "1".into() };
        let headers = names.iter().map(header).collect();
        HeaderSpellings::from_wire(&wire::SubscriptionUpdate {
            headers,
            signers,
            ..Default::default()
        })
    }

    fn signer(scheme: Scheme, keys: usize) -> wire::Signer {
        let key = wire::SignerKey { secret: "key".into(), expires_in: None };
        wire::Signer { keys: vec![key; keys], scheme: Some(scheme) }
    }

    #[test]
    fn a_name_is_spelt_as_its_customer_does() {
        let found = spellings(&["X-API-Key", "x-team"], Vec::new());
        let spelling = |name: &'static str| {
            let name = HeaderName::from_static(name);
            found.spelling(&name).to_owned()
        };
        assert_eq!(spelling("x-api-key"), "X-API-Key");
        assert_eq!(spelling("x-team"), "x-team");
        assert_eq!(spelling("webhook-id"), "webhook-id");
    }

    #[test]
    fn names_in_lower_case_need_nothing() {
        assert_eq!(spellings(&["x-team", "authorization"], Vec::new()), HeaderSpellings::default());
        let standard = signer(Scheme::StandardWebhooksV1(Default::default()), 2);
        assert_eq!(spellings(&[], vec![standard]), HeaderSpellings::default());
    }

    #[test]
    fn each_line_of_a_signature_has_its_spelling() {
        let hmac = wire::HmacSignature {
            header: "X-Signature".to_owned(),
            timestamp_header: "X-Time".to_owned(),
            ..Default::default()
        };
        let secret = wire::StaticSecret { header: "X-Secret".to_owned(), ..Default::default() };
        let stripe = wire::StripeSignature { header: "Stripe-Signature".to_owned() };
        let found = spellings(
            &["X-Team"],
            vec![
                signer(Scheme::Hmac(hmac), 2),
                signer(Scheme::StaticSecret(secret), 3),
                signer(Scheme::Stripe(stripe), 2),
            ],
        );
        let lines: Vec<&str> = found.lines().collect();
        let of_hmac = ["X-Signature", "X-Signature", "X-Time"];
        assert_eq!(lines[..4], [&["X-Team"][..], &of_hmac].concat());
        assert_eq!(lines[4..], ["X-Secret", "X-Secret", "X-Secret", "Stripe-Signature"]);
    }
}
