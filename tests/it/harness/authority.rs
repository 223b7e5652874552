//! An authority of certificates, in a folder of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType, date_time_ymd,
};
use rightful::{
    clock::{Clock as _, SystemClock},
    transport::{Client, Identity},
};
use tempfile::TempDir;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
        server::WebPkiClientVerifier,
    },
};

/// Years in which a certificate is valid.
pub type Years = (i32, i32);

/// From long ago until after all of us.
pub const VALID: Years = (2_020, 2_096);
/// It is over.
pub const EXPIRED: Years = (2_020, 2_021);
/// It has not begun.
pub const TO_COME: Years = (2_090, 2_096);

/// Whom a certificate names.
#[derive(Clone, Copy, Default)]
pub struct Named<'a> {
    pub dns: &'a [&'a str],
    pub uris: &'a [&'a str],
}

/// Signs certificates, and keeps them as PEM files.
pub struct Authority {
    dir: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Default for Authority {
    fn default() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let name = format!("authority {}", SystemClock.new_id());
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key can be made");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("it can be signed");
        let dir = tempfile::tempdir().expect("a folder for the authority");
        fs::write(dir.path().join("authority.pem"), issuer.pem()).expect("it can be written");
        Self { dir, issuer }
    }
}

impl Authority {
    /// Its folder.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Its own certificate.
    pub fn file(&self) -> PathBuf {
        self.dir().join("authority.pem")
    }

    /// Signs a certificate, as `name.pem` and `name.key`. What was there under this name is replaced.
    pub fn issue(&self, name: &str, named: Named<'_>, years: Years) -> Identity {
        let mut params =
            CertificateParams::new(named.dns.iter().map(|dns| (*dns).to_owned()).collect::<Vec<_>>())
                .expect("they are names");
        let uri = |uri: &&str| SanType::URI((*uri).try_into().expect("it is ASCII"));
        params.subject_alt_names.extend(named.uris.iter().map(uri));
        params.distinguished_name.push(DnType::CommonName, name);
        (params.not_before, params.not_after) = (date_time_ymd(years.0, 1, 1), date_time_ymd(years.1, 1, 1));
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params.signed_by(&key, &self.issuer).expect("it can be signed");
        let file = |ending: &str| self.dir().join(format!("{name}.{ending}"));
        let identity = Identity { certificate: file("pem"), key: file("key") };
        fs::write(&identity.key, key.serialize_pem()).expect("it can be written");
        fs::write(&identity.certificate, certificate.pem()).expect("it can be written");
        identity
    }

    /// Who trusts this authority, and shows nothing.
    pub fn trusting(&self) -> Client {
        Client { authorities: Some(self.file()), ..Client::default() }
    }

    /// Who trusts this authority, and shows this.
    pub fn showing(&self, identity: Identity) -> Client {
        Client { identity: Some(identity), ..self.trusting() }
    }

    /// A server's side of TLS that is not rightful's own. It asks for certificates of `clients`, if there are any.
    pub fn acceptor(identity: &Identity, clients: Option<&Self>) -> TlsAcceptor {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("it knows them");
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.issuer.der().clone()).expect("it is a certificate");
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().expect("it has an authority"))
            }
        };
        let chain = vec![CertificateDer::from_pem_file(&identity.certificate).expect("it is PEM")];
        let key = PrivateKeyDer::from_pem_file(&identity.key).expect("it is PEM");
        let mut config = builder.with_single_cert(chain, key).expect("they belong together");
        config.alpn_protocols = vec![b"h2".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }
}
