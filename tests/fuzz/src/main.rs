//! Writes the seeds of every target: `postrider-fuzz-seeds FOLDER`.
//!
//! Fed by the table of targets; feeds libFuzzer with a folder for each target, to which it
//! adds what it finds.

use std::path::Path;

use anyhow::Context as _;
use postrider_fuzz::FUZZ_TARGETS;

fn main() -> anyhow::Result<()> {
    let folder = std::env::args_os().nth(1).context("usage: postrider-fuzz-seeds FOLDER")?;
    for target in FUZZ_TARGETS {
        let folder = Path::new(&folder).join(target.name);
        std::fs::create_dir_all(&folder)?;
        for (number, seed) in (target.seeds)().into_iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}
