//! libFuzzer's entrance to the target `subscription_updates`.

#![no_main]

postrider_fuzz::fuzz!("subscription_updates");
