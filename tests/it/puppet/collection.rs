//! What a puppet streams.

use rightful::proto::downstream::v1::{
    CategoryCount, CollectRequest, CollectResponse, FileBegin, FileChunk, FileEnd, Record, ResumeToken,
    Summary, Withheld, collect_response::Item,
};
use sha2::{Digest as _, Sha256};

use super::{Fault, Inner, person::File};

/// Bytes of a file in one message.
const CHUNK_BYTES: usize = 64 << 10;

/// A message with this item.
pub fn message(item: Item) -> CollectResponse {
    CollectResponse { item: Some(item) }
}

/// The whole answer of a Collect.
pub fn messages(inner: &Inner, request: &CollectRequest, fault: Option<&Fault>) -> Vec<CollectResponse> {
    let subject = request.subject.clone().unwrap_or_default();
    let understands = &inner.description.understands;
    let wanted =
        |category: &str| request.categories.is_empty() || request.categories.iter().any(|c| c == category);
    let mut items = match fault {
        Some(Fault::Send(items)) => items.clone(),
        _ => Vec::new(),
    };
    for person in inner.people.iter().filter(|person| person.is_meant(&subject, understands)) {
        let records = person.records.iter().filter(|(category, _)| wanted(category));
        items.extend(records.map(|(category, json)| {
            message(Item::Record(Record { category: category.clone(), json: json.clone() }))
        }));
        items.extend(person.files.iter().filter(|file| wanted(&file.category)).flat_map(file));
        let withheld = person.withheld.iter().filter(|withheld| wanted(&withheld.category)).cloned();
        items.extend(withheld.map(|withheld| message(Item::Withheld(withheld))));
    }
    let summary = message(Item::Summary(summary(inner, request, &items, fault)));
    let mut messages = with_tokens(&items, inner.token_every, &request.resume_token);
    match fault {
        Some(Fault::NoSummary) => {}
        Some(Fault::TalkOn) => messages.extend([summary.clone(), summary]),
        _ => messages.push(summary),
    }
    messages
}

fn file(file: &File) -> Vec<CollectResponse> {
    let begin = FileBegin {
        category: file.category.clone(),
        name: file.name.clone(),
        media_type: file.media_type.clone(),
    };
    let mut items = vec![message(Item::FileBegin(begin))];
    for chunk in file.data.chunks(CHUNK_BYTES) {
        items.push(message(Item::FileChunk(FileChunk { data: file.data.slice_ref(chunk) })));
    }
    let sha256 = Sha256::digest(&file.data).to_vec().into();
    items.push(message(Item::FileEnd(FileEnd { sha256 })));
    items
}

/// What was sent, category by category, zeros included.
fn summary(
    inner: &Inner,
    request: &CollectRequest,
    items: &[CollectResponse],
    fault: Option<&Fault>,
) -> Summary {
    let described = inner.description.categories.iter().map(|category| category.name.clone());
    let names: Vec<String> =
        if request.categories.is_empty() { described.collect() } else { request.categories.clone() };
    let too_many = u64::from(matches!(fault, Some(Fault::WrongCounts)));
    let count = |category: String| {
        let mut count = CategoryCount { records: too_many, category, ..CategoryCount::default() };
        for item in items.iter().filter_map(|message| message.item.as_ref()) {
            match item {
                Item::Record(Record { category, .. }) if *category == count.category => count.records += 1,
                Item::FileBegin(FileBegin { category, .. }) if *category == count.category => {
                    count.files += 1;
                }
                Item::Withheld(Withheld { category, count: many, .. }) if *category == count.category => {
                    count.withheld += many;
                }
                _ => {}
            }
        }
        count
    };
    Summary { categories: names.into_iter().map(count).collect() }
}

/// Puts a token behind every so many items, never into a file, and leaves out what is before `resume`.
fn with_tokens(items: &[CollectResponse], every: usize, resume: &[u8]) -> Vec<CollectResponse> {
    let from: usize = std::str::from_utf8(resume).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut messages = Vec::new();
    let mut is_in_file = false;
    for (position, item) in items.iter().enumerate() {
        is_in_file = match item.item {
            Some(Item::FileBegin(_)) => true,
            Some(Item::FileEnd(_)) => false,
            _ => is_in_file,
        };
        let sent = position + 1;
        if sent > from {
            messages.push(item.clone());
            if every > 0 && sent % every == 0 && !is_in_file {
                let token = sent.to_string().into_bytes().into();
                messages.push(message(Item::ResumeToken(ResumeToken { token })));
            }
        }
    }
    messages
}
