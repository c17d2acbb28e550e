//! libFuzzer's entrance to the target `id_tokens`.

#![no_main]

postrider_fuzz::fuzz!("id_tokens");
