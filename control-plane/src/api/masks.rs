//! Field masks of updates (AIP-134).
//!
//! Fed by UpdateTenant and UpdateSubscription; feeds them the set of fields to
//! change. Guarantees that a mask that names anything else is refused.

use std::collections::BTreeSet;

use prost_types::FieldMask;

use super::errors::Violations;

/// Which fields to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask(BTreeSet<&'static str>);

impl Mask {
    /// Reads a mask. `known` are the fields that can be changed, each with
    /// whether the message has a value in it, which is what an absent mask means.
    pub fn read(
        mask: Option<&FieldMask>,
        known: &[(&'static str, bool)],
        violations: &mut Violations,
    ) -> Self {
        let Some(mask) = mask.filter(|mask| !mask.paths.is_empty()) else {
            return Self(known.iter().filter(|(_, set)| *set).map(|(name, _)| *name).collect());
        };
        if mask.paths.iter().any(|path| path == "*") {
            if mask.paths.len() > 1 {
                violations.add("update_mask", "\"*\" must stand alone");
            }
            return Self(known.iter().map(|(name, _)| *name).collect());
        }
        let mut named = BTreeSet::new();
        for path in &mask.paths {
            match known.iter().find(|(name, _)| name == path) {
                Some((name, _)) => {
                    named.insert(*name);
                }
                None => {
                    let choices: Vec<_> = known.iter().map(|(name, _)| *name).collect();
                    let choices = choices.join(", ");
                    violations.add(
                        "update_mask",
                        format!("\"{path}\" cannot be changed here; it takes {choices}, or \"*\""),
                    );
                }
            }
        }
        Self(named)
    }

    pub fn has(&self, field: &str) -> bool {
        self.0.contains(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[(&str, bool)] = &[("url", true), ("region", false)];

    fn read(paths: Option<&[&str]>) -> (Mask, bool) {
        let mask = paths.map(|paths| FieldMask {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        });
        let mut violations = Violations::default();
        let mask = Mask::read(mask.as_ref(), KNOWN, &mut violations);
        (mask, violations.is_empty())
    }

    #[test]
    fn an_absent_mask_means_what_has_a_value() {
        for absent in [None, Some(&[][..])] {
            let (mask, fine) = read(absent);
            assert!(fine && mask.has("url") && !mask.has("region"));
        }
    }

    #[test]
    fn a_star_means_all_and_stands_alone() {
        let (mask, fine) = read(Some(&["*"]));
        assert!(fine && mask.has("url") && mask.has("region"));
        assert!(!read(Some(&["*", "url"])).1);
    }

    #[test]
    fn unknown_paths_are_refused() {
        let (mask, fine) = read(Some(&["region"]));
        assert!(fine && mask.has("region") && !mask.has("url"));
        for bad in ["status", "url.host", "", "signing_secret"] {
            assert!(!read(Some(&[bad])).1, "{bad}");
        }
    }
}
