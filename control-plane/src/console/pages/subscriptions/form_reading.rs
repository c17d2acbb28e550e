//! From what stands in the form of a subscription to the API's message.
//!
//! Fed by `form_values`; feeds `edit` with a subscription, and the form with what cannot be read.
//! Guarantees that what can be read is passed on as it is: the API judges it.

use postrider_proto::v1;
use postrider_proto::v1::retry_policy::Timetable;
use postrider_proto::v1::signature_scheme::Scheme;

use super::form_values::{FormValues, SIGNING_FIELD, TIMETABLE_FIELD};
use crate::console::failure::FormErrors;
use crate::console::values::{lines, typed_span};

/// What an update names, but for the signature schemes where they are to stay.
pub const UPDATED_FIELDS: [&str; 19] = [
    "display_name",
    "url",
    "event_types",
    "accounts",
    "region",
    "retry_policy",
    "success_rule",
    "request_timeout",
    "max_requests_per_second",
    "max_in_flight",
    "envelope",
    "headers",
    "content_filter",
    "ordering",
    "exhausted_key_policy",
    "auto_disable",
    "json_form",
    "http1_only",
    "send_trace_context",
];

/// The subscription that a form tells. Its schemes are empty where they are to stay.
pub fn read(values: &FormValues, errors: &mut FormErrors) -> v1::Subscription {
    let mut reader = FieldReader { values, errors };
    let region = match reader.values.text("region") {
        "" => String::new(),
        region => format!("regions/{region}"),
    };
    v1::Subscription {
        display_name: reader.values.text("display_name").to_owned(),
        url: reader.values.text("url").to_owned(),
        event_types: reader.values.all_event_types(),
        accounts: lines(reader.values.text("accounts")).map(str::to_owned).collect(),
        status: status(reader.values).into(),
        region,
        retry_policy: Some(reader.retry_policy()),
        success_rule: reader.success_rule(),
        request_timeout: reader.span("request_timeout"),
        max_requests_per_second: reader.count("max_requests_per_second"),
        max_in_flight: reader.count("max_in_flight"),
        signing_secret: reader.values.text("signing_secret").to_owned(),
        signature_schemes: schemes(reader.values),
        envelope: reader.choice("envelope", v1::Envelope::from_str_name).into(),
        json_form: reader.choice("json_form", v1::JsonForm::from_str_name).into(),
        headers: reader.headers(),
        content_filter: reader.values.text("content_filter").to_owned(),
        ordering: reader.choice("ordering", v1::Ordering::from_str_name).into(),
        exhausted_key_policy: reader
            .choice("exhausted_key_policy", v1::ExhaustedKeyPolicy::from_str_name)
            .into(),
        auto_disable: reader.auto_disable(),
        http1_only: reader.values.is_ticked("http1_only"),
        send_trace_context: reader.values.is_ticked("send_trace_context"),
        ..v1::Subscription::default()
    }
}

/// The status that a form asks for.
pub fn status(values: &FormValues) -> v1::SubscriptionStatus {
    match values.text("status") {
        "paused" => v1::SubscriptionStatus::Paused,
        "disabled" => v1::SubscriptionStatus::Disabled,
        _ => v1::SubscriptionStatus::Enabled,
    }
}

/// The policy that a form tells, where it can be read.
pub fn retry_policy(values: &FormValues) -> v1::RetryPolicy {
    FieldReader { values, errors: &mut FormErrors::default() }.retry_policy()
}

/// Reads fields, and notes what cannot be read.
struct FieldReader<'f> {
    values: &'f FormValues,
    errors: &'f mut FormErrors,
}

