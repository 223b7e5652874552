//! The calls that most tests make, put shortly. Whatever they do is done over gRPC.

use rightful::proto::{
    downstream::v1::{Identifier, Right, Subject},
    v1::{
        Case, CaseState, CheckDownstreamRequest, DownloadExportRequest, GetCaseRequest, GetReceiptRequest,
        ListCasesRequest, OpenCaseRequest, RetryTaskRequest, Task, TaskKind, WatchCaseRequest,
        download_export_response::Item,
    },
};
use serde_json::Value;
use tonic::{Request, Status};

use super::{Bag, Export, World, soon};

/// A request to open a case; every one has a request id of its own.
pub fn opening(right: Right, identifiers: &[(&str, &str)]) -> OpenCaseRequest {
    OpenCaseRequest {
        request_id: uuid::Uuid::from_bytes(rand::random()).to_string(),
        right: right.into(),
        subject: Some(subject(identifiers)),
        ..OpenCaseRequest::default()
    }
}

/// A message that comes from this caller.
pub fn called<T>(caller: &'static str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("rightful-caller", caller.parse().expect("it is ASCII"));
    request
}

/// A person by these identifiers.
pub fn subject(identifiers: &[(&str, &str)]) -> Subject {
    let identifier =
        |(kind, value): &(&str, &str)| Identifier { kind: (*kind).into(), value: (*value).into() };
    Subject { identifiers: identifiers.iter().map(identifier).collect() }
}

/// The one task of this kind at this downstream.
pub fn task<'a>(case: &'a Case, downstream: &str, kind: TaskKind) -> &'a Task {
    let mut tasks = case.tasks.iter().filter(|task| task.downstream == downstream && task.kind() == kind);
    let task = tasks.next().unwrap_or_else(|| panic!("{downstream} has no task of kind {kind:?}"));
    assert!(tasks.next().is_none(), "{downstream} has two tasks of kind {kind:?}");
    task
}

impl World {
    /// How many cases there are.
    pub async fn count(&self) -> usize {
        let mut request = ListCasesRequest { page_size: 500, ..ListCasesRequest::default() };
        let mut count = 0;
        loop {
            let page =
                self.cases().list_cases(request.clone()).await.expect("cases can be listed").into_inner();
            count += page.cases.len();
            if page.next_page_token.is_empty() {
                return count;
            }
            request.page_token = page.next_page_token;
        }
    }

    /// Opens a case.
    pub async fn open(&self, request: OpenCaseRequest) -> Case {
        self.try_open(request).await.expect("the case can be opened")
    }

    /// Opens a case, or not.
    pub async fn try_open(&self, request: OpenCaseRequest) -> Result<Case, Status> {
        Ok(self.cases().open_case(request).await?.into_inner().case.expect("the answer has a case"))
    }

    /// The case as it is now.
    pub async fn case(&self, case_id: &str) -> Case {
        let request = GetCaseRequest { case_id: case_id.into() };
        let answer = self.cases().get_case(request).await.expect("the case is there").into_inner();
        answer.case.expect("the answer has a case")
    }

    /// Watches the case until it is as wanted.
    pub async fn until(&self, case_id: &str, what: &str, is_so: impl Fn(&Case) -> bool) -> Case {
        let request = WatchCaseRequest { case_id: case_id.into() };
        soon(what, async {
            let mut watch = self.cases().watch_case(request).await.expect("it can be watched").into_inner();
            let mut last = None;
            while let Some(answer) = watch.message().await.expect("the watch goes on") {
                let case = answer.case.expect("the answer has a case");
                if is_so(&case) {
                    return case;
                }
                last = Some(case);
            }
            panic!("the case settled before {what}: {last:#?}");
        })
        .await
    }

    /// Watches the case until it is settled.
    pub async fn settled(&self, case_id: &str) -> Case {
        self.until(case_id, "the case to settle", |case| case.state() != CaseState::InProgress).await
    }

    /// Opens a case and waits until it is settled.
    pub async fn run(&self, right: Right, identifiers: &[(&str, &str)]) -> Case {
        let case = self.open(opening(right, identifiers)).await;
        self.settled(&case.case_id).await
    }

    /// Tries the task again.
    pub async fn retry(&self, task_id: &str) -> Case {
        let request = RetryTaskRequest { task_id: task_id.into() };
        let answer = self.cases().retry_task(request).await.expect("the task can be retried").into_inner();
        answer.case.expect("the answer has a case")
    }

    /// Downloads from an offset.
    pub async fn try_download(&self, case_id: &str, offset: u64) -> Result<Export, Status> {
        let request = DownloadExportRequest { case_id: case_id.into(), offset };
        let mut stream = self.cases().download_export(request).await?.into_inner();
        let mut export = Export::default();
        while let Some(message) = soon("the next piece of the export", stream.message()).await? {
            match message.item.expect("the message has an item") {
                Item::Info(info) => assert!(export.info.replace(info).is_none(), "the info comes once"),
                Item::Chunk(chunk) => {
                    assert!(export.info.is_some(), "the info comes first");
                    assert!(chunk.len() <= 1 << 20, "chunks have at most 1 MiB");
                    export.bytes.extend_from_slice(&chunk);
                }
            }
        }
        Ok(export)
    }

    /// Downloads the whole export.
    pub async fn download(&self, case_id: &str) -> Export {
        let export = self.try_download(case_id, 0).await.expect("the export can be downloaded");
        export.assert_is_whole();
        export
    }

    /// Downloads the whole export and opens it.
    pub async fn bag(&self, case_id: &str) -> Bag {
        Bag::open(self.download(case_id).await.bytes)
    }

    /// The receipt.
    pub async fn receipt(&self, case_id: &str) -> Value {
        let request = GetReceiptRequest { case_id: case_id.into() };
        let receipt = self.cases().get_receipt(request).await.expect("there is a receipt").into_inner();
        assert_eq!(receipt.sha256, super::bag::sha256(&receipt.receipt_json));
        serde_json::from_slice(&receipt.receipt_json).expect("the receipt is JSON")
    }

    /// Has rightful ask the downstream what it holds. It must answer well.
    pub async fn check(&self, name: &str) {
        let request = CheckDownstreamRequest { name: name.into() };
        let check =
            self.downstreams().check_downstream(request).await.expect("it can be checked").into_inner();
        assert!(check.healthy, "{name}: {}", check.error);
    }
}
