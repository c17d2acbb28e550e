//! Names of resources, from what people type.

use crate::exits::CliError;

/// The place of the tenant in a pattern, which the context fills.
const TENANT_PLACE: &str = "{tenant}";
const ID_PLACE: &str = "{}";

/// A full name: the text itself if it is one, or its ids in the places of a pattern.
pub fn full_name(pattern: &str, text: &str, tenant: &str) -> Result<String, CliError> {
    let begin = pattern.split('{').next().unwrap_or_default();
    if !begin.is_empty() && text.starts_with(begin) {
        return Ok(text.to_owned());
    }
    let mut name = pattern.to_owned();
    if name.contains(TENANT_PLACE) {
        if tenant.is_empty() {
            let problem =
                "no tenant is named: give --tenant, POSTRIDER_TENANT or a context with one";
            return Err(CliError::Usage(problem.to_owned()));
        }
        name = name.replacen(TENANT_PLACE, tenant, 1);
    }
    let places = name.matches(ID_PLACE).count();
    let ids: Vec<&str> = if text.is_empty() { Vec::new() } else { text.split('/').collect() };
    if ids.len() != places || ids.iter().any(|id| id.is_empty()) {
        return Err(CliError::Usage(format!("\"{text}\" must be as in \"{pattern}\", or its ids")));
    }
    for id in ids {
        name = name.replacen(ID_PLACE, id, 1);
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(pattern: &str, text: &str) -> Option<String> {
        full_name(pattern, text, "acme").ok()
    }

    #[test]
    fn ids_take_their_places() {
        let attempt = "tenants/{tenant}/deliveries/{}/attempts/{}";
        assert_eq!(name(attempt, "d1/2").as_deref(), Some("tenants/acme/deliveries/d1/attempts/2"));
        assert_eq!(name("tenants/{tenant}", "").as_deref(), Some("tenants/acme"));
        assert_eq!(name("eventTypes/{}", "a.b").as_deref(), Some("eventTypes/a.b"));
        let full = "tenants/globex/deliveries/d1/attempts/2";
        assert_eq!(name(attempt, full).as_deref(), Some(full));
    }

    #[test]
    fn too_few_and_too_many_ids_are_told() {
        let attempt = "tenants/{tenant}/deliveries/{}/attempts/{}";
        for bad in ["d1", "d1/2/3", "d1/", "", "/"] {
            assert_eq!(name(attempt, bad), None, "{bad}");
        }
        let problem = full_name("tenants/{tenant}/events/{}", "e", "").unwrap_err().to_string();
        assert!(problem.contains("--tenant"), "{problem}");
    }
}
