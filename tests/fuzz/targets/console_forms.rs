//! libFuzzer's entrance to the target `console_forms`.

#![no_main]

postrider_fuzz::fuzz!("console_forms");
