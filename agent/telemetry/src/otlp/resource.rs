//! Who sends spans and metrics.
//!
//! Made of the program's name and OpenTelemetry's own variables; feeds the SDK. Guarantees that
//! all signals of a process have the same instance.

use std::sync::LazyLock;

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator};
use percent_encoding::percent_decode_str;

use super::target::Environment;

const NAME_VARIABLE: &str = "OTEL_SERVICE_NAME";
const ATTRIBUTES_VARIABLE: &str = "OTEL_RESOURCE_ATTRIBUTES";

/// Drawn anew by each process.
static INSTANCE_ID: LazyLock<String> =
    LazyLock::new(|| RandomIdGenerator::default().new_trace_id().to_string());

/// A program's resource: its name and version, this process, and what the variables say,
/// which counts more. The SDK's own detector leaves values as they are encoded.
pub fn describe_resource(service_name: &'static str, environment: &Environment<'_>) -> Resource {
    let own = [
        KeyValue::new("service.name", service_name),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", INSTANCE_ID.as_str()),
    ];
    let given = environment(ATTRIBUTES_VARIABLE).unwrap_or_default();
    let pairs = given.split(',').filter_map(|pair| pair.split_once('='));
    let given = pairs.filter(|(name, _)| !name.trim().is_empty()).map(|(name, value)| {
        let value = String::from_utf8(percent_decode_str(value.trim()).collect());
        KeyValue::new(name.trim().to_owned(), value.unwrap_or_default())
    });
    let resource = Resource::builder_empty().with_attributes(own).with_attributes(given);
    match environment(NAME_VARIABLE).filter(|name| !name.is_empty()) {
        Some(name) => resource.with_service_name(name).build(),
        None => resource.build(),
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::Key;

    use super::*;

    #[test]
    fn what_the_variables_say_comes_first() {
        let environment = |name: &str| match name {
            ATTRIBUTES_VARIABLE => {
                Some("service.version=9,deployment.environment.name=blue%20one,wrong".to_owned())
            }
            _ => None,
        };
        let resource = describe_resource("postrider", &environment);
        let value = |key: &'static str| resource.get(&Key::new(key)).unwrap().to_string();
        assert_eq!(value("service.name"), "postrider");
        assert_eq!(value("service.version"), "9");
        assert_eq!(value("deployment.environment.name"), "blue one");
        assert_eq!(value("service.instance.id").len(), 32);
        let other = describe_resource("postrider-agent", &environment);
        let instance = other.get(&Key::new("service.instance.id")).unwrap().to_string();
        assert_eq!(value("service.instance.id"), instance, "it is the process's");
        assert_eq!(resource.len(), 4);
        let named = |name: &str| (name == NAME_VARIABLE).then(|| "another".to_owned());
        let resource = describe_resource("postrider", &named);
        assert_eq!(resource.get(&Key::new("service.name")).unwrap().to_string(), "another");
    }
}
