//! The key ring: a wrong one is refused at the start, and a key is exchanged while everything stays what it is.

use std::fs;

use rightful::proto::{downstream::v1::Right, v1::CaseState};

use crate::harness::{ADA, Builder, World, people_services, run, soon};

/// What the server says when it does not start.
async fn refused(world: &World) -> String {
    let arguments = ["serve", "--insecure", "--listen", "127.0.0.1:0", "--config", "rightful.toml"];
    run(world.dir(), "", &arguments, "").await.expect(1).stderr
}

fn ring(world: &World) -> serde_json::Value {
    serde_json::from_slice(&fs::read(world.dir().join("keys.json")).expect("it is there"))
        .expect("it is JSON")
}

fn write(world: &World, ring: &serde_json::Value) {
    fs::write(world.dir().join("keys.json"), ring.to_string()).expect("it can be written");
}

#[tokio::test]
async fn a_ring_that_is_not_the_one_is_refused_at_the_start_in_words() {
    let mut world = Builder::new(people_services()).binary().start().await;
    world.run(Right::Access, &[ADA]).await;
    world.stop().await;
    let good = ring(&world);
    let primary = good["primary"].as_str().expect("it has one").to_owned();

    let mut other = good.clone();
    other["keys"][&primary] = "00".repeat(32).into();
    write(&world, &other);
    let said = refused(&world).await;
    assert!(
        said.contains("is not the key ring that this database was sealed with") && said.contains(&primary),
        "{said}"
    );

    let mut other = good.clone();
    other["index_key"] = "11".repeat(32).into();
    write(&world, &other);
    let said = refused(&world).await;
    assert!(said.contains("index differs"), "{said}");

    let mut other = good.clone();
    other["primary"] = "fresh".into();
    other["keys"] = serde_json::json!({ "fresh": "22".repeat(32) });
    write(&world, &other);
    let said = refused(&world).await;
    assert!(said.contains("lacks keys that cases are sealed under") && said.contains("(1 cases)"), "{said}");

    // One that was lost is made anew, and found out.
    fs::remove_file(world.dir().join("keys.json")).unwrap();
    let said = refused(&world).await;
    assert!(said.contains("is not the key ring"), "{said}");
    for bad in ["", "{}"] {
        fs::write(world.dir().join("keys.json"), bad).unwrap();
        assert!(refused(&world).await.contains("is not valid"));
    }
    write(&world, &good);
    world.start_server().await;
    world.finish().await;
}

/// Cases by the key that they are sealed under.
async fn under(world: &World, key: &str) -> i64 {
    world.database().number(&format!("SELECT count(*) FROM cases WHERE key_id = '{key}'")).await
}

#[tokio::test]
async fn a_key_is_exchanged_without_touching_data_and_the_old_one_goes() {
    let mut world = Builder::new(people_services()).binary().start().await;
    let case = world.run(Right::Access, &[ADA]).await;
    let before = world.download(&case.case_id).await.info().sha256.clone();
    let erased = world.run(Right::Erasure, &[ADA]).await;
    let old = ring(&world)["primary"].as_str().expect("it has one").to_owned();
    let key = async |world: &World, arguments: &[&str], code| {
        let all = [&["key"], arguments, &["--config", "rightful.toml"]].concat();
        run(world.dir(), "", &all, "").await.expect(code)
    };
    let shown = key(&world, &["status"], 0).await;
    assert!(shown.stdout.contains(&old) && shown.stdout.contains("primary"), "{shown:?}");

    key(&world, &["add"], 0).await;
    let new = ring(&world)["keys"].as_object().unwrap().keys().find(|id| **id != old).unwrap().clone();
    world.restart().await;
    world.run(Right::Access, &[ADA]).await;
    assert_eq!(under(&world, &new).await, 0, "it is there, and not used");
    key(&world, &["use", "nothing"], 1).await;
    key(&world, &["use", &new], 0).await;
    let refused = key(&world, &["remove", &old], 4).await;
    assert!(refused.stderr.contains("cases are sealed under key"), "{refused:?}");

    // Killed in the middle of it, it goes on.
    world.restart().await;
    world.restart().await;
    soon("everything to be wrapped anew", async { while under(&world, &old).await > 0 {} }).await;
    key(&world, &["remove", &old], 0).await;
    key(&world, &["remove", &new], 4).await;
    world.restart().await;
    assert_eq!(world.download(&case.case_id).await.info().sha256, before, "the same bytes");
    assert_eq!(world.case(&erased.case_id).await.state(), CaseState::Completed);
    assert_eq!(world.run(Right::Access, &[ADA]).await.state(), CaseState::Completed);
    let made = run(world.dir(), "", &["key", "new", "--ring", "another.json"], "").await.expect(0);
    assert!(made.stdout.contains("back it up"), "{made:?}");
    run(world.dir(), "", &["key", "new", "--ring", "another.json"], "").await.expect(2);
    world.finish().await;
}
