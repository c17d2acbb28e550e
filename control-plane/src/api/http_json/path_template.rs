//! Paths with variables, as `google.api.http` has them.
//!
//! Fed by the rules of methods and by the paths of requests; feeds `routes` with which
//! path is whose, and with what its variables stand for. A template is parsed once, at the
//! start; `**` is not supported, since no name needs it.

use anyhow::{Context as _, bail, ensure};
use percent_encoding::percent_decode_str;

/// A part of a path between slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum TemplateSegment {
    Literal(String),
    /// `*`: any one segment that is not empty.
    Wildcard,
}

/// A field of the request that stands in the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathVariable {
    /// As in "subscription.name".
    pub field_path: String,
    first_segment: usize,
    segment_count: usize,
}

/// A path with variables, as in `/v1/{name=tenants/*/subscriptions/*}:pause`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathTemplate {
    segments: Vec<TemplateSegment>,
    /// What stands after the colon.
    verb: Option<String>,
    pub variables: Vec<PathVariable>,
}

/// A request's path, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPath {
    /// Decoded.
    segments: Vec<String>,
    verb: Option<String>,
}

impl RequestPath {
    /// `None`: it can be no path of the API.
    pub fn parse(path: &str) -> Option<Self> {
        let path = path.strip_prefix('/')?;
        // A colon of an id is written %3A, so that it is not taken for a verb's.
        let (path, verb) = match path.rsplit_once(':') {
            Some((before, verb)) if !verb.contains('/') => (before, Some(verb.to_owned())),
            Some(_) | None => (path, None),
        };
        let segments = path.split('/').map(decoded_segment).collect::<Option<Vec<String>>>()?;
        Some(Self { segments, verb })
    }

    pub fn segment_count(&self) -> usize {
        self.segments.len()
    }
}

/// A name is put together with slashes, so that a segment has none.
fn decoded_segment(segment: &str) -> Option<String> {
    let decoded = percent_decode_str(segment).decode_utf8().ok()?;
    (!decoded.is_empty() && !decoded.contains('/')).then(|| decoded.into_owned())
}

impl PathTemplate {
    /// Parses a template of a proto.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let mut rest = text.strip_prefix('/').context("a path begins with a slash")?;
        let mut template = Self { segments: Vec::new(), verb: None, variables: Vec::new() };
        loop {
            rest = match rest.strip_prefix('{') {
                Some(inside) => template.push_variable(inside)?,
                None => {
                    let end = rest.find(['/', ':']).unwrap_or(rest.len());
                    let (segment, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
                    template.push_segment(segment)?;
                    after
                }
            };
            if rest.is_empty() {
                return Ok(template);
            }
            if let Some(verb) = rest.strip_prefix(':') {
                ensure!(!verb.is_empty() && !verb.contains(['/', '{']), "a verb ends a path");
                template.verb = Some(verb.to_owned());
                return Ok(template);
            }
            rest = rest.strip_prefix('/').context("a slash or a verb follows a variable")?;
        }
    }

