//! States as words in a colour.
//!
//! Fed by pages; feeds them markup. The words say what the colour does.

use maud::{Markup, html};
use postrider_proto::v1::{CircuitState, DeliveryState, SubscriptionStatus};

/// What a state means for whoever looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Good,
    /// Neither.
    Plain,
    /// Something to look at.
    Warning,
    Bad,
}

impl Tone {
    pub const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Plain => "plain",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }
}

pub fn badge(tone: Tone, words: &str) -> Markup {
    html! { span class={ "badge " (tone.class()) } { (words) } }
}

/// A subscription's status, by its code in a message.
pub fn subscription_status(code: i32) -> Markup {
    let (tone, words) = match SubscriptionStatus::try_from(code).unwrap_or_default() {
        SubscriptionStatus::Enabled => (Tone::Good, "Live"),
        SubscriptionStatus::Paused => (Tone::Warning, "Paused"),
        SubscriptionStatus::Disabled => (Tone::Plain, "Disabled"),
        SubscriptionStatus::Unspecified => (Tone::Plain, "Unknown"),
    };
    badge(tone, words)
}

/// A circuit that is not closed; nothing for one that is.
pub fn circuit(code: i32) -> Option<Markup> {
    match CircuitState::try_from(code).unwrap_or_default() {
        CircuitState::Open => Some(badge(Tone::Bad, "Failing")),
        CircuitState::HalfOpen => Some(badge(Tone::Warning, "Probing")),
        CircuitState::Closed | CircuitState::Unspecified => None,
    }
}

/// A delivery's state, by its code in a message.
pub fn delivery_state(code: i32) -> Markup {
    let (tone, words) = match DeliveryState::try_from(code).unwrap_or_default() {
        DeliveryState::Succeeded => (Tone::Good, "Delivered"),
        DeliveryState::Held => (Tone::Plain, "Held for order"),
        DeliveryState::Waiting => (Tone::Warning, "Waiting"),
        DeliveryState::InFlight => (Tone::Plain, "Being sent"),
        DeliveryState::Exhausted => (Tone::Bad, "Failed"),
        DeliveryState::Cancelled => (Tone::Plain, "Cancelled"),
        DeliveryState::Suppressed => (Tone::Plain, "Not sent"),
        DeliveryState::Unspecified => (Tone::Plain, "Unknown"),
    };
    badge(tone, words)
}
