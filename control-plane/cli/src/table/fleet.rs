//! Commands about regions, agents and replicas.

use super::spec::{
    ArgumentSpec, ArgumentValue, CommandAction, CommandSpec, RAW_FILTER, REGION_FILTER, lists,
    option, positional, shows,
};

/// A replica, or all of them.
const fn replica(field: &'static str) -> ArgumentSpec {
    positional("REPLICA", "The replica, or - for all", field, ArgumentValue::Name("replicas/{}"))
}

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        words: &["regions", "list"],
        about: "List regions, with what is under way and what waits",
        examples: "",
        arguments: &[],
        action: lists("postrider.v1.FleetService/ListRegions", "regions"),
    },
    CommandSpec {
        words: &["agents", "list"],
        about: "List agents",
        examples: "  postrider agents --region eu --state draining",
        arguments: &[
            REGION_FILTER,
            option(
                "state",
                "connected, draining or clock_skewed",
                "",
                ArgumentValue::FilterWord("state = {}"),
            ),
            RAW_FILTER,
        ],
        action: lists("postrider.v1.FleetService/ListAgents", "agents"),
    },
    CommandSpec {
        words: &["agents", "drain"],
        about: "Give an agent no more work",
        examples: "",
        arguments: &[positional(
            "AGENT",
            "The agent: its id",
            "name",
            ArgumentValue::Name("agents/{}"),
        )],
        action: shows("postrider.v1.FleetService/DrainAgent"),
    },
    CommandSpec {
        words: &["activity"],
        about: "Show what goes on: rates of the last minute, and endpoints that fail",
        examples: "",
        arguments: &[],
        action: shows("postrider.v1.FleetService/GetFleetActivity"),
    },
    CommandSpec {
        words: &["replicas", "list"],
        about: "List replicas",
        examples: "",
        arguments: &[],
        action: lists("postrider.v1.FleetService/ListReplicas", "replicas"),
    },
    CommandSpec {
        words: &["replicas", "loops"],
        about: "Show what the background loops of a replica, or of all (-), did last",
        examples: "  postrider replicas loops -",
        arguments: &[replica("parent")],
        action: lists("postrider.v1.FleetService/ListBackgroundLoops", "background_loops"),
    },
    CommandSpec {
        words: &["replicas", "set-log-levels"],
        about: "Set the levels of a replica's log, or of all (-), for a while",
        examples: "  postrider replicas set-log-levels - --levels info,postrider::flow=debug --ttl 10m\n  \
                   postrider replicas set-log-levels -    # what the settings say, at once",
        arguments: &[
            replica("name"),
            option(
                "levels",
                "Levels by module, as RUST_LOG has them",
                "filter",
                ArgumentValue::Text,
            ),
            option("ttl", "For how long; 15m unless given", "ttl", ArgumentValue::Span),
        ],
        action: lists("postrider.v1.FleetService/SetLogLevels", "log_levels"),
    },
    CommandSpec {
        words: &["doctor"],
        about: "Say what is wrong with this installation",
        examples: "  Looks at the way to the server, certificates, clocks, replicas, agents, loops and\n  \
                   lag, with the permission fleet.read. Ends with 7 if something is wrong.",
        arguments: &[option(
            "max-lag",
            "How long a due delivery may wait before it counts as wrong; 60s unless given",
            "",
            ArgumentValue::Span,
        )],
        action: CommandAction::Doctor,
    },
];
