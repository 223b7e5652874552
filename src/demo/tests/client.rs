//! A small rightful: asks a downstream and believes nothing that it answers.

use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio_stream::StreamExt as _;
use tonic::{Status, transport::Channel};

use crate::proto::downstream::v1::{
    Action, CategoryCount, CategoryOutcome, CollectRequest, DescribeRequest, DescribeResponse, Directive,
    EraseRequest, EraseResponse, GetTaskRequest, Ground, GroundCode, Identifier, ObjectRequest,
    RectifyRequest, ResolveIdentifiersRequest, RestrictRequest, Subject, WithdrawConsentRequest,
    collect_response::Item, erase_response, get_task_response, object_response, rectify_response,
    restrict_response, subject_data_service_client::SubjectDataServiceClient, withdraw_consent_response,
};

/// Polls before a test gives up: each is a round trip, and erasing one person takes a handful of them.
const POLLS_MAX: usize = 50_000;

/// The key of the n-th task.
pub(super) fn uuid(n: u128) -> String {
    uuid::Uuid::from_u128(n).to_string()
}

/// A subject of identifiers, by kind and value.
pub(super) fn subject<V: AsRef<str>>(identifiers: &[(&str, V)]) -> Subject {
    let identifiers = identifiers
        .iter()
        .map(|(kind, value)| Identifier { kind: (*kind).to_owned(), value: value.as_ref().to_owned() });
    Subject { identifiers: identifiers.collect() }
}

/// "Keep what book-keeping needs."
pub(super) fn retain(category: &str, period: &str) -> Directive {
    Directive {
        category: category.to_owned(),
        action: Action::Retain.into(),
        ground: Some(Ground { code: GroundCode::LegalObligation.into(), ..Default::default() }),
        period: period.to_owned(),
    }
}

/// A downstream, as a client sees it.
pub(super) struct Downstream(SubjectDataServiceClient<Channel>);

impl Downstream {
    pub(super) async fn connect(endpoint: String) -> Self {
        Self(SubjectDataServiceClient::connect(endpoint).await.unwrap())
    }

    pub(super) async fn describe(&mut self) -> DescribeResponse {
        self.0.describe(DescribeRequest {}).await.unwrap().into_inner()
    }

    pub(super) async fn resolve(
        &mut self,
        identifiers: &[(&str, &str)],
        wanted: &[&str],
    ) -> Vec<(String, String)> {
        let request = ResolveIdentifiersRequest {
            task_id: uuid(0),
            subject: Some(subject(identifiers)),
            wanted_kinds: wanted.iter().map(|kind| (*kind).to_owned()).collect(),
        };
        let answer = self.0.resolve_identifiers(request).await.unwrap().into_inner();
        answer.identifiers.into_iter().map(|identifier| (identifier.kind, identifier.value)).collect()
    }

    pub(super) async fn collect(&mut self, identifiers: &[(&str, String)], categories: &[&str]) -> Collected {
        self.collect_from(identifiers, categories, Bytes::new()).await.unwrap()
    }

    pub(super) async fn collect_from(
        &mut self,
        identifiers: &[(&str, String)],
        categories: &[&str],
        resume_token: Bytes,
    ) -> Result<Collected, Status> {
        let request = CollectRequest {
            task_id: uuid(0),
            subject: Some(subject(identifiers)),
            categories: categories.iter().map(|name| (*name).to_owned()).collect(),
            resume_token,
        };
        let mut stream = self.0.collect(request).await?.into_inner();
        let mut items = Vec::new();
        while let Some(response) = stream.next().await {
            items.push(response?.item.unwrap());
        }
        Ok(Collected { items })
    }

    /// "Erase" for every category.
    pub(super) async fn erase_all(&mut self) -> Vec<Directive> {
        let erase = |category| Directive { category, action: Action::Erase.into(), ..Default::default() };
        self.describe().await.categories.into_iter().map(|category| erase(category.name)).collect()
    }

    pub(super) async fn erase(&mut self, request: EraseRequest) -> Result<EraseResponse, Status> {
        Ok(self.0.erase(request).await?.into_inner())
    }

    /// Erases, and expects the outcome at once.
    pub(super) async fn erase_now(
        &mut self,
        identifiers: &[(&str, String)],
        directives: Vec<Directive>,
    ) -> Vec<CategoryOutcome> {
        let request = EraseRequest {
            task_id: uuid(100),
            subject: Some(subject(identifiers)),
            directives,
            dry_run: false,
        };
        match self.erase(request).await.unwrap().answer.unwrap() {
            erase_response::Answer::Outcome(outcome) => outcome.categories,
            other => panic!("expected an outcome: {other:?}"),
        }
    }

    pub(super) async fn rectify(&mut self, request: RectifyRequest) -> Result<Vec<CategoryOutcome>, Status> {
        let task_id = request.task_id.clone();
        match self.0.rectify(request).await?.into_inner().answer.unwrap() {
            rectify_response::Answer::Outcome(outcome) => Ok(outcome.categories),
            rectify_response::Answer::Working(_) => Ok(self.finished(&task_id).await),
            rectify_response::Answer::Refusal(refusal) => panic!("expected an outcome: {refusal:?}"),
        }
    }

