//! libFuzzer's entrance to the target `console_requests`.

#![no_main]

postrider_fuzz::fuzz!("console_requests");
