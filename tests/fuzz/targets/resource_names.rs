//! libFuzzer's entrance to the target `resource_names`.

#![no_main]

postrider_fuzz::fuzz!("resource_names");
