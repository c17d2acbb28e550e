//! The table of commands: their words, their arguments, and what each does.
//!
//! Fed by nothing, it is constant; feeds the parser, the help, the man pages, completions
//! and whoever carries a command out. Guarantees that a command is one row, which says by
//! itself what is called with which fields; only what is more than a call has code of its
//! own, and is named in its row.

mod audit;
mod catalogue;
mod deliveries;
mod events;
mod fleet;
mod local;
mod operations;
mod spec;
mod subscriptions;
mod tenants;
mod tokens;

pub use spec::{
    AnswerView, ArgumentForm, ArgumentSpec, ArgumentValue, CallSpec, CommandAction, CommandSpec,
};

/// The words under which commands stand together, and what they are about. One with a
/// command `list` does that when it is given alone.
pub const GROUPS: &[(&str, &str)] = &[
    ("tenants", "Customers whose money moves: list, get, create, update, delete"),
    ("subscriptions", "Where and how a tenant wants its events"),
    ("event-types", "The catalogue of event types; import it from a file"),
    ("events", "What was published"),
    ("deliveries", "One event for one subscription: where it stands, retry, cancel"),
    ("attempts", "Each POST: its outcome, its request and its answer"),
    ("operations", "Replays, backfills and expunges: follow, cancel"),
    ("regions", "Where agents run, and what waits there"),
    ("agents", "The processes that make the POSTs; drain one"),
    ("replicas", "The processes of the control plane; their loops and log levels"),
    ("tokens", "Tokens of the API, by which callers show who they are"),
    ("audit", "Records of changes; verify that nobody tampered with them"),
    ("contexts", "Names for servers, with what is needed to call them"),
];

/// All commands.
pub fn commands() -> impl Iterator<Item = &'static CommandSpec> {
    let parts: [&'static [CommandSpec]; 10] = [
        tenants::COMMANDS,
        subscriptions::COMMANDS,
        catalogue::COMMANDS,
        events::COMMANDS,
        deliveries::COMMANDS,
        operations::COMMANDS,
        fleet::COMMANDS,
        tokens::COMMANDS,
        audit::COMMANDS,
        local::COMMANDS,
    ];
    parts.into_iter().flatten()
}

/// The command of one or two words.
pub fn find(words: &[&str]) -> Option<&'static CommandSpec> {
    commands().find(|command| command.words == words)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use postrider_proto::FILE_DESCRIPTOR_SET;
    use prost_reflect::{DescriptorPool, MethodDescriptor};

    use super::*;

    fn method(pool: &DescriptorPool, name: &str) -> MethodDescriptor {
        let (service, method) = name.split_once('/').expect(name);
        let service = pool.get_service_by_name(service).expect(name);
        let found = service.methods().find(|found| found.name() == method);
        found.expect(name)
    }

    #[test]
    fn every_command_calls_a_method_with_its_fields() {
        let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap();
        for command in commands() {
            let CommandAction::Call(call) = &command.action else { continue };
            let method = method(&pool, call.method);
            for argument in command.arguments.iter().filter(|argument| !argument.field.is_empty()) {
                let mut message = Some(method.input());
                for name in argument.field.split('.') {
                    let inside = message.take().expect(argument.field);
                    let field = inside.get_field_by_name(name);
                    let field = field
                        .unwrap_or_else(|| panic!("{:?} sets {}", command.words, argument.field));
                    message = field.kind().as_message().cloned();
                }
            }
            let shown = match call.view {
                AnswerView::Message(field) | AnswerView::List(field) => field,
                AnswerView::Done(_) => "",
            };
            let is_there = shown.is_empty() || method.output().get_field_by_name(shown).is_some();
            assert!(is_there, "{:?} shows {shown}", command.words);
        }
    }

    #[test]
    fn commands_have_words_of_their_own() {
        let mut seen = BTreeSet::new();
        for command in commands() {
            assert!(seen.insert(command.words), "{:?} stands twice", command.words);
            if let [group, _] = command.words {
                assert!(GROUPS.iter().any(|(known, _)| known == group), "{group} is no group");
            }
            let mut ids = BTreeSet::new();
            for argument in command.arguments.iter().filter(|argument| !argument.id.is_empty()) {
                assert!(ids.insert(argument.id), "{:?}: {}", command.words, argument.id);
            }
        }
    }

    /// What is called by code of its own instead of by a row.
    const CALLED_BY_CODE: &[&str] = &[
        "postrider.v1.EventService/PublishEvent",
        "postrider.v1.EventService/PublishStream",
        "postrider.v1.EventService/ReconcileEvents",
        "postrider.v1.EventService/ExpungeEvents",
        "postrider.v1.EventTypeService/ImportEventTypes",
        "postrider.v1.DeliveryService/ReplayDeliveries",
        "postrider.v1.DeliveryService/WatchAttempts",
        "postrider.v1.SubscriptionService/BackfillSubscription",
        "postrider.v1.SubscriptionService/GetSubscriptionStats",
        "postrider.v1.SubscriptionService/TestSubscription",
        "postrider.v1.TokenService/CreateToken",
        "postrider.v1.AuditService/VerifyAuditLog",
    ];
    /// Has no command: the stream does the same without a limit of events.
    const WITHOUT_COMMAND: &[&str] = &["postrider.v1.EventService/PublishEvents"];

    #[test]
    fn every_method_of_the_api_has_a_command() {
        let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap();
        let called: BTreeSet<&str> = commands()
            .filter_map(|command| match &command.action {
                CommandAction::Call(call) => Some(call.method),
                _ => None,
            })
            .chain(CALLED_BY_CODE.iter().copied())
            .chain(WITHOUT_COMMAND.iter().copied())
            .collect();
        let public = pool.services().filter(|service| service.package_name() == "postrider.v1");
        for service in public {
            for method in service.methods() {
                let name = format!("{}/{}", service.full_name(), method.name());
                assert!(called.contains(name.as_str()), "{name} has no command");
            }
        }
    }
}