impl FieldReader<'_> {
    fn span(&mut self, name: &str) -> Option<prost_types::Duration> {
        let text = self.values.text(name);
        if text.is_empty() {
            return None;
        }
        typed_span(text).map_err(|problem| self.errors.add(name, problem)).ok()
    }

    fn count(&mut self, name: &str) -> u32 {
        self.optional_count(name).unwrap_or_default()
    }

    fn optional_count(&mut self, name: &str) -> Option<u32> {
        let text = self.values.text(name);
        if text.is_empty() {
            return None;
        }
        text.parse().map_err(|_| self.errors.add(name, "must be a whole number")).ok()
    }

    /// A value of an enumeration; its default where none is chosen.
    fn choice<E: Default>(&self, name: &str, from_name: fn(&str) -> Option<E>) -> E {
        from_name(self.values.text(name)).unwrap_or_default()
    }

    fn retry_policy(&mut self) -> v1::RetryPolicy {
        let timetable = match self.values.text(TIMETABLE_FIELD) {
            "fixed" => Timetable::FixedDelays(self.delays("retry_policy.fixed_delays.delays")),
            "linear" => Timetable::Linear(v1::LinearBackoff {
                initial_delay: self.span("retry_policy.linear.initial_delay"),
                increment: self.span("retry_policy.linear.increment"),
                max_attempts: self.count("retry_policy.linear.max_attempts"),
            }),
            "exponential" => Timetable::Exponential(v1::ExponentialBackoff {
                initial_delay: self.span("retry_policy.exponential.initial_delay"),
                multiplier_percent: self.count("retry_policy.exponential.multiplier_percent"),
                max_delay: self.span("retry_policy.exponential.max_delay"),
                max_attempts: self.count("retry_policy.exponential.max_attempts"),
            }),
            _ => Timetable::Standard(v1::StandardTimetable {}),
        };
        v1::RetryPolicy {
            timetable: Some(timetable),
            jitter_percent: self.optional_count("retry_policy.jitter_percent"),
            max_age: self.span("retry_policy.max_age"),
            max_retry_after: self.span("retry_policy.max_retry_after"),
        }
    }

    /// One in each line, or with commas between.
    fn delays(&mut self, name: &str) -> v1::FixedDelays {
        let mut delays = Vec::new();
        for text in lines(self.values.text(name)).flat_map(|line| line.split(',')) {
            match typed_span(text.trim()) {
                Ok(delay) => delays.push(delay),
                Err(problem) => self.errors.add(name, format!("\"{}\" {problem}", text.trim())),
            }
        }
        v1::FixedDelays { delays }
    }

    fn success_rule(&mut self) -> Option<v1::SuccessRule> {
        let name = "success_rule.status_codes";
        let mut status_codes = Vec::new();
        let texts = self.values.text(name).split([' ', ',', '\n', '\r', '\t']);
        for text in texts.filter(|text| !text.is_empty()) {
            match text.parse() {
                Ok(code) => status_codes.push(code),
                Err(_) => self.errors.add(name, format!("\"{text}\" is no HTTP status")),
            }
        }
        (!status_codes.is_empty()).then_some(v1::SuccessRule { status_codes })
    }

    /// "Name: value" in each line.
    fn headers(&mut self) -> Vec<v1::CustomHeader> {
        let mut headers = Vec::new();
        for line in lines(self.values.text("headers")) {
            let Some((name, value)) = line.split_once(':') else {
                self.errors.add("headers", format!("\"{line}\" must be as Name: value"));
                continue;
            };
            let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
            headers.push(v1::CustomHeader { name, value, value_set: false });
        }
        headers
    }

    fn auto_disable(&mut self) -> Option<v1::AutoDisable> {
        let after = self.span("auto_disable.after");
        let never = self.values.is_ticked("auto_disable.never");
        (never || after.is_some()).then_some(v1::AutoDisable { after, never })
    }
}

fn schemes(values: &FormValues) -> Vec<v1::SignatureScheme> {
    let symmetric = Scheme::StandardWebhooksV1(v1::StandardWebhooksV1 {});
    let asymmetric = Scheme::StandardWebhooksV1a(v1::StandardWebhooksV1a {});
    let schemes = match values.text(SIGNING_FIELD) {
        "v1" => vec![symmetric],
        "v1a" => vec![asymmetric],
        "both" => vec![symmetric, asymmetric],
        "stripe" => {
            let header = values.text("signature_schemes[0].stripe.header").to_owned();
            vec![Scheme::Stripe(v1::StripeSignature { header })]
        }
        "hmac" => vec![Scheme::Hmac(hmac(values))],
        "static" => vec![Scheme::StaticSecret(v1::StaticSecret {
            header: values.text("signature_schemes[0].static_secret.header").to_owned(),
            prefix: values.text("signature_schemes[0].static_secret.prefix").to_owned(),
            rotation: rotation(values, "signature_schemes[0].static_secret.rotation"),
        })],
        "none" => vec![Scheme::None(v1::NoSignature {})],
        _ => Vec::new(),
    };
    schemes.into_iter().map(|scheme| v1::SignatureScheme { scheme: Some(scheme) }).collect()
}

fn hmac(values: &FormValues) -> v1::HmacSignature {
    let text = |name: &str| values.text(name).to_owned();
    let timestamp = match values.text("signature_schemes[0].hmac.timestamp.header") {
        "" => None,
        header => Some(v1::HmacTimestamp {
            header: header.to_owned(),
            separator: Some(text("signature_schemes[0].hmac.timestamp.separator")),
        }),
    };
    let hash = v1::HmacHash::from_str_name(values.text("signature_schemes[0].hmac.hash"));
    let encoding = values.text("signature_schemes[0].hmac.encoding");
    let encoding = v1::SignatureEncoding::from_str_name(encoding);
    v1::HmacSignature {
        header: text("signature_schemes[0].hmac.header"),
        prefix: text("signature_schemes[0].hmac.prefix"),
        hash: hash.unwrap_or_default().into(),
        encoding: encoding.unwrap_or_default().into(),
        timestamp,
        rotation: rotation(values, "signature_schemes[0].hmac.rotation"),
    }
}

