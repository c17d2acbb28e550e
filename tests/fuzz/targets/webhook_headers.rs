//! libFuzzer's entrance to the target `webhook_headers`.

#![no_main]

postrider_fuzz::fuzz!("webhook_headers");
