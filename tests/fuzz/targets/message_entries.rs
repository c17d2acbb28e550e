//! libFuzzer's entrance to the target `message_entries`.

#![no_main]

postrider_fuzz::fuzz!("message_entries");
