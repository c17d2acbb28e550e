//! libFuzzer's entrance to the target `http1_answers`.

#![no_main]

postrider_fuzz::fuzz!("http1_answers");
