//! Field masks of updates (AIP-134).
//!
//! Fed by updates; feeds them the set of fields to change. Guarantees that a mask
//! naming any other field is refused, with the method that changes it if there is one.

use std::collections::BTreeSet;

use prost_types::FieldMask;

use crate::api::rpc::errors::FieldViolations;
use crate::api::values::fixed_fields::FieldChangedElsewhere;

/// The fields to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateMask {
    fields: BTreeSet<&'static str>,
    whole: bool,
}

impl UpdateMask {
    /// Reads a mask. `known` lists the fields that can be changed and whether the
    /// message has a value for each; an absent mask means those that have one.
    /// `elsewhere` lists fields that other methods change.
    pub fn read(
        mask: Option<&FieldMask>,
        known: &[(&'static str, bool)],
        elsewhere: &[FieldChangedElsewhere],
        violations: &mut FieldViolations,
    ) -> Self {
        let Some(mask) = mask.filter(|mask| !mask.paths.is_empty()) else {
            let set = known.iter().filter(|(_, set)| *set).map(|(name, _)| *name);
            return Self { fields: set.collect(), whole: true };
        };
        if mask.paths.iter().any(|path| path == "*") {
            if mask.paths.len() > 1 {
                violations.add("update_mask", "\"*\" must stand alone");
            }
            return Self::everything(known);
        }
        let mut named = BTreeSet::new();
        for path in &mask.paths {
            match known.iter().find(|(name, _)| name == path) {
                Some((name, _)) => {
                    named.insert(*name);
                }
                None => {
                    let method = elsewhere.iter().find(|(name, _)| name == path);
                    let choices: Vec<_> = known.iter().map(|(name, _)| *name).collect();
                    let why = match method {
                        Some((_, how)) => format!(": {how}"),
                        None => format!("; it takes {}, or \"*\"", choices.join(", ")),
                    };
                    violations
                        .add("update_mask", format!("\"{path}\" cannot be changed here{why}"));
                }
            }
        }
        Self { fields: named, whole: false }
    }

    /// The mask of a creation: all fields.
    pub fn everything(known: &[(&'static str, bool)]) -> Self {
        Self { fields: known.iter().map(|(name, _)| *name).collect(), whole: true }
    }

    pub fn has(&self, field: &str) -> bool {
        self.fields.contains(field)
    }

    /// Whether the mask covers the whole message, so that no value in it may be
    /// ignored.
    pub fn is_whole(&self) -> bool {
        self.whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[(&str, bool)] = &[("url", true), ("region", false)];
    const ELSEWHERE: &[FieldChangedElsewhere] = &[("status", "Enable changes it")];

    fn read(paths: Option<&[&str]>) -> (UpdateMask, bool) {
        let mask = paths.map(|paths| FieldMask {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        });
        let mut violations = FieldViolations::default();
        let mask = UpdateMask::read(mask.as_ref(), KNOWN, ELSEWHERE, &mut violations);
        (mask, violations.is_empty())
    }

    #[test]
    fn an_absent_mask_means_what_has_a_value() {
        for absent in [None, Some(&[][..])] {
            let (mask, fine) = read(absent);
            assert!(fine && mask.is_whole() && mask.has("url") && !mask.has("region"));
        }
    }

    #[test]
    fn a_star_means_all_and_stands_alone() {
        let (mask, fine) = read(Some(&["*"]));
        assert!(fine && mask.is_whole() && mask.has("url") && mask.has("region"));
        assert!(!read(Some(&["*", "url"])).1);
    }

    #[test]
    fn unknown_paths_are_refused() {
        let (mask, fine) = read(Some(&["region"]));
        assert!(fine && !mask.is_whole() && mask.has("region") && !mask.has("url"));
        for bad in ["status", "url.host", "", "signing_secret"] {
            assert!(!read(Some(&[bad])).1, "{bad}");
        }
    }
}
