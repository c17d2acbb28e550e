//! libFuzzer's entrance to the target `console_cookies`.

#![no_main]

postrider_fuzz::fuzz!("console_cookies");
