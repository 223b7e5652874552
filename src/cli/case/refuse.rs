//! `rightful case refuse`: on a ground of the law.

use clap::Args;

use crate::{
    cli::exit::Failure,
    proto::{
        downstream::v1::{Ground, GroundCode},
        v1::RefuseCaseRequest,
    },
};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// The case's id.
    #[arg(value_name = "CASE_ID")]
    case_id: String,
    /// The ground: `manifestly_unfounded`, `excessive`, `identity_in_doubt`, `rights_of_others`, `statutory_exemption`, …
    #[arg(long, value_name = "GROUND")]
    ground: String,
    /// The law and article: `GDPR 12(5)`.
    #[arg(long, value_name = "TEXT", default_value = "")]
    source: String,
    /// A sentence for the person. No personal data.
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
}

/// What to send.
pub(super) fn request(arguments: Arguments) -> Result<RefuseCaseRequest, Failure> {
    let name = format!("GROUND_CODE_{}", arguments.ground.to_uppercase());
    let code = GroundCode::from_str_name(&name).ok_or_else(|| {
        Failure::usage("--ground: must be a ground such as manifestly_unfounded or excessive")
    })?;
    let ground = Ground { code: code.into(), source: arguments.source, note: arguments.note };
    Ok(RefuseCaseRequest { case_id: arguments.case_id, ground: Some(ground) })
}
