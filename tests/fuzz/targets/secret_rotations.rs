//! libFuzzer's entrance to the target `secret_rotations`.

#![no_main]

postrider_fuzz::fuzz!("secret_rotations");
