//! libFuzzer's entrance to the target `events`.

#![no_main]

postrider_fuzz::fuzz!("events");
