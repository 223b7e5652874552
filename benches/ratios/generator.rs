//! A downstream that makes up its data while it sends it: as much as is asked for, at next to no cost.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures::{
    Stream, StreamExt as _,
    stream::{self, BoxStream},
};
use rightful::proto::downstream::v1::{
    Category, CategoryCount, CategoryOutcome, CollectRequest, CollectResponse, DescribeRequest,
    DescribeResponse, EraseRequest, EraseResponse, FileBegin, FileChunk, FileEnd, GetTaskRequest,
    GetTaskResponse, ObjectRequest, ObjectResponse, Outcome, Record, RectifyRequest, RectifyResponse,
    ResolveIdentifiersRequest, ResolveIdentifiersResponse, RestrictRequest, RestrictResponse, ResumeToken,
    Right, Subject, Summary, SweepRetentionRequest, SweepRetentionResponse, WithdrawConsentRequest,
    WithdrawConsentResponse,
    collect_response::Item,
    erase_response::Answer,
    subject_data_service_server::{SubjectDataService, SubjectDataServiceServer},
};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;
use tonic::{Request, Response, Status, transport::server::TcpIncoming};

use crate::load::{self, Load};

/// The one category.
pub const CATEGORY: &str = "events";
/// Bytes between two resume tokens: every few megabytes, as the contract asks.
const TOKEN_BYTES: u64 = 4 << 20;

/// Bytes of a slow downstream's record.
const SLOW_BYTES: usize = 300;

/// What was erased: by person, the ids of the calls that did it. More than one is an effect too many.
pub type Effects = BTreeMap<String, BTreeSet<String>>;

/// A generating downstream at work. Dropping it stops it.
pub struct Generator {
    /// Where it serves.
    pub endpoint: String,
    effects: Arc<Mutex<Effects>>,
    _serving: AbortOnDropHandle<()>,
}

impl Generator {
    /// Serves on a free loopback port.
    pub async fn start(load: Load) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let effects = Arc::new(Mutex::new(Effects::new()));
        let service = Service::new(load, Arc::clone(&effects));
        let serving = tokio::spawn(async move {
            let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
            let server =
                tonic::transport::Server::builder().add_service(SubjectDataServiceServer::new(service));
            if let Err(error) = server.serve_with_incoming(incoming).await {
                eprintln!("a generator failed: {error}");
            }
        });
        Ok(Self { endpoint, effects, _serving: AbortOnDropHandle::new(serving) })
    }

    /// What was erased so far.
    pub fn effects(&self) -> Effects {
        self.effects.lock().map(|effects| effects.clone()).unwrap_or_default()
    }
}

struct Service {
    load: Load,
    /// What is sent in turn.
    pool: Arc<[Bytes]>,
    effects: Arc<Mutex<Effects>>,
}

impl Service {
    fn new(load: Load, effects: Arc<Mutex<Effects>>) -> Self {
        let pool = match load {
            Load::Records { bytes, .. } => load::records(bytes).into(),
            Load::Slow { .. } => load::records(SLOW_BYTES).into(),
            Load::Noise { chunk, .. } => [load::noise(chunk)].into(),
            Load::Silence => Arc::from([]),
        };
        Self { load, pool, effects }
    }
}

#[tonic::async_trait]
impl SubjectDataService for Service {
    type CollectStream = Pin<Box<dyn Stream<Item = Result<CollectResponse, Status>> + Send>>;

    async fn describe(&self, _: Request<DescribeRequest>) -> Result<Response<DescribeResponse>, Status> {
        let category =
            Category { name: CATEGORY.to_owned(), title: "Events".to_owned(), ..Category::default() };
        Ok(Response::new(DescribeResponse {
            title: "Generator".to_owned(),
            understands: vec!["email".to_owned()],
            rights: vec![Right::Access.into(), Right::Erasure.into()],
            categories: vec![category],
            ..DescribeResponse::default()
        }))
    }

    async fn resolve_identifiers(
        &self,
        _: Request<ResolveIdentifiersRequest>,
    ) -> Result<Response<ResolveIdentifiersResponse>, Status> {
        Ok(Response::new(ResolveIdentifiersResponse::default()))
    }

