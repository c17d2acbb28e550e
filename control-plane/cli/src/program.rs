//! The whole program that these commands are a part of.

use clap::Command;

/// Makes its parser, for completions and man pages.
pub type ProgramParser = fn() -> Command;
