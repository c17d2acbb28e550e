//! libFuzzer's entrance to the target `token_requests`.

#![no_main]

postrider_fuzz::fuzz!("token_requests");
