//! libFuzzer's entrance to the target `certificates`.

#![no_main]

postrider_fuzz::fuzz!("certificates");
