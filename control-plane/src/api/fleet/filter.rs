//! Turns the filter of `ListAgents` into conditions, which are applied here: agents are
//! in memory.

use postrider_proto::v1;

use crate::api::lists::conditions::{equal, named, read, unknown};
use crate::api::lists::filter_syntax::FilterOperator;
use crate::api::values::names;

const SUPPORTED_FIELDS: &str = "region = and state =";

const AGENT_STATES: [(&str, v1::AgentState); 3] = [
    ("AGENT_STATE_CONNECTED", v1::AgentState::Connected),
    ("AGENT_STATE_DRAINING", v1::AgentState::Draining),
    ("AGENT_STATE_CLOCK_SKEWED", v1::AgentState::ClockSkewed),
];

/// A parsed filter of agents.
#[derive(Debug, Default)]
pub struct AgentFilter {
    region: Option<String>,
    state: Option<v1::AgentState>,
    /// Contradictory: nothing matches.
    nothing: bool,
}

impl AgentFilter {
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut filter = Self::default();
        read(text, |c| {
            match (c.field.as_str(), &c.key, c.operator) {
                ("region", None, FilterOperator::Equal) => {
                    let region = names::region(&c.value).map_err(|error| error.to_string())?;
                    equal(&mut filter.region, names::of_region(&region), &mut filter.nothing);
                }
                ("state", None, FilterOperator::Equal) => {
                    let state = named(&c.value, "AGENT_STATE_", &AGENT_STATES)?;
                    equal(&mut filter.state, state, &mut filter.nothing);
                }
                _ => return Err(unknown(c, SUPPORTED_FIELDS)),
            }
            Ok(())
        })?;
        Ok(filter)
    }

    pub fn matches(&self, agent: &v1::Agent) -> bool {
        !self.nothing
            && self.region.as_ref().is_none_or(|region| *region == agent.region)
            && self.state.is_none_or(|state| state == agent.state())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_the_contract_works() {
        let mut agent = v1::Agent { region: "regions/eu".into(), ..Default::default() };
        agent.set_state(v1::AgentState::Draining);
        let matches = |text: &str| AgentFilter::parse(text).unwrap().matches(&agent);
        assert!(matches("") && matches(r#"region = "regions/eu" AND state = DRAINING"#));
        assert!(matches("state = AGENT_STATE_DRAINING"));
        assert!(!matches("state = CONNECTED") && !matches("region = regions/us"));
        assert!(!matches("state = CONNECTED AND state = DRAINING"));
        assert!(AgentFilter::parse("state = GONE").is_err());
        assert!(AgentFilter::parse("version = 1").is_err());
    }
}