    async fn collect(
        &self,
        request: Request<CollectRequest>,
    ) -> Result<Response<Self::CollectStream>, Status> {
        let request = request.into_inner();
        let is_erased =
            self.effects.lock().is_ok_and(|effects| effects.contains_key(&name(request.subject.as_ref())));
        let pool = Arc::clone(&self.pool);
        let items = match self.load {
            _ if is_erased => stream::iter([summary(0, 0)]).boxed(),
            Load::Records { count, bytes } => records(pool, count, bytes, resumed(&request.resume_token)),
            Load::Slow { count, wait_ms } => {
                tokio::time::sleep(Duration::from_millis(wait_ms)).await;
                records(pool, count, SLOW_BYTES, 0)
            }
            Load::Noise { bytes, chunk } => file(pool[0].clone(), bytes, chunk as u64),
            Load::Silence => stream::pending().boxed(),
        };
        Ok(Response::new(items.map(|item| Ok(CollectResponse { item: Some(item) })).boxed()))
    }

    async fn erase(&self, request: Request<EraseRequest>) -> Result<Response<EraseResponse>, Status> {
        let request = request.into_inner();
        if !request.dry_run
            && let Ok(mut effects) = self.effects.lock()
        {
            effects.entry(name(request.subject.as_ref())).or_default().insert(request.task_id);
        }
        let Load::Records { count, .. } = self.load else {
            return Err(Status::unimplemented("only records are erased"));
        };
        let outcome =
            CategoryOutcome { category: CATEGORY.to_owned(), erased: count, ..CategoryOutcome::default() };
        let answer = Answer::Outcome(Outcome { categories: vec![outcome] });
        Ok(Response::new(EraseResponse { answer: Some(answer) }))
    }

    async fn rectify(&self, _: Request<RectifyRequest>) -> Result<Response<RectifyResponse>, Status> {
        Err(Status::unimplemented("benches erase only"))
    }

    async fn restrict(&self, _: Request<RestrictRequest>) -> Result<Response<RestrictResponse>, Status> {
        Err(Status::unimplemented("benches erase only"))
    }

    async fn object(&self, _: Request<ObjectRequest>) -> Result<Response<ObjectResponse>, Status> {
        Err(Status::unimplemented("benches erase only"))
    }

    async fn withdraw_consent(
        &self,
        _: Request<WithdrawConsentRequest>,
    ) -> Result<Response<WithdrawConsentResponse>, Status> {
        Err(Status::unimplemented("benches erase only"))
    }

    async fn get_task(&self, _: Request<GetTaskRequest>) -> Result<Response<GetTaskResponse>, Status> {
        Err(Status::not_found("everything was answered at once"))
    }

    async fn sweep_retention(
        &self,
        _: Request<SweepRetentionRequest>,
    ) -> Result<Response<SweepRetentionResponse>, Status> {
        Err(Status::unimplemented("it is not described as supported"))
    }
}

fn name(subject: Option<&Subject>) -> String {
    subject.and_then(|subject| subject.identifiers.first()).map(|one| one.value.clone()).unwrap_or_default()
}

/// The record to go on with.
fn resumed(token: &[u8]) -> u64 {
    std::str::from_utf8(token).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn records(pool: Arc<[Bytes]>, count: u64, bytes: usize, from: u64) -> BoxStream<'static, Item> {
    let every = (TOKEN_BYTES / bytes as u64).max(1);
    let items = (from..count).flat_map(move |number| {
        let place = usize::try_from(number).unwrap_or_default() % pool.len();
        let record = Item::Record(Record { category: CATEGORY.to_owned(), json: pool[place].clone() });
        let next = number + 1;
        let token = next
            .is_multiple_of(every)
            .then(|| Item::ResumeToken(ResumeToken { token: next.to_string().into() }));
        [Some(record), token].into_iter().flatten()
    });
    stream::iter(items.chain([summary(count, 0)])).boxed()
}

fn file(noise: Bytes, bytes: u64, chunk: u64) -> BoxStream<'static, Item> {
    let begin = FileBegin {
        category: CATEGORY.to_owned(),
        name: "noise.bin".to_owned(),
        media_type: "application/octet-stream".to_owned(),
    };
    let chunks = (0..bytes.div_ceil(chunk)).map(move |number| {
        let length = usize::try_from((bytes - number * chunk).min(chunk)).unwrap_or_default();
        Item::FileChunk(FileChunk { data: noise.slice(..length) })
    });
    let end = [Item::FileEnd(FileEnd::default()), summary(0, 1)];
    stream::iter([Item::FileBegin(begin)].into_iter().chain(chunks).chain(end)).boxed()
}

fn summary(records: u64, files: u64) -> Item {
    let count = CategoryCount { category: CATEGORY.to_owned(), records, files, withheld: 0 };
    Item::Summary(Summary { categories: vec![count] })
}
