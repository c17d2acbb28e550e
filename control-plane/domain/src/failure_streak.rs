//! Failure streaks: when an endpoint that only fails is warned about, and when its
//! subscription is disabled.
//!
//! Fed by `flow::conclude` with outcomes and by `flow::endpoint_watch` with the time;
//! feeds both what to do. Guarantees that every warning comes once and before the end,
//! and that tests and attempts with an unknown outcome change nothing.

use std::time::Duration;

use crate::delivery::Outcome;
use crate::subscription::AutoDisable;
use crate::time::Timestamp;

/// How far a failure streak has gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WarningStage {
    /// No warning yet.
    #[default]
    Begun,
    /// Warned after a tenth of the time.
    Tenth,
    /// Warned after a half of it.
    Half,
    /// The subscription is disabled, or about to be.
    Over,
}

impl WarningStage {
    /// Part of the storage format: never changed, never used again.
    pub const fn code(self) -> i16 {
        match self {
            Self::Begun => 0,
            Self::Tenth => 1,
            Self::Half => 2,
            Self::Over => 3,
        }
    }

    pub const fn from_code(code: i16) -> Option<Self> {
        match code {
            0 => Some(Self::Begun),
            1 => Some(Self::Tenth),
            2 => Some(Self::Half),
            3 => Some(Self::Over),
            _ => None,
        }
    }

    /// The part of the time after which the stage is reached.
    pub const fn fraction(self) -> &'static str {
        match self {
            Self::Begun => "0",
            Self::Tenth => "1/10",
            Self::Half => "1/2",
            Self::Over => "1",
        }
    }

    fn reached_after(self, whole: Duration) -> Duration {
        match self {
            Self::Begun => Duration::ZERO,
            Self::Tenth => whole / 10,
            Self::Half => whole / 2,
            Self::Over => whole,
        }
    }
}

/// A series of failures without a success between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailureStreak {
    /// When the first failure began.
    pub since: Timestamp,
    pub stage: WarningStage,
}

impl FailureStreak {
    pub const fn begun(since: Timestamp) -> Self {
        Self { since, stage: WarningStage::Begun }
    }

    /// The next stage, if its time has come. One stage at a time, so that no warning is
    /// skipped.
    pub fn due(self, rule: AutoDisable, now: Timestamp) -> Option<WarningStage> {
        let next = self.next(rule)?;
        (now >= self.reaches(next, rule)).then_some(next)
    }

    /// When it is time for the next stage, if there is one.
    pub fn next_step(self, rule: AutoDisable) -> Option<Timestamp> {
        self.next(rule).map(|next| self.reaches(next, rule))
    }

    fn next(self, rule: AutoDisable) -> Option<WarningStage> {
        match self.stage {
            WarningStage::Begun => Some(WarningStage::Tenth),
            WarningStage::Tenth => Some(WarningStage::Half),
            WarningStage::Half => (!rule.never).then_some(WarningStage::Over),
            WarningStage::Over => None,
        }
    }

    fn reaches(self, stage: WarningStage, rule: AutoDisable) -> Timestamp {
        self.since + stage.reached_after(rule.after)
    }

    /// When the subscription is disabled; `None` if never.
    pub fn ends(self, rule: AutoDisable) -> Option<Timestamp> {
        (!rule.never).then(|| self.since + rule.after)
    }

    /// Whether its end is to be reported.
    pub fn was_warned_about(self) -> bool {
        self.stage > WarningStage::Begun
    }
}

/// What an attempt says about its endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointSignal {
    Works,
    Fails,
}

impl EndpointSignal {
    /// `None` for tests and for attempts with an unknown outcome, which say nothing
    /// about the endpoint.
    pub const fn of(outcome: Outcome, test: bool) -> Option<Self> {
        match outcome {
            _ if test => None,
            Outcome::Unknown => None,
            Outcome::Succeeded => Some(Self::Works),
            Outcome::Timeout
            | Outcome::HttpStatus
            | Outcome::DnsFailed
            | Outcome::ConnectFailed
            | Outcome::TlsFailed
            | Outcome::ConnectionClosed
            | Outcome::ResponseTooLarge
            | Outcome::BlockedAddress
            | Outcome::InvalidRequest
            | Outcome::TokenFailed => Some(Self::Fails),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT_RULE: AutoDisable = AutoDisable { after: Duration::from_secs(100), never: false };

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn steps(rule: AutoDisable, looks: impl Iterator<Item = i64>) -> Vec<(i64, WarningStage)> {
        let mut streak = FailureStreak::begun(at(1000));
        let mut seen = Vec::new();
        for second in looks {
            if let Some(stage) = streak.due(rule, at(1000 + second)) {
                streak.stage = stage;
                seen.push((second, stage));
            }
        }
        seen
    }

    #[test]
    fn warnings_come_at_a_tenth_and_a_half_and_the_end_at_the_whole() {
        let wanted =
            [(10, WarningStage::Tenth), (50, WarningStage::Half), (100, WarningStage::Over)];
        assert_eq!(steps(SHORT_RULE, 0..500), wanted);
    }

    #[test]
    fn a_late_look_still_gives_every_warning_first() {
        let wanted =
            [(300, WarningStage::Tenth), (301, WarningStage::Half), (302, WarningStage::Over)];
        assert_eq!(steps(SHORT_RULE, 300..500), wanted);
    }

    #[test]
    fn never_warns_and_does_not_end() {
        let rule = AutoDisable { never: true, ..SHORT_RULE };
        assert_eq!(steps(rule, 0..500), [(10, WarningStage::Tenth), (50, WarningStage::Half)]);
        assert_eq!(FailureStreak::begun(at(0)).ends(rule), None);
        assert_eq!(FailureStreak::begun(at(1)).ends(SHORT_RULE), Some(at(101)));
    }

    #[test]
    fn a_clock_that_went_back_ends_nothing() {
        assert_eq!(FailureStreak::begun(at(1000)).due(SHORT_RULE, at(10)), None);
    }

    #[test]
    fn tests_and_unknown_attempts_say_nothing() {
        for outcome in Outcome::ALL {
            assert_eq!(EndpointSignal::of(*outcome, true), None);
            let sign = EndpointSignal::of(*outcome, false);
            match outcome {
                Outcome::Succeeded => assert_eq!(sign, Some(EndpointSignal::Works)),
                Outcome::Unknown => assert_eq!(sign, None),
                _ => assert_eq!(sign, Some(EndpointSignal::Fails), "{outcome:?}"),
            }
        }
    }

    #[test]
    fn stages_keep_their_codes() {
        for stage in
            [WarningStage::Begun, WarningStage::Tenth, WarningStage::Half, WarningStage::Over]
        {
            assert_eq!(WarningStage::from_code(stage.code()), Some(stage));
            assert_eq!(
                FailureStreak { since: at(0), stage }.was_warned_about(),
                stage != WarningStage::Begun
            );
        }
        assert_eq!(WarningStage::from_code(4), None);
    }
}
