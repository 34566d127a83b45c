//! The `salesbridge` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    salesbridge::command::main()
}
