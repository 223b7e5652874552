//! What the downstreams wrote down, and what they still hold: each erasure took effect once, and nobody who was erased
//! is left, save what had to be retained.

use std::collections::BTreeMap;

use anyhow::Context as _;
use rightful::proto::downstream::v1::{
    CollectRequest, Identifier, Subject, collect_response::Item,
    subject_data_service_client::SubjectDataServiceClient,
};
use serde_json::Value;
use uuid::Uuid;

use super::{Ending, Faults};
use crate::{
    downstream::{Entry, Profile, read},
    people::{self, SERVICES, Wish},
    world::{World, channel},
};

/// Looks into every journal, and asks every downstream for everybody who was erased.
pub async fn judge(
    world: &World,
    endings: &BTreeMap<u64, Ending>,
    faults: &mut Faults,
) -> anyhow::Result<()> {
    for (position, name) in SERVICES.into_iter().enumerate() {
        let wanted = endings.values().filter_map(|ending| ending.erasures.get(name));
        effects(name, &read(&world.journal(name))?, wanted.map(String::as_str).collect(), faults);
        let address =
            world.downstreams[position].address().with_context(|| format!("{name} does not run"))?;
        let profile = people::profile(name, world.setup.seed, world.setup.people)?;
        let mut stub = SubjectDataServiceClient::new(channel(address)).max_decoding_message_size(4 << 20);
        let mut left = Vec::new();
        for number in (0..world.setup.people).filter(|n| people::wish(world.setup.seed, *n) == Wish::Erasure)
        {
            let subject = subject(&profile, world.setup.seed, number);
            let expected = must_stay(&profile, &subject);
            let request = CollectRequest {
                task_id: Uuid::from_u128(u128::from(number)).to_string(),
                subject: Some(subject),
                ..CollectRequest::default()
            };
            let mut held = 0;
            let mut stream = stub.collect(request).await?.into_inner();
            while let Some(message) = stream.message().await? {
                held += usize::from(matches!(message.item, Some(Item::Record(_) | Item::FileBegin(_))));
            }
            if held != expected {
                left.push(format!("person {number}: {held} records and files, {expected} had to stay"));
            }
        }
        faults.add_all(&format!("people who are not erased at {name}"), &left);
    }
    Ok(())
}

/// The person by every kind that the service understands.
fn subject(profile: &Profile, seed: u64, number: u64) -> Subject {
    let value = |kind: &String| match kind.as_str() {
        "email" => people::email(seed, number),
        _ => people::customer_id(seed, number),
    };
    let identifier = |kind: &String| Identifier { kind: kind.clone(), value: value(kind) };
    Subject { identifiers: profile.description.understands.iter().map(identifier).collect() }
}

/// Records that the law makes the service keep.
fn must_stay(profile: &Profile, subject: &Subject) -> usize {
    let meant = profile.people.iter().filter(|p| p.is_meant(subject, &profile.description.understands));
    let records = meant.flat_map(|person| &person.records);
    records
        .filter(|(_, json)| serde_json::from_slice::<Value>(json).is_ok_and(|record| record["keep"] == true))
        .count()
}

/// Each of the wanted task ids once, and no other; the same id never with another body.
fn effects(name: &str, journal: &[Entry], wanted: Vec<&str>, faults: &mut Faults) {
    let mut times: BTreeMap<&str, usize> = wanted.into_iter().map(|task_id| (task_id, 0)).collect();
    let mut unwanted = Vec::new();
    let mut changed = Vec::new();
    for entry in journal {
        match entry {
            Entry::Effect { task_id, .. } => match times.get_mut(task_id.as_str()) {
                Some(times) => *times += 1,
                None => unwanted.push(task_id.clone()),
            },
            Entry::Changed { task_id } => changed.push(task_id.clone()),
            Entry::Accepted { .. } | Entry::Forgotten { .. } => {}
        }
    }
    let not_once = times.iter().filter(|(_, times)| **times != 1);
    let not_once: Vec<_> = not_once.map(|(task_id, times)| format!("{task_id}: {times} times")).collect();
    faults.add_all(&format!("tasks that did not take effect once at {name}"), &not_once);
    faults.add_all(&format!("effects at {name} that no case knows of"), &unwanted);
    faults.add_all(&format!("tasks that came again with another body at {name}"), &changed);
}
