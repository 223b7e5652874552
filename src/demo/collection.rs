//! Streams everything that is held about a person: page by page, in a stable order, resumable.
//!
//! The token says how far the stream came and what it has counted, so that a resumed stream goes on with the next row
//! and its summary still counts the whole collection.

use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, TryStreamExt as _, stream};
use sea_orm::DatabaseConnection;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tonic::Status;

use super::{
    Error,
    holding::{File, Holding, PAGE_ROWS, Shown},
};
use crate::proto::downstream::v1::{
    CategoryCount, CollectResponse, FileBegin, FileChunk, FileEnd, Record, ResumeToken, Summary,
    collect_response::Item,
};

/// Bytes of a file in one message: well below the 1 MiB that the contract allows.
const CHUNK_BYTES: usize = 64 * 1024;

/// How far a stream came.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Position {
    /// The wanted categories, as indexes into the service's holdings: a token fits one request only.
    wanted: Vec<usize>,
    /// Which of `wanted` is being sent.
    current: usize,
    /// The number of the last row that was sent of it.
    after: i64,
    /// Records, files and withheld items sent, for each of `wanted`.
    sent: Vec<[u64; 3]>,
}

impl Position {
    /// Where a stream starts: at the beginning, or after the token. `INVALID_ARGUMENT` for an unknown category and
    /// for a token that does not belong to the request.
    pub(super) fn find(
        categories: &[String],
        token: &[u8],
        holdings: &[Box<dyn Holding>],
    ) -> Result<Self, Status> {
        for name in categories {
            if !holdings.iter().any(|holding| holding.category().name == *name) {
                return Err(Status::invalid_argument("an unknown category is wanted"));
            }
        }
        let is_wanted = |name: &String| categories.is_empty() || categories.contains(name);
        let wanted: Vec<usize> =
            (0..holdings.len()).filter(|index| is_wanted(&holdings[*index].category().name)).collect();
        if token.is_empty() {
            let sent = vec![[0; 3]; wanted.len()];
            return Ok(Self { wanted, current: 0, after: 0, sent });
        }
        let resumed: Option<Self> = serde_json::from_slice(token).ok();
        resumed
            .filter(|position| position.wanted == wanted)
            .filter(|position| position.current <= wanted.len() && position.sent.len() == wanted.len())
            .ok_or_else(|| Status::invalid_argument("the resume token does not belong to this request"))
    }

    fn token(&self) -> CollectResponse {
        let token = serde_json::to_vec(self).expect("numbers are always JSON");
        message(Item::ResumeToken(ResumeToken { token: token.into() }))
    }

    fn summary(&self, holdings: &[Box<dyn Holding>]) -> CollectResponse {
        let counts =
            self.wanted.iter().zip(&self.sent).map(|(index, [records, files, withheld])| CategoryCount {
                category: holdings[*index].category().name.clone(),
                records: *records,
                files: *files,
                withheld: *withheld,
            });
        message(Item::Summary(Summary { categories: counts.collect() }))
    }
}

/// Messages of a stream, and where it stands after them.
type Step = (Vec<CollectResponse>, Option<(Collection, Position)>);

/// What a stream reads.
pub(super) struct Collection {
    /// From where.
    pub(super) db: DatabaseConnection,
    /// The tables.
    pub(super) holdings: Arc<[Box<dyn Holding>]>,
    /// Whose rows.
    pub(super) owners: Vec<String>,
}

impl Collection {
    /// The stream from `position` to the summary. A page is read when the receiver has taken the one before it.
    pub(super) fn stream(
        self,
        position: Position,
        fault: fn(Error) -> Status,
    ) -> impl Stream<Item = Result<CollectResponse, Status>> + Send {
        let pages = stream::try_unfold(Some((self, position)), Self::next);
        pages.map_ok(|page| stream::iter(page.into_iter().map(Ok))).try_flatten().map_err(fault)
    }

    /// The next messages, and where the stream stands after them: nowhere after the summary.
    async fn next(state: Option<(Self, Position)>) -> Result<Option<Step>, Error> {
        let Some((collection, mut position)) = state else { return Ok(None) };
        if position.current == position.wanted.len() {
            return Ok(Some((vec![position.summary(&collection.holdings)], None)));
        }
        let page = collection.page(&mut position).await?;
        Ok(Some((page, Some((collection, position)))))
    }

    async fn page(&self, position: &mut Position) -> Result<Vec<CollectResponse>, Error> {
        let holding = &self.holdings[position.wanted[position.current]];
        let rows = holding.page(&self.db, &self.owners, position.after).await?;
        let full = rows.len() as u64 == PAGE_ROWS;
        let mut messages = Vec::with_capacity(rows.len() + 1);
        for (number, shown) in rows {
            position.after = number;
            send(&holding.category().name, shown, &mut position.sent[position.current], &mut messages);
        }
        if full {
            messages.push(position.token());
        } else {
            position.current += 1;
            position.after = 0;
        }
        Ok(messages)
    }
}

fn send(category: &str, shown: Shown, sent: &mut [u64; 3], messages: &mut Vec<CollectResponse>) {
    let [records, files, withheld] = sent;
    let json = Bytes::from(shown.record.to_string());
    messages.push(message(Item::Record(Record { category: category.to_owned(), json })));
    *records += 1;
    if let Some(file) = shown.file {
        send_file(category, file, messages);
        *files += 1;
    }
    if let Some(item) = shown.withheld {
        *withheld += item.count;
        messages.push(message(Item::Withheld(item)));
    }
}

fn send_file(category: &str, file: File, messages: &mut Vec<CollectResponse>) {
    let File { name, media_type, bytes } = file;
    let sha256 = Bytes::copy_from_slice(Sha256::digest(&bytes).as_ref());
    let media_type = media_type.to_owned();
    messages.push(message(Item::FileBegin(FileBegin { category: category.to_owned(), name, media_type })));
    let mut rest = Bytes::from(bytes);
    while !rest.is_empty() {
        let data = rest.split_to(rest.len().min(CHUNK_BYTES));
        messages.push(message(Item::FileChunk(FileChunk { data })));
    }
    messages.push(message(Item::FileEnd(FileEnd { sha256 })));
}

fn message(item: Item) -> CollectResponse {
    CollectResponse { item: Some(item) }
}
