//! libFuzzer's entrance to the target `claims`.

#![no_main]

postrider_fuzz::fuzz!("claims");
