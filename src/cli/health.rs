//! `rightful health`: whether a server can answer calls, as its health service says (gRPC Health Checking Protocol).

use clap::Args;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus};

use super::{
    Global,
    client::{Client, timed},
    exit::{Exit, Failure},
    output,
};

#[derive(Args)]
pub(super) struct Arguments {
    /// What is asked about: `readiness` (calls can be answered), `database`, `storage`, or a service by its full name.
    #[arg(default_value = "readiness", value_name = "SERVICE")]
    service: String,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> Result<(), Failure> {
    let mut client = Client::connect(global).await?;
    let Arguments { service } = arguments;
    let answer =
        client.health.check(timed(HealthCheckRequest { service: service.clone() })).await?.into_inner();
    let status = answer.status().as_str_name();
    if answer.status() == ServingStatus::Serving {
        output::line(format!("{service}: {status}"))
    } else {
        Err(Failure::new(Exit::Unreachable, format!("{service}: {status}")))
    }
}
