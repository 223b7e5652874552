//! The callers: each opens its cases at its pace, and repeats a request, under the same request id, until it is answered.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::Context as _;
use rightful::{
    domain::caller::METADATA_KEY,
    proto::{
        downstream::v1::{Identifier, Right, Subject},
        v1::{OpenCaseRequest, case_service_client::CaseServiceClient},
    },
};
use tokio::{
    task::JoinSet,
    time::{self, Instant},
};
use tonic::{Code, Request};

use crate::{
    people::{self, Wish},
    world::World,
};

/// Callers at once.
const CALLERS: u64 = 4;
/// How long a caller waits for one answer: less than what a frozen replica takes.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// How long until it tries again.
const PAUSE: Duration = Duration::from_millis(100);
/// How long one case may take to be opened, all attempts together: far longer than any fault lasts.
const OPEN_MAX: Duration = Duration::from_secs(90);
/// Every so many-th request is sent again once it was answered, as a caller would that crashed.
const REPEATED: u64 = 3;

/// The request of this person. Callers count their requests from 0 each, so the same id comes from all of them.
fn request(seed: u64, number: u64) -> Request<OpenCaseRequest> {
    let right = match people::wish(seed, number) {
        Wish::Access => Right::Access,
        Wish::Erasure => Right::Erasure,
    };
    let email = Identifier { kind: "email".to_owned(), value: people::email(seed, number) };
    let mut request = Request::new(OpenCaseRequest {
        request_id: format!("request-{}", number / CALLERS),
        right: right.into(),
        subject: Some(Subject { identifiers: vec![email] }),
        ..OpenCaseRequest::default()
    });
    let name = format!("caller-{}", number % CALLERS);
    request.metadata_mut().insert(METADATA_KEY, name.parse().expect("it is ASCII"));
    request
}

/// Opens every person's case, one each `pace`; answers the case ids by person.
pub async fn open_all(world: &Arc<World>, pace: Duration) -> anyhow::Result<BTreeMap<u64, String>> {
    let start = Instant::now();
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS.min(world.setup.people) {
        let world = Arc::clone(world);
        callers.spawn(async move {
            let mut cases = Vec::new();
            for number in (caller..world.setup.people).step_by(usize::try_from(CALLERS)?) {
                time::sleep_until(start + pace * u32::try_from(number)?).await;
                let case_id = open(&world, number).await?;
                if number.is_multiple_of(REPEATED) {
                    let again = open(&world, number).await?;
                    anyhow::ensure!(again == case_id, "person {number}: {case_id}, repeated: {again}");
                }
                cases.push((number, case_id));
            }
            Ok(cases)
        });
    }
    let mut all = BTreeMap::new();
    while let Some(cases) = callers.join_next().await {
        all.extend(cases??);
    }
    Ok(all)
}

/// Opens a person's case at whichever replica answers.
async fn open(world: &World, number: u64) -> anyhow::Result<String> {
    let tries = async {
        let first = usize::try_from(number).unwrap_or_default();
        let mut last = Code::Unavailable;
        for turn in first.. {
            if let Some(channel) = world.channel(turn) {
                let mut stub = CaseServiceClient::new(channel);
                match time::timeout(ANSWER_MAX, stub.open_case(request(world.setup.seed, number))).await {
                    Ok(Ok(answer)) => return answer.into_inner().case.context("the answer has no case"),
                    Ok(Err(status)) if is_final(status.code()) => anyhow::bail!("{status:?}, after {last:?}"),
                    Ok(Err(status)) => last = status.code(),
                    Err(_) => last = Code::DeadlineExceeded,
                }
            }
            time::sleep(PAUSE).await;
        }
        unreachable!("turns do not end")
    };
    let opened = time::timeout(OPEN_MAX, tries).await;
    let opened = opened.with_context(|| format!("person {number}'s case cannot be opened"))?;
    Ok(opened.with_context(|| format!("person {number}"))?.case_id)
}

/// What no repetition mends.
fn is_final(code: Code) -> bool {
    matches!(code, Code::InvalidArgument | Code::AlreadyExists | Code::FailedPrecondition | Code::NotFound)
}