fn rotation(values: &FormValues, name: &str) -> i32 {
    v1::KeyRotation::from_str_name(values.text(name)).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn span(seconds: i64) -> Option<prost_types::Duration> {
        Some(prost_types::Duration { seconds, nanos: 0 })
    }

    /// With something in every field that the form has.
    fn full() -> v1::Subscription {
        let hmac = v1::HmacSignature {
            header: "x-kkiapay-secret".to_owned(),
            prefix: "sha256=".to_owned(),
            hash: v1::HmacHash::Sha512.into(),
            encoding: v1::SignatureEncoding::Base64.into(),
            timestamp: Some(v1::HmacTimestamp {
                header: "x-time".to_owned(),
                separator: Some("|".to_owned()),
            }),
            rotation: v1::KeyRotation::NewestKey.into(),
        };
        v1::Subscription {
            display_name: "Shop".to_owned(),
            url: "https://shop.example/hooks".to_owned(),
            event_types: vec!["a.b".to_owned(), "c.*".to_owned()],
            accounts: vec!["one".to_owned(), "two".to_owned()],
            status: v1::SubscriptionStatus::Paused.into(),
            region: "regions/eu".to_owned(),
            retry_policy: Some(v1::RetryPolicy {
                timetable: Some(Timetable::Linear(v1::LinearBackoff {
                    initial_delay: Some(prost_types::Duration { seconds: 0, nanos: 500_000_000 }),
                    increment: Some(prost_types::Duration { seconds: 0, nanos: 500_000_000 }),
                    max_attempts: 6,
                })),
                jitter_percent: Some(0),
                max_age: span(86_400),
                max_retry_after: span(0),
            }),
            success_rule: Some(v1::SuccessRule { status_codes: vec![200, 202] }),
            request_timeout: span(5),
            max_requests_per_second: 7,
            max_in_flight: 3,
            signature_schemes: vec![v1::SignatureScheme { scheme: Some(Scheme::Hmac(hmac)) }],
            envelope: v1::Envelope::IdTypePayloadDate.into(),
            headers: vec![v1::CustomHeader { name: "X-Key".to_owned(), ..Default::default() }],
            content_filter: "event.account != \"\"".to_owned(),
            ordering: v1::Ordering::PerKey.into(),
            exhausted_key_policy: v1::ExhaustedKeyPolicy::Hold.into(),
            auto_disable: Some(v1::AutoDisable { after: span(3600), never: true }),
            json_form: v1::JsonForm::Compact.into(),
            http1_only: true,
            send_trace_context: true,
            ..v1::Subscription::default()
        }
    }

    #[test]
    fn what_a_form_shows_is_read_back() {
        let mut errors = FormErrors::default();
        let read = read(&FormValues::of(&full()), &mut errors);
        assert!(errors.is_empty(), "{errors:?}");
        assert!(read == full(), "something is read otherwise than it was shown");
    }

    #[test]
    fn schemes_that_the_form_does_not_have_stay() {
        let mut several = full();
        let none = v1::SignatureScheme { scheme: Some(Scheme::None(v1::NoSignature {})) };
        several.signature_schemes.push(none);
        let read = read(&FormValues::of(&several), &mut FormErrors::default());
        assert!(read.signature_schemes.is_empty());
        let made = super::read(&FormValues::of_new(), &mut FormErrors::default());
        assert_eq!(made.signature_schemes.len(), 1);
        assert_eq!(made.status(), v1::SubscriptionStatus::Enabled);
    }

    #[test]
    fn a_form_of_very_many_lines_is_read_soon() {
        let names: Vec<String> = (0..100_000).map(|number| format!("n{number}")).collect();
        let mut values = FormValues::of_new();
        values.event_types = vec!["n7".to_owned()];
        values.set("other_event_types", &names.join("\n"));
        let begun = Instant::now();
        let told = read(&values, &mut FormErrors::default()).event_types;
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        assert_eq!(told.len(), names.len(), "each once");
        assert_eq!(told[..3], ["n7", "n0", "n1"], "in the order in which they were typed");
    }

    #[test]
    fn what_cannot_be_read_is_told_at_its_field() {
        let mut values = FormValues::of_new();
        for (name, text) in [
            ("timetable", "fixed"),
            ("retry_policy.fixed_delays.delays", "5s, soon\n1m"),
            ("headers", "no colon"),
            ("success_rule.status_codes", "200 ok"),
            ("max_in_flight", "many"),
            ("request_timeout", "-1s"),
        ] {
            values.set(name, text);
        }
        let mut errors = FormErrors::default();
        let read = read(&values, &mut errors);
        for name in [
            "retry_policy.fixed_delays",
            "headers",
            "success_rule",
            "max_in_flight",
            "request_timeout",
        ] {
            assert!(errors.of_field(name).is_some(), "{name}");
        }
        let policy = read.retry_policy.unwrap();
        let Some(Timetable::FixedDelays(fixed)) = &policy.timetable else { panic!("{policy:?}") };
        assert_eq!(fixed.delays.len(), 2);
    }
}
