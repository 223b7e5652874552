//! `rightful case open`.

use std::collections::HashMap;

use clap::Args;

use super::{
    About, Right, confirm,
    particulars::{Particulars, Read},
    view, watch,
};
use crate::{
    cli::{
        Global,
        client::{Client, timed},
        exit::{Exit, Failure},
        output::{self, Format},
        subject::{self, Who},
        time,
    },
    clock::{Clock as _, SystemClock},
    proto::{
        downstream::v1::Subject,
        v1::{Case, OpenCaseRequest, OpenCaseResponse},
    },
};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// Which right.
    #[arg(long, value_enum)]
    right: Right,
    #[command(flatten)]
    who: Who,
    /// The idempotency key: the same one twice opens one case. Default: a new UUID, which is printed.
    #[arg(long, value_name = "KEY")]
    request_id: Option<String>,
    /// When the person asked, from which the clock runs. Default: now.
    #[arg(long, value_name = "TIME")]
    received: Option<String>,
    #[command(flatten)]
    about: About,
    #[command(flatten)]
    particulars: Particulars,
    /// A reference of your own, shown in clear; repeatable. No personal data.
    #[arg(long = "label", value_name = "KEY=VALUE")]
    labels: Vec<String>,
    /// The version of the privacy policy that the case is handled under.
    #[arg(long, value_name = "VERSION", default_value = "")]
    policy_version: String,
    /// Over which way the person asked: `account_settings`, `support_desk`.
    #[arg(long, value_name = "NAME", default_value = "")]
    channel: String,
    /// A regime that the case is under, such as `gdpr`; repeatable. Default: those of the server's configuration.
    #[arg(long = "regime", value_name = "NAME")]
    regimes: Vec<String>,
    /// What shows that the person asks, such as `email_link=mail-4711`; repeatable. No personal data.
    #[arg(long = "evidence", value_name = "KIND=REFERENCE")]
    evidence: Vec<String>,
    /// The subject is a minor: its tasks go first.
    #[arg(long)]
    minor: bool,
    /// Who is to be told of a minor's case: a file with one KIND=VALUE on each line; `-` reads them from stdin.
    #[arg(long, value_name = "FILE", requires = "minor")]
    guardian_file: Option<std::path::PathBuf>,
    /// Follow the case until it is settled.
    #[arg(long)]
    watch: bool,
}

/// Runs the command.
pub(in crate::cli) async fn run(global: &Global, arguments: Arguments) -> Result<(), Failure> {
    let watch = arguments.watch;
    let fresh_key = arguments.request_id.is_none();
    let request = request(arguments)?;
    let mut client = Client::connect(global).await?;
    if fresh_key {
        // Said before the call: if its answer is lost, the same key finds out what became of it.
        eprintln!("request id {}", request.request_id);
    }
    let answer = client.cases.open_case(timed(request)).await?.into_inner();
    let case_id = opened(&answer)?.case_id.clone();
    match (watch, global.output) {
        (true, format) => {
            eprintln!("case {case_id}");
            watch::until_settled(&mut client, &case_id, format).await
        }
        (false, Format::Json) => output::json(&answer),
        (false, Format::Table) => output::line(view::case(opened(&answer)?, SystemClock.now())),
    }
}

/// The case in the answer.
pub(in crate::cli) fn opened(answer: &OpenCaseResponse) -> Result<&Case, Failure> {
    answer.case.as_ref().ok_or_else(|| Failure::new(Exit::Fault, "the server answered without the case"))
}

fn request(arguments: Arguments) -> Result<OpenCaseRequest, Failure> {
    let Read { corrections, uses, purposes, lift } = arguments.particulars.read()?;
    let guardian = arguments.guardian_file.as_deref().map(subject::from_file).transpose()?;
    Ok(OpenCaseRequest {
        request_id: arguments.request_id.unwrap_or_else(|| SystemClock.new_id().to_string()),
        right: arguments.right.into(),
        subject: Some(arguments.who.subject()?),
        received_time: arguments.received.map(|text| time::parse("--received", &text)).transpose()?,
        scope: arguments.about.scope()?,
        labels: labels(&arguments.labels)?,
        policy_version: arguments.policy_version,
        channel: arguments.channel,
        regimes: arguments.regimes,
        evidence: confirm::evidence(&arguments.evidence)?,
        corrections,
        uses,
        purposes,
        lift,
        minor: arguments.minor,
        guardian: guardian.map(|identifiers| Subject { identifiers }),
    })
}

fn labels(texts: &[String]) -> Result<HashMap<String, String>, Failure> {
    let mut labels = HashMap::with_capacity(texts.len());
    for text in texts {
        let (key, value) = text
            .split_once('=')
            .ok_or_else(|| Failure::usage("--label: must be KEY=VALUE, such as ticket=HELP-4711"))?;
        if labels.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(Failure::usage(format!("--label {key}: is given twice")));
        }
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_pairs_and_named_once() {
        let read = |texts: &[&str]| labels(&texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
        let found = read(&["ticket=HELP-1", "desk=", "x=a=b"]).expect("is well formed");
        assert_eq!(found["ticket"], "HELP-1");
        assert_eq!(found["desk"], "");
        assert_eq!(found["x"], "a=b");
        assert!(read(&["ticket"]).is_err());
        assert!(read(&["a=1", "a=2"]).is_err());
    }
}
