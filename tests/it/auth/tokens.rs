//! Tokens: which are good, which are not and why, and what happens while keys change or the issuer is away.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rightful::{
    clock::{Clock as _, SystemClock},
    proto::v1::{GetCallerRequest, ListCasesRequest, Role, access_service_client::AccessServiceClient},
};
use serde_json::{Value, json};
use tonic::Code;

use super::{Guarded, bearing, by};
use crate::harness::{Signer, assert_refused, metadata, run, soon};

#[tokio::test]
async fn a_good_token_of_each_kind_says_who_calls() {
    let guarded = Guarded::start().await;
    let signers = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA]
        .map(|algorithm| Signer::new(&format!("{algorithm:?}"), algorithm));
    guarded.issuer.publish(&signers.each_ref());
    for signer in &signers {
        let token =
            signer.sign(&guarded.issuer.claims("system:serviceaccount:shop:desk", &["desk", "audit"]));
        let known = guarded.whoami(&format!("Bearer {token}")).await.unwrap();
        assert_eq!(known.caller, "system:serviceaccount:shop:desk");
        assert_eq!(known.roles, [Role::Requester, Role::Auditor].map(i32::from));
        assert!(known.authenticated);
    }
    let nobody = guarded.signer.sign(&guarded.issuer.claims("somebody", &["desk2", "admin"]));
    guarded.issuer.publish(&[&guarded.signer]);
    let known = guarded.whoami(&format!("bearer {nobody}")).await.unwrap();
    assert_eq!((known.caller.as_str(), known.roles.len()), ("somebody", 0), "known, and may do nothing");
    guarded.world.finish().await;
}

/// The same token with another header.
fn with_header(token: &str, header: &Value) -> String {
    let rest = token.split_once('.').expect("it has parts").1;
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
}

/// Tokens that are none, by what is wrong with them, with the reason that is told.
pub fn bad_tokens(guarded: &Guarded) -> Vec<(&'static str, String, &'static str)> {
    let good = guarded.issuer.claims("canary-caller", &["desk"]);
    let sign = |change: &dyn Fn(&mut Value)| {
        let mut claims = good.clone();
        change(&mut claims);
        guarded.signer.sign(&claims)
    };
    let without =
        |claim: &str| sign(&|claims| drop(claims.as_object_mut().expect("it is one").remove(claim)));
    let token = guarded.signer.sign(&good);
    let stranger = Signer::new("first", Algorithm::ES256);
    let unknown = Signer::new("unknown", Algorithm::ES256);
    let public = serde_json::to_string(&guarded.signer.public()).expect("it is JSON");
    let hs = Header { kid: Some("first".into()), ..Header::new(Algorithm::HS256) };
    let confused = encode(&hs, &good, &EncodingKey::from_secret(public.as_bytes())).expect("it is signed");
    let unsigned = with_header(&token, &json!({ "alg": "none", "typ": "JWT" }));
    let unended = unsigned.rsplit_once('.').expect("it has parts").0.to_owned();
    let now = SystemClock.now().as_second();
    vec![
        ("nothing", String::new(), "malformed"),
        ("a word", "canary".to_owned(), "malformed"),
        ("three words", "a.b.c".to_owned(), "malformed"),
        ("a token without its dots", token.replace('.', ""), "malformed"),
        ("a token of 13,000 bytes more", format!("{token}{}", "x".repeat(13_000)), "malformed"),
        ("alg none", unsigned, "algorithm"),
        ("alg none without a signature", format!("{unended}."), "algorithm"),
        ("the public key as a shared secret", confused, "algorithm"),
        (
            "another algorithm than the key's",
            with_header(&token, &json!({ "alg": "RS256", "kid": "first" })),
            "unknown_key",
        ),
        (
            "another header",
            with_header(&token, &json!({ "alg": "ES256", "kid": "first", "x": 1 })),
            "bad_signature",
        ),
        ("a stranger's key of the same name", stranger.sign(&good), "bad_signature"),
        ("a stranger's key", unknown.sign(&good), "unknown_key"),
        (
            "another issuer",
            sign(&|claims| claims["iss"] = json!("https://elsewhere.example")),
            "wrong_issuer",
        ),
        ("no issuer", without("iss"), "wrong_issuer"),
        ("another audience", sign(&|claims| claims["aud"] = json!("crm")), "wrong_audience"),
        ("other audiences", sign(&|claims| claims["aud"] = json!(["crm", "erp"])), "wrong_audience"),
        ("no audience", without("aud"), "wrong_audience"),
        ("over for half a minute", sign(&|claims| claims["exp"] = json!(now - 31)), "expired"),
        ("no end", without("exp"), "malformed"),
        ("an end that is a word", sign(&|claims| claims["exp"] = json!("never")), "malformed"),
        ("not yet begun", sign(&|claims| claims["nbf"] = json!(now + 3_600)), "not_yet_valid"),
        ("no name", without("sub"), "no_name"),
        ("our own name", sign(&|claims| claims["sub"] = json!("rightful")), "no_name"),
        ("a name of two words", sign(&|claims| claims["sub"] = json!("two words")), "no_name"),
        ("a name that is an object", sign(&|claims| claims["sub"] = json!({ "name": "x" })), "malformed"),
    ]
}

