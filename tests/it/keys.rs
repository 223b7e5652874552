//! The key ring: a wrong one is refused at the start, and a key is exchanged while everything stays what it is.

use std::fs;

use rightful::proto::{downstream::v1::Right, v1::CaseState};

use crate::harness::{ADA, Builder, TOKEN, Transit, World, opening, people_services, run, soon};

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

#[tokio::test]
async fn an_exchange_of_keys_needs_no_restart() {
    let world = Builder::new(people_services()).binary().set("tls.reload_every", "\"20ms\"").start().await;
    let before = world.run(Right::Access, &[ADA]).await;
    let old = ring(&world)["primary"].as_str().expect("it has one").to_owned();
    run(world.dir(), "", &["key", "rotate", "--config", "rightful.toml"], "").await.expect(0);
    let new = ring(&world)["primary"].as_str().expect("it has one").to_owned();
    assert_ne!(old, new);
    soon("everything to be wrapped anew", async { while under(&world, &old).await > 0 {} }).await;
    world.run(Right::Access, &[ADA]).await;
    assert_eq!(under(&world, &new).await, 2);

    // What cannot be used changes nothing: neither a torn file nor another installation's.
    let good = ring(&world);
    let mut other = good.clone();
    other["index_key"] = "11".repeat(32).into();
    for bad in ["{".to_owned(), other.to_string()] {
        fs::write(world.dir().join("keys.json"), bad).expect("it can be written");
        soon("it to be refused", async {
            let log = || fs::read_to_string(world.dir().join("server.log")).expect("it is there");
            let refused = || log().matches("a changed key ring cannot be used").count();
            let seen = refused();
            while refused() == seen {}
        })
        .await;
        assert_eq!(world.run(Right::Access, &[ADA]).await.state(), CaseState::Completed);
    }
    write(&world, &good);
    world.bag(&before.case_id).await.assert_manifests_hold();
    world.finish().await;
}

fn in_vault(builder: Builder, transit: &Transit) -> Builder {
    builder
        .binary()
        .set("tls.reload_every", "\"20ms\"")
        .set("keys.vault.address", &format!("\"{}\"", transit.address()))
        .set("keys.vault.key", "\"rightful\"")
        .set("keys.vault.token_file", "\"vault-token\"")
}

#[tokio::test]
async fn a_ring_that_is_sealed_by_somebody_else_is_of_no_use_alone() {
    let transit = Transit::start().await;
    let mut world = Builder::new(people_services()).binary().start().await;
    world.run(Right::Access, &[ADA]).await;
    world.stop().await;
    let secret = ring(&world)["index_key"].as_str().expect("it has one").to_owned();
    let config = world.dir().join("rightful.toml");
    let vault = format!(
        "[keys.vault]\naddress = \"{}\"\nkey = \"rightful\"\ntoken_file = \"vault-token\"\n",
        transit.address()
    );
    let text = fs::read_to_string(&config).expect("it is there");
    fs::write(&config, format!("{text}\n{vault}")).expect("it can be written");
    for (token, why) in [("", "the token file has no token"), ("hvs.other", "its token may not do this")] {
        fs::write(world.dir().join("vault-token"), token).expect("it can be written");
        let said = run(world.dir(), "", &["key", "seal", "--config", "rightful.toml"], "").await.expect(1);
        assert!(said.stderr.contains(why) && !said.stderr.contains("canary"), "{said:?}");
    }
    fs::write(world.dir().join("vault-token"), format!("{TOKEN}\n")).expect("it can be written");
    assert!(refused(&world).await.contains("`rightful key seal` seals it"), "it lies there in clear");
    run(world.dir(), "", &["key", "seal", "--config", "rightful.toml"], "").await.expect(0);
    let sealed = fs::read_to_string(world.dir().join("keys.json")).expect("it is there");
    assert!(sealed.contains("vault:v1:") && !sealed.contains(&secret), "{sealed}");

    world.start_server().await;
    assert_eq!(world.run(Right::Access, &[ADA]).await.state(), CaseState::Completed);
    // It is asked when the ring is read, not for cases: while it is away, everything goes on.
    let asked = transit.asked();
    transit.set_up(false);
    assert_eq!(world.run(Right::Erasure, &[ADA]).await.state(), CaseState::Completed);
    assert_eq!(transit.asked(), asked);
    world.stop().await;
    let said = refused(&world).await;
    assert!(said.contains("it is sealed, or down for maintenance (HTTP 503)"), "{said}");
    transit.set_up(true);
    fs::write(world.dir().join("keys.json"), sealed.replace("vault:v1:", "vault:v1:AAAA")).unwrap();
    assert!(refused(&world).await.contains("is the ring sealed under this key?"));
    fs::write(world.dir().join("keys.json"), &sealed).unwrap();
    // Nobody takes it for a ring without the provider.
    fs::write(&config, &text).expect("it can be written");
    assert!(refused(&world).await.contains("name its provider in [keys.vault]"));
}

#[tokio::test]
async fn a_new_ring_is_sealed_at_once_and_its_keys_are_exchanged_there() {
    let transit = Transit::start().await;
    let signed = tempfile::tempdir().expect("a folder");
    let token = signed.path().join("token");
    fs::write(&token, TOKEN).expect("it can be written");
    let builder = in_vault(Builder::new(people_services()), &transit)
        .set("keys.vault.token_file", &format!("\"{}\"", token.display()));
    let world = builder.start().await;
    let case = world.open(opening(Right::Access, &[ADA])).await;
    world.settled(&case.case_id).await;
    let text = || fs::read_to_string(world.dir().join("keys.json")).expect("it is there");
    assert!(text().contains("vault:v1:") && !text().contains("index_key"));
    let shown = async || {
        let shown = run(world.dir(), "", &["key", "status", "--config", "rightful.toml"], "").await.expect(0);
        shown.stdout
    };
    let before = shown().await;
    run(world.dir(), "", &["key", "rotate", "--config", "rightful.toml"], "").await.expect(0);
    assert!(text().contains("vault:v1:") && !text().contains("index_key"));
    assert_ne!(before, shown().await);
    world.run(Right::Access, &[ADA]).await;
    world.bag(&case.case_id).await.assert_manifests_hold();
    world.finish().await;
}