    /// Adds `field=a/*/b` or `field` and answers what stands after the brace.
    fn push_variable<'a>(&mut self, inside: &'a str) -> anyhow::Result<&'a str> {
        let (variable, after) = inside.split_once('}').context("a variable ends with a brace")?;
        let (field_path, segments) = variable.split_once('=').unwrap_or((variable, "*"));
        let first_segment = self.segments.len();
        for segment in segments.split('/') {
            self.push_segment(segment)?;
        }
        let segment_count = self.segments.len() - first_segment;
        let field_path = field_path.to_owned();
        self.variables.push(PathVariable { field_path, first_segment, segment_count });
        Ok(after)
    }

    fn push_segment(&mut self, segment: &str) -> anyhow::Result<()> {
        self.segments.push(match segment {
            "" => bail!("a segment is empty"),
            "**" => bail!("** is not supported"),
            "*" => TemplateSegment::Wildcard,
            literal => TemplateSegment::Literal(literal.to_owned()),
        });
        Ok(())
    }

    pub fn segment_count(&self) -> usize {
        self.segments.len()
    }

    /// What the variables stand for in a path, in their order; `None` if it is not one of
    /// these paths.
    pub fn captures(&self, path: &RequestPath) -> Option<Vec<String>> {
        if self.verb != path.verb || self.segments.len() != path.segments.len() {
            return None;
        }
        let mut pairs = self.segments.iter().zip(&path.segments);
        let fits = pairs.all(|(segment, given)| match segment {
            TemplateSegment::Literal(literal) => literal == given,
            TemplateSegment::Wildcard => true,
        });
        if !fits {
            return None;
        }
        let captured = |variable: &PathVariable| {
            let end = variable.first_segment + variable.segment_count;
            Some(path.segments.get(variable.first_segment..end)?.join("/"))
        };
        self.variables.iter().map(captured).collect()
    }

    /// The path as OpenAPI has it, each wildcard with a name of its own, and these names
    /// with the literal before each.
    pub fn open_api_path(&self) -> (String, Vec<String>) {
        let (mut path, mut names) = (String::new(), Vec::new());
        let mut before = "";
        for segment in &self.segments {
            path.push('/');
            match segment {
                TemplateSegment::Literal(literal) => {
                    path.push_str(literal);
                    before = literal;
                }
                TemplateSegment::Wildcard => {
                    let name = singular(before);
                    path.push_str(&format!("{{{name}}}"));
                    names.push(name);
                }
            }
        }
        if let Some(verb) = &self.verb {
            path.push(':');
            path.push_str(verb);
        }
        (path, names)
    }

    /// Whether a path may fit both.
    #[cfg(test)]
    pub fn overlaps(&self, other: &Self) -> bool {
        let compatible = |(a, b): (&TemplateSegment, &TemplateSegment)| match (a, b) {
            (TemplateSegment::Literal(a), TemplateSegment::Literal(b)) => a == b,
            (TemplateSegment::Wildcard, _) | (_, TemplateSegment::Wildcard) => true,
        };
        self.verb == other.verb
            && self.segments.len() == other.segments.len()
            && self.segments.iter().zip(&other.segments).all(compatible)
    }
}

/// One of a collection, as in "subscriptions" and "deliveries".
fn singular(collection: &str) -> String {
    match collection.strip_suffix("ies") {
        Some(stem) => format!("{stem}y"),
        None => collection.strip_suffix('s').unwrap_or(collection).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(template: &str, path: &str) -> Option<Vec<String>> {
        PathTemplate::parse(template).unwrap().captures(&RequestPath::parse(path)?)
    }

    #[test]
    fn variables_stand_for_whole_names() {
        let pause = "/v1/{name=tenants/*/subscriptions/*}:pause";
        let path = "/v1/tenants/acme/subscriptions/erp:pause";
        assert_eq!(captured(pause, path), Some(vec!["tenants/acme/subscriptions/erp".to_owned()]));
        for other in [
            "/v1/tenants/acme/subscriptions/erp",
            "/v1/tenants/acme/subscriptions/erp:enable",
            "/v1/tenants/acme/subscriptions/erp/:pause",
            "/v1/tenants//subscriptions/erp:pause",
            "/v2/tenants/acme/subscriptions/erp:pause",
            "tenants/acme",
            "",
        ] {
            assert_eq!(captured(pause, other), None, "{other}");
        }
        let stats = "/v1/{name=tenants/*/subscriptions/*}/stats";
        let path = "/v1/tenants/acme/subscriptions/erp/stats";
        assert_eq!(captured(stats, path), Some(vec!["tenants/acme/subscriptions/erp".to_owned()]));
        assert_eq!(captured("/v1/tenants", "/v1/tenants"), Some(Vec::new()));
        assert_eq!(captured("/v1/{id}", "/v1/a"), Some(vec!["a".to_owned()]));
    }

    #[test]
    fn a_segment_is_decoded_and_is_no_path() {
        let get = "/v1/{name=eventTypes/*}";
        let decoded = captured(get, "/v1/eventTypes/a%2Eb%3Ac");
        assert_eq!(decoded, Some(vec!["eventTypes/a.b:c".to_owned()]));
        assert_eq!(captured(get, "/v1/eventTypes/a%2Fb"), None);
        assert_eq!(captured(get, "/v1/eventTypes/%ff"), None);
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for bad in ["v1", "/v1/", "/v1/{name", "/v1/**", "/v1/{a}b", "/v1/a:", "/v1/a:b/c"] {
            assert!(PathTemplate::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn documents_name_each_wildcard() {
        let template = PathTemplate::parse("/v1/{name=tenants/*/deliveries/*}:retry").unwrap();
        let (path, names) = template.open_api_path();
        assert_eq!(path, "/v1/tenants/{tenant}/deliveries/{delivery}:retry");
        assert_eq!(names, ["tenant", "delivery"]);
    }
}