#[tokio::test]
async fn what_is_wrong_with_a_token_is_said_and_nothing_of_it() {
    let guarded = Guarded::start().await;
    let good = guarded.issuer.claims("canary-caller", &["desk"]);
    let sign = |change: &dyn Fn(&mut Value)| {
        let mut claims = good.clone();
        change(&mut claims);
        guarded.signer.sign(&claims)
    };
    let token = guarded.signer.sign(&good);
    let now = SystemClock.now().as_second();
    for (name, bad, why) in bad_tokens(&guarded) {
        let refused = guarded.whoami(&format!("Bearer {bad}")).await;
        let refused = assert_refused(refused, Code::Unauthenticated, "ERROR_REASON_UNAUTHENTICATED");
        assert_eq!(metadata(&refused)["why"], why, "{name}");
        assert!(!format!("{refused:?}").contains("canary"), "{refused:?}");
    }
    // Within the leeway it is still good, and a list of audiences may have ours.
    for good in [
        sign(&|claims| claims["exp"] = json!(now - 5)),
        sign(&|claims| claims["nbf"] = json!(now + 5)),
        sign(&|claims| claims["aud"] = json!(["crm", "rightful"])),
    ] {
        guarded.whoami(&format!("Bearer {good}")).await.unwrap();
    }
    for other in ["", "Basic cm9vdDpyb290", "Bearer", &token] {
        let refused = guarded.whoami(other).await;
        assert_refused(refused, Code::Unauthenticated, "ERROR_REASON_UNAUTHENTICATED");
    }
    let mut twice = by(&token, GetCallerRequest {});
    twice.metadata_mut().append("authorization", format!("Bearer {token}").parse().unwrap());
    let refused = AccessServiceClient::new(guarded.bare()).get_caller(twice).await;
    assert_refused(refused, Code::Unauthenticated, "ERROR_REASON_UNAUTHENTICATED");
    let mut named = by(&token, GetCallerRequest {});
    named.metadata_mut().insert("rightful-caller", "somebody-else".parse().unwrap());
    let refused = AccessServiceClient::new(guarded.bare()).get_caller(named).await;
    assert_refused(refused, Code::InvalidArgument, "ERROR_REASON_BAD_REQUEST");
    guarded.world.finish().await;
}

