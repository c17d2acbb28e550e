//! An endpoint that does nothing but fail: when it is warned about, and when it
//! is given up.
//!
//! Fed by `flow::conclude` with what came of attempts, and by `flow::streaks`
//! with the time; feeds both with what is to be done. Guarantees that every
//! warning comes before the end, each once, and that what says nothing of the
//! endpoint (a test, an attempt nobody can account for) changes nothing.

use std::time::Duration;

use crate::delivery::Outcome;
use crate::subscription::AutoDisable;
use crate::time::Timestamp;

/// How far an unbroken row of failures has gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Nobody was told.
    #[default]
    Begun,
    /// Warned after a tenth of the time.
    Tenth,
    /// Warned after a half of it.
    Half,
    /// Given up: the subscription is disabled, or about to be.
    Over,
}

impl Stage {
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

    /// The part of the time after which it is reached.
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

/// An unbroken row of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streak {
    /// The first of them.
    pub since: Timestamp,
    pub stage: Stage,
}

impl Streak {
    pub const fn begun(since: Timestamp) -> Self {
        Self { since, stage: Stage::Begun }
    }

    /// The next stage, if it is time for it: one step, so that no warning is
    /// left out however late it is noticed.
    pub fn due(self, rule: AutoDisable, now: Timestamp) -> Option<Stage> {
        let next = self.next(rule)?;
        (now >= self.reaches(next, rule)).then_some(next)
    }

    /// When it is time for the next stage, if there is one.
    pub fn next_step(self, rule: AutoDisable) -> Option<Timestamp> {
        self.next(rule).map(|next| self.reaches(next, rule))
    }

    fn next(self, rule: AutoDisable) -> Option<Stage> {
        match self.stage {
            Stage::Begun => Some(Stage::Tenth),
            Stage::Tenth => Some(Stage::Half),
            Stage::Half => (!rule.never).then_some(Stage::Over),
            Stage::Over => None,
        }
    }

    fn reaches(self, stage: Stage, rule: AutoDisable) -> Timestamp {
        self.since + stage.reached_after(rule.after)
    }

    /// When the subscription is given up; `None` when it never is.
    pub fn ends(self, rule: AutoDisable) -> Option<Timestamp> {
        (!rule.never).then(|| self.since + rule.after)
    }

    /// Whether its end is news to anybody.
    pub fn was_warned_about(self) -> bool {
        self.stage > Stage::Begun
    }
}

/// What an attempt says of its endpoint; `None`: nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    Works,
    Fails,
}

impl Sign {
    /// A test speaks for nobody, and an attempt that nobody can account for says
    /// nothing of the endpoint.
    pub const fn of(outcome: Outcome, test: bool) -> Option<Self> {
        match outcome {
            _ if test => None,
            Outcome::Unknown => None,
            Outcome::Succeeded => Some(Self::Works),
            _ => Some(Self::Fails),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const RULE: AutoDisable = AutoDisable { after: Duration::from_secs(100), never: false };

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn steps(rule: AutoDisable, looks: impl Iterator<Item = i64>) -> Vec<(i64, Stage)> {
        let mut streak = Streak::begun(at(1000));
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
        let wanted = [(10, Stage::Tenth), (50, Stage::Half), (100, Stage::Over)];
        assert_eq!(steps(RULE, 0..500), wanted);
    }

    #[test]
    fn a_late_look_still_gives_every_warning_first() {
        let wanted = [(300, Stage::Tenth), (301, Stage::Half), (302, Stage::Over)];
        assert_eq!(steps(RULE, 300..500), wanted);
    }

    #[test]
    fn never_warns_and_does_not_end() {
        let rule = AutoDisable { never: true, ..RULE };
        assert_eq!(steps(rule, 0..500), [(10, Stage::Tenth), (50, Stage::Half)]);
        assert_eq!(Streak::begun(at(0)).ends(rule), None);
        assert_eq!(Streak::begun(at(1)).ends(RULE), Some(at(101)));
    }

    #[test]
    fn a_clock_that_went_back_ends_nothing() {
        assert_eq!(Streak::begun(at(1000)).due(RULE, at(10)), None);
    }

    #[test]
    fn tests_and_unknown_attempts_say_nothing() {
        for outcome in Outcome::ALL {
            assert_eq!(Sign::of(*outcome, true), None);
            let sign = Sign::of(*outcome, false);
            match outcome {
                Outcome::Succeeded => assert_eq!(sign, Some(Sign::Works)),
                Outcome::Unknown => assert_eq!(sign, None),
                _ => assert_eq!(sign, Some(Sign::Fails), "{outcome:?}"),
            }
        }
    }

    #[test]
    fn stages_keep_their_codes() {
        for stage in [Stage::Begun, Stage::Tenth, Stage::Half, Stage::Over] {
            assert_eq!(Stage::from_code(stage.code()), Some(stage));
            assert_eq!(Streak { since: at(0), stage }.was_warned_about(), stage != Stage::Begun);
        }
        assert_eq!(Stage::from_code(4), None);
    }
}
