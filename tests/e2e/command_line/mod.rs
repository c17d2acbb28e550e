//! The command line, typed against a running Postrider.
//!
//! Fed by a cluster with TLS, an agent and receivers. Guarantees that every command of the
//! table is run, that what is printed can be used by people and by scripts, that errors end
//! with their codes and say what to do, and that no text of a receiver's or a publisher's
//! reaches the terminal as it is.

mod bulk;
mod golden;
mod looking;
mod publishing;
mod setting_up;
mod terminal;

use postrider_tests::cluster::{Cluster, Engine};

use self::terminal::Terminal;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_works() {
    let cluster = Cluster::small(Engine::Sqlite).await.unwrap();
    let terminal = Terminal::at(&cluster);
    crate::stage::play(vec![
        ("tenants", Box::pin(setting_up::tenants_are_made_and_changed(&terminal)) as _),
        ("subscriptions", Box::pin(setting_up::subscriptions_are_made(&cluster, &terminal)) as _),
        ("catalogue", Box::pin(setting_up::a_catalogue_is_imported_after_a_look(&terminal)) as _),
        ("tokens", Box::pin(setting_up::tokens_are_made_and_revoked(&terminal)) as _),
        ("contexts", Box::pin(setting_up::contexts_name_servers(&cluster, &terminal)) as _),
        ("publishing", Box::pin(publishing::events_are_published(&cluster, &terminal)) as _),
        ("streams", Box::pin(publishing::a_stream_goes_on_where_it_ended(&terminal)) as _),
        ("hostile", Box::pin(publishing::hostile_text_is_escaped(&cluster, &terminal)) as _),
        ("history", Box::pin(looking::history_is_shown(&cluster, &terminal)) as _),
        ("tail", Box::pin(looking::attempts_are_tailed(&cluster, &terminal)) as _),
        ("fleet", Box::pin(looking::the_fleet_is_shown(&cluster, &terminal)) as _),
        ("audit", Box::pin(looking::records_are_listed_and_verified(&terminal)) as _),
        ("errors", Box::pin(looking::errors_say_what_to_do(&terminal)) as _),
        ("bulk", Box::pin(bulk::work_in_bulk_is_followed(&cluster, &terminal)) as _),
        ("account", Box::pin(bulk::an_account_is_read(&cluster, &terminal)) as _),
        ("expunge", Box::pin(bulk::payloads_are_expunged(&terminal)) as _),
        ("files", Box::pin(setting_up::completions_and_man_pages_are_written(&terminal)) as _),
    ])
    .await;
    // Last, since it ends the agent.
    setting_up::an_agent_is_drained(&terminal).await;
    let run = terminal.commands_run();
    let missing: Vec<String> =
        postrider_cli::command_words().into_iter().filter(|words| !run.contains(words)).collect();
    assert!(missing.is_empty(), "no scenario runs {missing:?}");
}
