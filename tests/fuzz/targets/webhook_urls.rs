//! libFuzzer's entrance to the target `webhook_urls`.

#![no_main]

postrider_fuzz::fuzz!("webhook_urls");
