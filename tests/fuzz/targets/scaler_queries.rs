//! libFuzzer's entrance to the target `scaler_queries`.

#![no_main]

postrider_fuzz::fuzz!("scaler_queries");
