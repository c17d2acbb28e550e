//! libFuzzer's entrance to the target `http2_answers`.

#![no_main]

postrider_fuzz::fuzz!("http2_answers");
