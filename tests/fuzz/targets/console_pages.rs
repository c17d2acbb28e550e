//! libFuzzer's entrance to the target `console_pages`.

#![no_main]

postrider_fuzz::fuzz!("console_pages");
