//! libFuzzer's entrance to the target `agent_messages`.

#![no_main]

postrider_fuzz::fuzz!("agent_messages");
