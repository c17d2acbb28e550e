//! libFuzzer's entrance to the target `account_windows`.

#![no_main]

postrider_fuzz::fuzz!("account_windows");
