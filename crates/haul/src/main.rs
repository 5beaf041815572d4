//! The program `haul`: what concerns the process as a whole. All else is in the library beside it,
//! which other programs use too.

mod allocator;
mod limits;

use std::process::ExitCode;

fn main() -> ExitCode {
    allocator::tune();
    limits::raise();
    haul_command::run_command()
}
