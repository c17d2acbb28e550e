//! libFuzzer's entrance to the target `stored_secrets`.

#![no_main]

postrider_fuzz::fuzz!("stored_secrets");
