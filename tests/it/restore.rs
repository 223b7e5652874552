//! The drill: everything is lost but a backup, and comes back; what belongs together has to be backed up together.

use std::{fs, path::Path};

use rightful::proto::{downstream::v1::Right, v1::CaseState};

use crate::harness::{ADA, Builder, Database, World, people_services};

/// Copies what is in a folder, or one file.
fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).expect("a folder can be made");
        for entry in fs::read_dir(from).expect("it can be read") {
            let entry = entry.expect("it can be read");
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::copy(from, to).expect("it can be copied");
    }
}

/// What has to be backed up together, besides the configuration.
const TOGETHER: [&str; 3] = ["rightful.sqlite", "objects", "keys.json"];

#[tokio::test]
async fn what_was_backed_up_together_comes_back_whole() {
    let dir = tempfile::tempdir().expect("a folder for the database");
    // A file can be copied; PostgreSQL has tools of its own for it.
    let mut world: World =
        Builder::new(people_services()).binary().database(Database::file(dir.path())).start().await;
    let kept = world.run(Right::Access, &[ADA]).await;
    let before = world.download(&kept.case_id).await.info().sha256.clone();
    world.puppet("billing").go_down();
    let under_way = world.open(crate::harness::opening(Right::Access, &[ADA])).await;
    world.stop().await;

    let place = |name: &str| if name == TOGETHER[0] { dir.path().join(name) } else { world.dir().join(name) };
    let backup = tempfile::tempdir().expect("a folder for the backup");
    for name in TOGETHER {
        copy(&place(name), &backup.path().join(name));
        let lost = place(name);
        if lost.is_dir() { fs::remove_dir_all(lost) } else { fs::remove_file(lost) }.expect("it can be lost");
    }
    for name in TOGETHER {
        copy(&backup.path().join(name), &place(name));
    }
    world.puppet("billing").come_up();
    world.start_server().await;
    assert_eq!(world.download(&kept.case_id).await.info().sha256, before, "the same bytes");
    let settled = world.settled(&under_way.case_id).await;
    assert_eq!(settled.state(), CaseState::Completed, "what was under way goes on");
    world.finish().await;
}
