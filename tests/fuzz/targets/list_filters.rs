//! libFuzzer's entrance to the target `list_filters`.

#![no_main]

postrider_fuzz::fuzz!("list_filters");
