//! The command line: one file for each group of commands. Commands that talk to a server do so over gRPC, as any other
//! caller would; they have no way around it.

mod access;
mod case;
mod client;
mod config;
mod demo;
mod downstream;
mod exit;
mod export;
#[cfg(fuzzing)]
pub mod fuzz;
mod health;
mod hold;
mod json;
mod key;
mod migrate;
mod notice;
mod output;
mod receipt;
mod retention;
mod serve;
mod signal;
mod subject;
mod table;
mod task;
mod time;
mod tls;
mod words;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use exit::{Exit, Failure};
use output::Format;

const AFTER_HELP: &str = "\
Exit codes:
  0  done
  1  a fault of rightful, or one that is not known
  2  wrong usage or bad input
  3  no such case, task, hold, sweep, downstream, webhook or file
  4  not possible in this state
  5  the server cannot be reached, or is overloaded
  6  a case ended without being fulfilled in full, rows of an import were not opened, or a check or a verification failed
  7  the server does not know who calls, or they may not do this

Try it without any preparation: rightful demo";

/// Fulfils data-subject requests across many services: a portable export, or an erasure receipt that can be proven.
#[derive(Parser)]
#[command(name = "rightful", version, after_help = AFTER_HELP, arg_required_else_help = true)]
#[command(subcommand_required = true, infer_long_args = false)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command that talks to a server understands.
#[derive(Args)]
struct Global {
    /// The server that client commands talk to.
    #[arg(long, global = true, env = "RIGHTFUL_SERVER", default_value = "http://127.0.0.1:7443")]
    #[arg(value_name = "URL", hide_env_values = true)]
    server: String,
    /// Who calls, such as support-desk. Request ids are unique per caller. Default: local.
    #[arg(long, global = true, env = "RIGHTFUL_CALLER", value_name = "NAME", hide_env_values = true)]
    caller: Option<String>,
    /// A file with the token that says who calls. It is read anew by each command.
    #[arg(long, global = true, env = "RIGHTFUL_TOKEN_FILE", value_name = "FILE", hide_env_values = true)]
    token_file: Option<std::path::PathBuf>,
    #[command(flatten)]
    tls: tls::Tls,
    /// Tables for people, or the answer's proto3 JSON for programs.
    #[arg(long, short, global = true, value_enum, default_value_t)]
    output: Format,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server.
    Serve(serve::Arguments),
    /// See it at work: needs nothing, and takes a few seconds.
    Demo(demo::Arguments),
    /// Open, follow and finish cases.
    #[command(subcommand)]
    Case(Box<case::Command>),
    /// End tasks that wait for people.
    #[command(subcommand)]
    Task(task::Command),
    /// Read what happened to cases, and see who is told.
    #[command(subcommand)]
    Notice(notice::Command),
    /// Fetch and verify exports.
    #[command(subcommand)]
    Export(export::Command),
    /// Fetch the receipts of erasures and other changes.
    #[command(subcommand)]
    Receipt(receipt::Command),
    /// Look at the registered downstreams.
    #[command(subcommand)]
    Downstream(downstream::Command),
    /// Stop erasures of a person for a legal matter, and let them go on.
    #[command(subcommand)]
    Hold(hold::Command),
    /// Look after what has outlived its period.
    #[command(subcommand)]
    Retention(retention::Command),
    /// Look after the keys that everything is sealed with.
    #[command(subcommand)]
    Key(key::Command),
    /// See as whom the server knows you, and who was turned away.
    #[command(subcommand)]
    Access(access::Command),
    /// Ask a server whether it can answer calls.
    Health(health::Arguments),
    /// Bring the database up to this version. `serve` does so itself.
    Migrate(config::File),
    /// Look at the configuration.
    #[command(subcommand)]
    Config(config::Command),
}

/// Runs what the process's arguments ask for. Results go to stdout, faults and progress to stderr.
pub async fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help that cannot be printed has nobody to tell.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    // Boxed: all commands together are one large future.
    match Box::pin(dispatch(cli)).await {
        Ok(()) => Exit::Done.into(),
        Err(failure) => {
            failure.print();
            failure.exit().into()
        }
    }
}

async fn dispatch(Cli { global, command }: Cli) -> Result<(), Failure> {
    match command {
        Command::Serve(arguments) => Box::pin(serve::run(arguments)).await,
        Command::Demo(arguments) => Box::pin(demo::run(arguments)).await,
        Command::Case(command) => Box::pin(case::run(&global, *command)).await,
        Command::Task(command) => task::run(&global, command).await,
        Command::Notice(command) => notice::run(&global, command).await,
        Command::Export(command) => export::run(&global, command).await,
        Command::Receipt(command) => receipt::run(&global, command).await,
        Command::Downstream(command) => downstream::run(&global, command).await,
        Command::Hold(command) => hold::run(&global, command).await,
        Command::Retention(command) => retention::run(&global, command).await,
        Command::Key(command) => key::run(command).await,
        Command::Access(command) => access::run(&global, command).await,
        Command::Health(arguments) => health::run(&global, arguments).await,
        Command::Migrate(file) => migrate::run(&file).await,
        Command::Config(command) => config::run(&global, &command),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::{AFTER_HELP, Cli, exit::Exit};

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn globals_may_stand_behind_the_command() {
        let cli =
            Cli::try_parse_from(["rightful", "case", "get", "x", "--server", "http://h:1", "-o", "json"]);
        assert_eq!(
            cli.map(|cli| cli.global.server).map_err(|error| error.kind()),
            Ok("http://h:1".to_owned())
        );
    }

    #[test]
    fn wrong_usage_is_refused() {
        for arguments in [&["case", "open"][..], &["case", "open", "--right", "everything"], &["nonsense"]] {
            let parsed = Cli::try_parse_from([&["rightful"], arguments].concat());
            assert!(parsed.is_err_and(|error| error.exit_code() == 2), "{arguments:?}");
        }
    }

    #[test]
    fn the_help_names_every_exit_code() {
        for exit in Exit::ALL {
            assert!(AFTER_HELP.contains(&format!("\n  {}  ", exit as u8)), "{exit:?}");
        }
    }
}
