//! libFuzzer's entrance to the target `console_fields`.

#![no_main]

postrider_fuzz::fuzz!("console_fields");
