//! libFuzzer's entrance to the target `times`.

#![no_main]

postrider_fuzz::fuzz!("times");
