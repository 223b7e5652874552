//! Who calls, and what they may do: tokens, certificates, roles, and what is told of those who were turned away.

mod denials;
mod own;
mod roles;
mod tokens;

pub use tokens::bad_tokens;

use jsonwebtoken::Algorithm;
use rightful::{
    proto::v1::{
        GetCallerRequest, GetCallerResponse, access_service_client::AccessServiceClient,
        case_service_client::CaseServiceClient,
    },
    transport::Client,
};
use tonic::{Request, Status, transport::Channel};

use crate::harness::{AUDIENCE, Authority, Builder, Issuer, Named, Signer, VALID, World, people_services};

/// The group of each role; `root` is a caller.
const GRANTS: &str = "
[[auth.grant]]
role = \"requester\"
claim = \"desk\"
[[auth.grant]]
role = \"operator\"
claim = \"privacy\"
[[auth.grant]]
role = \"approver\"
claim = \"dpo\"
[[auth.grant]]
role = \"auditor\"
claim = \"audit\"
[[auth.grant]]
role = \"downstream\"
caller = \"billing-service\"
downstream = \"billing\"
[[auth.grant]]
role = \"admin\"
peer = \"spiffe://shop/admin\"
name = \"admin\"
[[auth.grant]]
role = \"requester\"
peer = \"desk.shop.internal\"
";

/// A world whose callers are known, its issuer, and who signs for it. The test itself calls it as an admin, by certificate.
pub struct Guarded {
    pub world: World,
    pub issuer: Issuer,
    pub signer: Signer,
    pub authority: Authority,
}

impl Guarded {
    async fn start() -> Self {
        Self::with(|builder| builder, "").await
    }

    /// With more of the builder's, and these lines in `[auth]`.
    pub async fn with(more: impl FnOnce(Builder) -> Builder, lines: &str) -> Self {
        let signer = Signer::new("first", Algorithm::ES256);
        let issuer = Issuer::start(&[&signer]).await;
        let authority = Authority::default();
        let world = more(builder(&issuer, &authority, lines)).start().await;
        Self { world, issuer, signer, authority }
    }

    /// A good token of this caller in these groups.
    pub fn token(&self, caller: &str, groups: &[&str]) -> String {
        self.signer.sign(&self.issuer.claims(caller, groups))
    }

    /// A connection that shows no certificate.
    pub fn bare(&self) -> Channel {
        self.world.channel_as(&self.authority.trusting())
    }

    /// A connection that shows a certificate with these names.
    fn shows(&self, name: &str, named: Named<'_>) -> Client {
        self.authority.showing(self.authority.issue(name, named, VALID))
    }

    fn cases(&self) -> CaseServiceClient<Channel> {
        CaseServiceClient::new(self.bare())
    }

    /// As whom this `authorization` is known.
    async fn whoami(&self, authorization: &str) -> Result<GetCallerResponse, Status> {
        let request = bearing(authorization, GetCallerRequest {});
        Ok(AccessServiceClient::new(self.bare()).get_caller(request).await?.into_inner())
    }
}

fn builder(issuer: &Issuer, authority: &Authority, lines: &str) -> Builder {
    let server = authority.issue("server", Named { dns: &["localhost"], uris: &[] }, VALID);
    let admin = authority.issue("admin", Named { dns: &[], uris: &["spiffe://shop/admin"] }, VALID);
    let lines = if lines.is_empty() { "refresh_every = \"100ms\"" } else { lines };
    let auth = format!("[auth]\nissuer = \"{}\"\naudience = \"{AUDIENCE}\"\n{lines}\n{GRANTS}", issuer.url());
    Builder::new(people_services())
        .tls(&server, authority.showing(admin))
        .set("server.tls.client_authorities", &format!("\"{}\"", authority.file().display()))
        .set("server.tls.client_certificates", "\"optional\"")
        .entry(&auth)
}

/// A call with this `authorization`, word for word.
pub fn bearing<T>(authorization: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    if !authorization.is_empty() {
        let value = authorization.parse().expect("it is ASCII");
        request.metadata_mut().insert("authorization", value);
    }
    request
}

/// A call with this token.
pub fn by<T>(token: &str, message: T) -> Request<T> {
    bearing(&format!("Bearer {token}"), message)
}
