//! libFuzzer's entrance to the target `settings`.

#![no_main]

postrider_fuzz::fuzz!("settings");
