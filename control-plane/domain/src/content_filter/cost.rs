//! What evaluating a filter may cost, before it is evaluated.
//!
//! Fed by the check of a filter, which adds up a [`FilterCost`] over its syntax tree,
//! and by an event's [`EventSize`]; feeds `evaluate` a bound on the work.
//!
//! Why this is a bound: a value is never named twice (CEL has no assignments),
//! so what flows through an operator is at most the sum of what its operands
//! carry, and every operator that the check lets through is linear in that: `==`
//! even in the smaller of the two. Only a comprehension repeats work, and no
//! comprehension stands inside another one. So the work is a polynomial of the
//! event's weight and of the number of iterations, and the filter's shape gives
//! its coefficients.
//!
//! Keeps the invariant `conditions-hold-up-nobody`.

use std::ops::Add;

/// The cost of visiting a node, in units of about 25 ns: the time to copy one small
/// value.
const NODE_COST_UNITS: u64 = 4;
/// How many bytes of text are copied or compared in the time of one small value.
pub(super) const TEXT_BYTES_PER_UNIT: usize = 64;

/// The size of an event, as a filter sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct EventSize {
    /// The cost of copying everything that the filter may look at, in units.
    pub weight: u64,
    /// Entries of its largest list or map.
    pub longest: u64,
}

impl EventSize {
    pub fn add_text(&mut self, text: &str) {
        self.weight += 1 + (text.len() / TEXT_BYTES_PER_UNIT) as u64;
    }
}

/// Coefficients of 1, of the event's weight, of the iterations, and of their product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FilterCost {
    pub once: u64,
    pub once_event: u64,
    pub each: u64,
    pub each_event: u64,
}

impl FilterCost {
    pub const ZERO: Self = Self { once: 0, once_event: 0, each: 0, each_event: 0 };

    /// Visiting one node.
    pub fn node(repeated: bool) -> Self {
        Self::units(NODE_COST_UNITS, repeated)
    }

    /// A literal of the filter.
    pub fn text(bytes: usize, repeated: bool) -> Self {
        Self::units(1 + (bytes / TEXT_BYTES_PER_UNIT) as u64, repeated)
    }

    /// A value of the event: at most all of it.
    pub fn event(repeated: bool) -> Self {
        if repeated {
            Self { each_event: 1, ..Self::ZERO }
        } else {
            Self { once_event: 1, ..Self::ZERO }
        }
    }

    fn units(units: u64, repeated: bool) -> Self {
        if repeated {
            Self { each: units, ..Self::ZERO }
        } else {
            Self { once: units, ..Self::ZERO }
        }
    }

    pub fn times(self, factor: u64) -> Self {
        let times = |units: u64| units.saturating_mul(factor);
        Self {
            once: times(self.once),
            once_event: times(self.once_event),
            each: times(self.each),
            each_event: times(self.each_event),
        }
    }

    /// The one that grows more slowly with the event.
    pub fn smaller(self, other: Self) -> Self {
        let growth = |cost: &Self| (cost.each_event, cost.each, cost.once_event, cost.once);
        if growth(&self) <= growth(&other) { self } else { other }
    }

    /// The units that it comes to.
    pub fn total(&self, weight: u64, iterations: u64) -> u64 {
        let repeated = self.each.saturating_add(self.each_event.saturating_mul(weight));
        self.once
            .saturating_add(self.once_event.saturating_mul(weight))
            .saturating_add(iterations.saturating_mul(repeated))
    }
}

impl Add for FilterCost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            once: self.once.saturating_add(other.once),
            once_event: self.once_event.saturating_add(other.once_event),
            each: self.each.saturating_add(other.each),
            each_event: self.each_event.saturating_add(other.each_event),
        }
    }
}