#[tokio::test]
async fn new_keys_count_at_their_first_token_and_old_ones_end_with_the_set() {
    let guarded = Guarded::start().await;
    let old = guarded.token("desk", &["desk"]);
    guarded.whoami(&format!("Bearer {old}")).await.unwrap();
    let next = Signer::new("next", Algorithm::EdDSA);
    guarded.issuer.publish(&[&guarded.signer, &next]);
    let new = next.sign(&guarded.issuer.claims("desk", &["desk"]));
    guarded.whoami(&format!("Bearer {new}")).await.expect("its key is looked for at once");
    guarded.issuer.publish(&[&next]);
    soon("the old key to end", async { while guarded.whoami(&format!("Bearer {old}")).await.is_ok() {} })
        .await;
    guarded.whoami(&format!("Bearer {new}")).await.unwrap();
    guarded.world.finish().await;
}

#[tokio::test]
async fn while_the_issuer_is_away_its_keys_go_on_and_without_any_nobody_gets_in() {
    let mut guarded = Guarded::start().await;
    let token = format!("Bearer {}", guarded.token("desk", &["desk"]));
    guarded.whoami(&token).await.unwrap();
    guarded.issuer.set_up(false);
    let asked = guarded.issuer.asked();
    soon("the issuer to be asked in vain", async {
        while guarded.issuer.asked() < asked + 3 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    guarded.whoami(&token).await.expect("the old keys go on");

    guarded.world.restart().await;
    let refused = guarded.whoami(&token).await;
    let refused = assert_refused(refused, Code::Unavailable, "ERROR_REASON_ISSUER_UNAVAILABLE");
    assert_eq!(metadata(&refused)["why"], "keys_unavailable");
    guarded.issuer.set_up(true);
    soon("the issuer to be back", async { while guarded.whoami(&token).await.is_err() {} }).await;
    guarded.world.finish().await;
}

#[tokio::test]
async fn made_up_keys_do_not_make_us_ask_without_end() {
    let guarded = Guarded::with(|builder| builder, "refresh_every = \"24h\"").await;
    guarded.whoami(&format!("Bearer {}", guarded.token("desk", &[]))).await.unwrap();
    let before = guarded.issuer.asked();
    let stranger = Signer::new("made-up", Algorithm::ES256);
    let token = stranger.sign(&guarded.issuer.claims("desk", &[]));
    for number in 0..200 {
        let header = json!({ "alg": "ES256", "kid": format!("made-up-{number}") });
        guarded.whoami(&format!("Bearer {}", with_header(&token, &header))).await.unwrap_err();
    }
    let asked = guarded.issuer.asked() - before;
    assert!(asked <= 20, "asked {asked} times");
    guarded.world.finish().await;
}

#[tokio::test]
async fn the_command_line_brings_a_token_from_a_file() {
    let guarded = Guarded::start().await;
    let dir = guarded.world.dir();
    std::fs::write(dir.join("token"), format!("{}\n", guarded.token("ada@shop.example", &["audit"])))
        .unwrap();
    let ca = guarded.authority.file().display().to_string();
    let cli = async |arguments: &[&str]| {
        let all = [arguments, &["--ca", &ca]].concat();
        run(dir, guarded.world.url(), &all, "").await
    };
    let shown = cli(&["access", "whoami", "--token-file", "token"]).await.expect(0);
    assert!(shown.stdout.contains("ada@shop.example") && shown.stdout.contains("auditor"), "{shown:?}");
    cli(&["case", "list", "--token-file", "token"]).await.expect(0);
    let refused = cli(&["downstream", "pause", "billing", "--token-file", "token"]).await.expect(7);
    assert!(refused.stderr.contains("operator, admin"), "{refused:?}");
    let unknown = cli(&["case", "list"]).await.expect(7);
    assert!(unknown.stderr.contains("bring a token"), "{unknown:?}");
    cli(&["case", "list", "--token-file", "nothing"]).await.expect(2);
    let request = bearing("", ListCasesRequest::default());
    assert!(guarded.cases().list_cases(request).await.is_err());
    guarded.world.finish().await;
}
