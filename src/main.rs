//! The `rightful` binary: a runtime, and the command line in it.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    rightful::cli::run().await
}
