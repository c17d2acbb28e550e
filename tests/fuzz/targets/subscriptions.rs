//! libFuzzer's entrance to the target `subscriptions`.

#![no_main]

postrider_fuzz::fuzz!("subscriptions");
