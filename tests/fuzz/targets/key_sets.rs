//! libFuzzer's entrance to the target `key_sets`.

#![no_main]

postrider_fuzz::fuzz!("key_sets");
