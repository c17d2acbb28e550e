//! The buckets of histograms, by what they measure.
//!
//! A quantile is told as well as its bucket is narrow: between two bounds a factor of two to
//! three lies where an operator acts on a value, and more beyond. Each bucket is a series for
//! each set of labels, so there are no more than that needs.

/// Calls, commits and statements, in seconds: from half a millisecond, in which a small one is
/// done on this machine, to half a minute, after which every call has ended.
pub const CALL_SECONDS: &[f64] =
    &[0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Attempts and their parts, in seconds: from a receiver next door to the longest time-out of
/// a subscription, 60 s.
pub const ATTEMPT_SECONDS: &[f64] =
    &[0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// From a publish to an attempt or a success, in seconds: from 1 ms, by way of what an alert
/// looks at (a second, half a minute), to the usual retries (minutes and hours) and the three
/// days after which most deliveries have ended.
pub const DELIVERY_SECONDS: &[f64] = &[
    0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
    300.0, 900.0, 3_600.0, 14_400.0, 43_200.0, 86_400.0, 259_200.0,
];

/// Waits in a queue or for a turn, in seconds: from a tenth of a millisecond, when nothing is
/// in the way, to ten minutes, for which a backlog may wait in memory.
pub const WAIT_SECONDS: &[f64] = &[
    0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
    120.0, 600.0,
];

/// Items of one batch: doubled up to the most that a setting allows by default.
pub const BATCH_ITEMS: &[f64] =
    &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_024.0, 2_048.0];
