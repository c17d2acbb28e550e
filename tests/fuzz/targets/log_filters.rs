//! libFuzzer's entrance to the target `log_filters`.

#![no_main]

postrider_fuzz::fuzz!("log_filters");
