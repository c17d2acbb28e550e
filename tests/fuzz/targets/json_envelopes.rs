//! libFuzzer's entrance to the target `json_envelopes`.

#![no_main]

postrider_fuzz::fuzz!("json_envelopes");
