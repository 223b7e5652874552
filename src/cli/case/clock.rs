//! `rightful case extend`, `acknowledge` and `pause-clock`: what people say about a case's clocks.

use clap::{Args, ValueEnum};

use crate::{
    cli::{exit::Failure, time},
    clock::{Clock as _, SystemClock},
    proto::v1::{
        AcknowledgeCaseRequest, ExtendDeadlineRequest, ExtensionGround, PauseClockRequest, PauseGround,
    },
};

#[derive(Args)]
pub(in crate::cli) struct Extend {
    /// The case's id.
    #[arg(value_name = "CASE_ID")]
    case_id: String,
    /// Why the answer takes longer.
    #[arg(long, value_enum)]
    ground: WhyLonger,
    /// When the person was told. Default: now.
    #[arg(long, value_name = "TIME")]
    told: Option<String>,
    /// More about it. No personal data.
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
}

#[derive(Args)]
pub(in crate::cli) struct Acknowledge {
    /// The case's id.
    #[arg(value_name = "CASE_ID")]
    case_id: String,
    /// When the person was told. Default: now.
    #[arg(long, value_name = "TIME")]
    told: Option<String>,
}

#[derive(Args)]
pub(in crate::cli) struct Pause {
    /// The case's id.
    #[arg(value_name = "CASE_ID")]
    case_id: String,
    /// Why the clocks stand still.
    #[arg(long, value_enum)]
    ground: WhyStill,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum WhyLonger {
    /// The request is complex.
    Complexity,
    /// There are many requests.
    NumberOfRequests,
    /// Another ground that the regime takes.
    Other,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum WhyStill {
    /// There are doubts about who asks, and more information was asked for.
    IdentityInDoubt,
    /// It cannot be told what is asked for, and the person was asked.
    ScopeUnclear,
}

impl Extend {
    /// What to send.
    pub(super) fn request(self) -> Result<ExtendDeadlineRequest, Failure> {
        let ground = match self.ground {
            WhyLonger::Complexity => ExtensionGround::Complexity,
            WhyLonger::NumberOfRequests => ExtensionGround::NumberOfRequests,
            WhyLonger::Other => ExtensionGround::Other,
        };
        let now = SystemClock.now();
        let now = prost_types::Timestamp { seconds: now.as_second(), nanos: 0 };
        let told = self.told.map(|text| time::parse("--told", &text)).transpose()?;
        Ok(ExtendDeadlineRequest {
            case_id: self.case_id,
            ground: ground.into(),
            told_time: Some(told.unwrap_or(now)),
            note: self.note,
        })
    }
}

impl Acknowledge {
    /// What to send.
    pub(super) fn request(self) -> Result<AcknowledgeCaseRequest, Failure> {
        let told_time = self.told.map(|text| time::parse("--told", &text)).transpose()?;
        Ok(AcknowledgeCaseRequest { case_id: self.case_id, told_time })
    }
}

impl Pause {
    /// What to send.
    pub(super) fn request(self) -> PauseClockRequest {
        let ground = match self.ground {
            WhyStill::IdentityInDoubt => PauseGround::IdentityInDoubt,
            WhyStill::ScopeUnclear => PauseGround::ScopeUnclear,
        };
        PauseClockRequest { case_id: self.case_id, ground: ground.into() }
    }
}
