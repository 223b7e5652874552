//! Tokens that callers bring, against an issuer's key set.

#![no_main]

use std::{fs, sync::LazyLock, time::Duration};

use jiff::{SignedDuration, Timestamp};
use rightful::{
    domain::Peer,
    identity::{Authenticator, Grants, Keys, Source, Tokens},
    web,
};
use tokio::runtime::{Builder, Runtime};

static SERVED: LazyLock<(Runtime, Authenticator)> = LazyLock::new(|| {
    let file = std::env::temp_dir().join(format!("rightful-fuzz-{}.json", std::process::id()));
    fs::write(&file, include_str!("../keys.json")).expect("the file can be written");
    let settings = web::Settings { timeout: Duration::from_secs(1), authorities: None, certificate: None };
    let client = web::Client::new(&settings).expect("a client can be made");
    let tokens = Tokens {
        keys: Keys::new(Source::File(file), client, Duration::MAX),
        issuer: "https://login.example".to_owned(),
        audience: "rightful".to_owned(),
        name_claim: "sub".to_owned(),
        roles_claim: "realm_access.roles".to_owned(),
        leeway: SignedDuration::from_secs(30),
    };
    let runtime = Builder::new_current_thread().build().expect("a runtime can be built");
    (runtime, Authenticator { tokens: Some(tokens), grants: Grants::default() })
});

libfuzzer_sys::fuzz_target!(|token: &str| {
    let (runtime, authenticator) = &*SERVED;
    let now = Timestamp::from_second(1_800_000_000).expect("it is a time");
    drop(runtime.block_on(authenticator.identify(Some(token), &Peer::default(), now)));
});
