//! libFuzzer's entrance to the target `bearers`.

#![no_main]

postrider_fuzz::fuzz!("bearers");
