//! libFuzzer's entrance to the target `event_types`.

#![no_main]

postrider_fuzz::fuzz!("event_types");
