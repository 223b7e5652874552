//! What nobody may leave behind: objects that belong to no export, identifiers in logs, panics.

use std::{collections::BTreeSet, fs};

use rightful::{
    domain::CaseId,
    vault::{RingFile, WrappedKey},
};
use serde_json::Value;
use uuid::Uuid;

use super::Faults;
use crate::{people::CANARY, world::World};

/// What manifests are sealed for.
const MANIFEST: &str = "manifest";
/// Fields of an object's name: case, task, attempt, number.
const NAME_FIELDS: usize = 4;

/// Looks into the storage and the logs.
pub async fn judge(world: &World, faults: &mut Faults) -> anyhow::Result<()> {
    let expected = expected_objects(world).await?;
    let found: BTreeSet<String> = world.storage.objects()?.into_iter().collect();
    let orphans: Vec<_> = found.difference(&expected).cloned().collect();
    let missing: Vec<_> = expected.difference(&found).cloned().collect();
    faults.add_all("objects that belong to no export", &orphans);
    faults.add_all("objects that are missing", &missing);
    for replica in 0..world.replicas.len() {
        let log = fs::read_to_string(world.log(replica))?;
        let lines = |needle: &str| -> Vec<String> {
            log.lines().filter(|line| line.contains(needle)).map(str::to_owned).collect()
        };
        faults.add_all(&format!("identifiers in the log of replica {replica}"), &lines(CANARY));
        faults.add_all(&format!("panics of replica {replica}"), &lines("panicked"));
    }
    Ok(())
}

/// Every object that a manifest names. Manifests are opened as the server opens them: nobody else can.
async fn expected_objects(world: &World) -> anyhow::Result<BTreeSet<String>> {
    let ring = RingFile::new(world.keys(), None).load().await?;
    let mut names = BTreeSet::new();
    for sealed in world.database.manifests().await? {
        let wrapped = WrappedKey { key_id: sealed.key_id, bytes: sealed.key_bytes };
        let key = ring.unwrap(&wrapped, CaseId(sealed.case_id))?;
        let json = key.open(MANIFEST, &sealed.manifest)?;
        name_objects(&serde_json::from_slice(&json)?, &mut names);
    }
    Ok(names)
}

/// Whatever looks like an object's name, wherever it stands.
fn name_objects(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if is_name(text) => {
            names.insert(text.clone());
        }
        Value::Array(values) => values.iter().for_each(|value| name_objects(value, names)),
        Value::Object(fields) => fields.values().for_each(|value| name_objects(value, names)),
        _ => {}
    }
}

fn is_name(text: &str) -> bool {
    let fields: Vec<&str> = text.split('.').collect();
    fields.len() == NAME_FIELDS && fields[..3].iter().all(|field| Uuid::try_parse(field).is_ok())
}
