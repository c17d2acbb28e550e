//! libFuzzer's entrance to the target `http_requests`.

#![no_main]

postrider_fuzz::fuzz!("http_requests");
