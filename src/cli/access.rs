//! `rightful access …`: who one is to the server, and who was turned away.

use clap::Subcommand;

use super::{
    Global,
    client::{Client, timed},
    exit::Failure,
    output::{self, Format},
    table::Table,
    time, words,
};
use crate::{
    clock::{Clock as _, SystemClock},
    proto::v1::{GetCallerRequest, ListDenialsRequest},
};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Say as whom the server knows you, and what you may do.
    Whoami,
    /// List calls that were denied, newest first.
    Denials {
        /// At most this many.
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
    },
}

pub(super) async fn run(global: &Global, command: Command) -> Result<(), Failure> {
    let mut client = Client::connect(global).await?;
    match command {
        Command::Whoami => {
            let answer = client.access.get_caller(timed(GetCallerRequest {})).await?.into_inner();
            if matches!(global.output, Format::Json) {
                return output::json(&answer);
            }
            let roles: Vec<String> = answer.roles.iter().map(|role| words::role(*role)).collect();
            let mut table = Table::new(&[]);
            table.fact("caller", answer.caller.as_str());
            table.fact("roles", roles.join(", "));
            table.fact("downstream", answer.downstream.as_str());
            let known =
                if answer.authenticated { "a token or a certificate" } else { "its own word: --insecure" };
            table.fact("known by", known);
            output::line(table.text())
        }
        Command::Denials { limit } => {
            let request = ListDenialsRequest { page_size: limit, ..ListDenialsRequest::default() };
            let answer = client.access.list_denials(timed(request)).await?.into_inner();
            if matches!(global.output, Format::Json) {
                return output::json(&answer);
            }
            let now = SystemClock.now();
            let mut table = Table::new(&["WHEN", "CALLER", "FROM", "RPC", "WHY", "TIMES"]);
            for denial in &answer.denials {
                table.row([
                    time::shown(denial.deny_time.as_ref(), now).into(),
                    denial.caller.as_str().into(),
                    denial.address.as_str().into(),
                    denial.rpc.as_str().into(),
                    denial.reason.as_str().into(),
                    words::grouped(denial.count).into(),
                ]);
            }
            output::line(table.text())
        }
    }
}
