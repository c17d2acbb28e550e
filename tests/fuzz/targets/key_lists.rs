//! libFuzzer's entrance to the target `key_lists`.

#![no_main]

postrider_fuzz::fuzz!("key_lists");
