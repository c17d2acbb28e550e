//! libFuzzer's entrance to the target `certificate_names`.

#![no_main]

postrider_fuzz::fuzz!("certificate_names");