    pub(super) async fn restrict(
        &mut self,
        request: RestrictRequest,
    ) -> Result<Vec<CategoryOutcome>, Status> {
        let task_id = request.task_id.clone();
        match self.0.restrict(request).await?.into_inner().answer.unwrap() {
            restrict_response::Answer::Outcome(outcome) => Ok(outcome.categories),
            restrict_response::Answer::Working(_) => Ok(self.finished(&task_id).await),
            restrict_response::Answer::Refusal(refusal) => panic!("expected an outcome: {refusal:?}"),
        }
    }

    pub(super) async fn object(&mut self, request: ObjectRequest) -> Result<Vec<CategoryOutcome>, Status> {
        let task_id = request.task_id.clone();
        match self.0.object(request).await?.into_inner().answer.unwrap() {
            object_response::Answer::Outcome(outcome) => Ok(outcome.categories),
            object_response::Answer::Working(_) => Ok(self.finished(&task_id).await),
            object_response::Answer::Refusal(refusal) => panic!("expected an outcome: {refusal:?}"),
        }
    }

    pub(super) async fn withdraw(
        &mut self,
        request: WithdrawConsentRequest,
    ) -> Result<Vec<CategoryOutcome>, Status> {
        let task_id = request.task_id.clone();
        match self.0.withdraw_consent(request).await?.into_inner().answer.unwrap() {
            withdraw_consent_response::Answer::Outcome(outcome) => Ok(outcome.categories),
            withdraw_consent_response::Answer::Working(_) => Ok(self.finished(&task_id).await),
            withdraw_consent_response::Answer::Refusal(refusal) => panic!("expected an outcome: {refusal:?}"),
        }
    }

    pub(super) async fn get_task(
        &mut self,
        task_id: &str,
    ) -> Result<Option<get_task_response::Answer>, Status> {
        let request = GetTaskRequest { task_id: task_id.to_owned() };
        Ok(self.0.get_task(request).await?.into_inner().answer)
    }

    /// Asks until the task is done.
    pub(super) async fn finished(&mut self, task_id: &str) -> Vec<CategoryOutcome> {
        for _ in 0..POLLS_MAX {
            if let Some(get_task_response::Answer::Outcome(outcome)) = self.get_task(task_id).await.unwrap() {
                return outcome.categories;
            }
        }
        panic!("the task never ended")
    }
}

/// A stream that ended.
#[derive(Debug)]
pub(super) struct Collected {
    pub(super) items: Vec<Item>,
}

impl Collected {
    /// What the stream says that it sent.
    pub(super) fn summary(&self) -> &[CategoryCount] {
        match self.items.last() {
            Some(Item::Summary(summary)) => &summary.categories,
            _ => panic!("the stream did not end with a summary"),
        }
    }

    pub(super) fn count(&self, category: &str) -> &CategoryCount {
        self.summary().iter().find(|count| count.category == category).unwrap()
    }

    /// Counts for itself, hashes for itself, and holds every record against its schema.
    pub(super) fn assert_complete(&self, described: &DescribeResponse) {
        let mut counts: Vec<CategoryCount> = described
            .categories
            .iter()
            .map(|category| CategoryCount { category: category.name.clone(), ..Default::default() })
            .collect();
        let index =
            |name: &str| described.categories.iter().position(|category| category.name == name).unwrap();
        let mut file = Sha256::new();
        for item in &self.items {
            match item {
                Item::Record(record) => {
                    let category = index(&record.category);
                    let schema: Value =
                        serde_json::from_slice(&described.categories[category].json_schema).unwrap();
                    assert_fits(&serde_json::from_slice(&record.json).unwrap(), &schema);
                    counts[category].records += 1;
                }
                Item::Withheld(withheld) => {
                    assert!(withheld.ground.is_some());
                    counts[index(&withheld.category)].withheld += withheld.count;
                }
                Item::FileBegin(begin) => {
                    file = Sha256::new();
                    counts[index(&begin.category)].files += 1;
                }
                Item::FileChunk(chunk) => file.update(&chunk.data),
                Item::FileEnd(end) => assert_eq!(file.clone().finalize().as_slice(), &end.sha256[..]),
                Item::ResumeToken(token) => assert!(token.token.len() <= 4_096),
                Item::Summary(_) => {}
            }
        }
        assert_eq!(self.summary(), counts);
    }
}

/// The part of JSON Schema that the sample services use.
fn assert_fits(value: &Value, schema: &Value) {
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value
            .as_i64()
            .is_some_and(|number| schema["minimum"].as_i64().is_none_or(|least| number >= least)),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("unknown type {other}"),
    };
    match &schema["type"] {
        Value::Array(types) => {
            assert!(types.iter().any(|name| is(name.as_str().unwrap())), "{value}: {schema}");
        }
        name => assert!(is(name.as_str().unwrap()), "{value}: {schema}"),
    }
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(value), "{value}: {schema}");
    }
    if schema["format"] == "date-time" {
        assert!(value.as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{value}");
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        assert_fits(&value[name], property);
    }
    if let Some(object) = value.as_object() {
        let known = schema["properties"].as_object().unwrap();
        assert!(object.keys().eq(known.keys()), "{value}: {schema}");
    }
    for item in value.as_array().into_iter().flatten() {
        assert_fits(item, &schema["items"]);
    }
}
