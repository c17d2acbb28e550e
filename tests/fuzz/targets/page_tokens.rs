//! libFuzzer's entrance to the target `page_tokens`.

#![no_main]

postrider_fuzz::fuzz!("page_tokens");
