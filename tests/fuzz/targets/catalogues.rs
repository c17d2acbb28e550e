//! libFuzzer's entrance to the target `catalogues`.

#![no_main]

postrider_fuzz::fuzz!("catalogues");
