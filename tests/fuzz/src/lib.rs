//! Fuzz targets: what is made of bytes that come from outside.
//!
//! Fed by libFuzzer (`targets/`) and by proptest (`properties/`), with the same functions;
//! feeds them panics. A target takes any bytes and checks what has to hold whatever they
//! are: that nothing panics, that what is refused is refused in the right way, and that
//! what is accepted can be used. Guarantees that what it calls is what the programs call.
//! docs/testing.md says how to run them.
//!
//! - `subscriptions`, `events`: requests, up to the POSTs that are made of them.
//! - `http_requests`: requests in JSON.
//! - `texts`: filters, conditions, page tokens, names, times, URLs, headers.
//! - `answers`: what receivers answer. `agents`: what agents say.
//!   `entries`: how often fields of messages repeat.
//! - `credentials`, `certificates`: who calls.
//! - `console_reading`: what browsers send to the console. `console_pages`: what they are shown;
//!   `markup`: what every page is like.
//! - `configuration`, `secrets`: what operators write and databases give back.
//! - `target`: what a target is. `examples`, `refusal`, `runtime`: what targets share.

mod agents;
mod answers;
mod certificates;
mod configuration;
mod console_pages;
mod console_reading;
mod credentials;
mod entries;
mod events;
mod examples;
mod http_requests;
mod markup;
mod refusal;
mod runtime;
mod secrets;
mod subscriptions;
mod target;
mod texts;

pub use target::{FuzzTarget, InputForm};

/// All of them. A new one has a line here, a file in `targets` and a table in Cargo.toml.
pub const FUZZ_TARGETS: &[FuzzTarget] = &[
    FuzzTarget::message("subscriptions", subscriptions::create, subscriptions::creations),
    FuzzTarget::message("subscription_updates", subscriptions::update, subscriptions::updates),
    FuzzTarget::message("secret_rotations", subscriptions::rotate, subscriptions::rotations),
    FuzzTarget::message("events", events::publish, events::publishes),
    FuzzTarget::text("json_envelopes", events::envelopes, events::assignments),
    FuzzTarget::message("event_types", events::event_types, events::event_type_requests),
    FuzzTarget::text("catalogues", events::catalogues, events::catalogue_documents),
    FuzzTarget::message("token_requests", events::token_requests, events::token_creations),
    FuzzTarget::message("account_windows", events::account_windows, events::windows),
    FuzzTarget::message("scaler_queries", events::scaler_queries, events::metric_requests),
    FuzzTarget::text("http_requests", http_requests::read, http_requests::request_texts),
    FuzzTarget::text("list_filters", texts::list_filters, texts::filter_texts),
    FuzzTarget::text("content_filters", texts::content_filters, texts::filter_sources),
    FuzzTarget::text("page_tokens", texts::page_tokens, texts::page_token_texts),
    FuzzTarget::text("resource_names", texts::resource_names, texts::name_texts),
    FuzzTarget::text("times", texts::times, texts::time_texts),
    FuzzTarget::text("webhook_urls", texts::webhook_urls, texts::url_texts),
    FuzzTarget::text("webhook_headers", texts::webhook_headers, texts::header_texts),
    FuzzTarget::text("http1_answers", answers::http1, answers::http1_answers),
    FuzzTarget::text("http2_answers", answers::http2, answers::http2_answers),
    FuzzTarget::message("agent_messages", agents::messages, agents::agent_messages),
    FuzzTarget::message("message_entries", entries::counted, entries::requests),
    FuzzTarget::text("bearers", credentials::bearers, credentials::bearer_texts),
    FuzzTarget::text("key_sets", credentials::key_sets, credentials::key_set_texts),
    FuzzTarget::text("claims", credentials::claims, credentials::claim_texts),
    FuzzTarget::text("certificates", certificates::certificates, certificates::ders),
    FuzzTarget::text("certificate_names", certificates::names, certificates::name_texts),
    FuzzTarget::text("console_requests", console_reading::requests, console_reading::request_texts),
    FuzzTarget::text("console_fields", console_reading::fields, console_reading::field_texts),
    FuzzTarget::text(
        "console_forms",
        console_reading::subscription_forms,
        console_reading::subscription_form_texts,
    ),
    FuzzTarget::text("console_cookies", console_reading::cookies, console_reading::cookie_texts),
    FuzzTarget::text("id_tokens", console_reading::id_tokens, console_reading::id_token_texts),
    FuzzTarget::text("console_pages", console_pages::serve_request, console_pages::request_texts),
    FuzzTarget::text("settings", configuration::settings, configuration::setting_texts),
    FuzzTarget::text("log_filters", configuration::log_filters, configuration::log_filter_texts),
    FuzzTarget::text("key_lists", configuration::key_lists, configuration::key_list_texts),
    FuzzTarget::text("stored_secrets", secrets::stored, secrets::sealed_values),
];

/// The target of a name.
pub fn find_target(name: &str) -> Option<&'static FuzzTarget> {
    FUZZ_TARGETS.iter().find(|target| target.name == name)
}

/// Makes the function that libFuzzer calls, for the target of a name.
#[macro_export]
macro_rules! fuzz {
    ($name:literal) => {
        static TARGET: std::sync::LazyLock<&'static $crate::FuzzTarget> =
            std::sync::LazyLock::new(|| $crate::find_target($name).expect("a target of the table"));

        libfuzzer_sys::fuzz_target!(|data: &[u8]| (TARGET.run)(data));
    };
}
