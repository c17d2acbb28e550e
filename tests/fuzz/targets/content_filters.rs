//! libFuzzer's entrance to the target `content_filters`.

#![no_main]

postrider_fuzz::fuzz!("content_filters");
