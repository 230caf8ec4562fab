//! The command line.

use clap::Parser;
use stoa::command::{self, CommandLine};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    command::run(CommandLine::parse())
}
