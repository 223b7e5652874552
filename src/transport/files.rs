//! From PEM files to certificates, keys and authorities, with faults that say which file and what would be right.

use std::{collections::BTreeMap, io::Read as _, path::Path, path::PathBuf, sync::Arc};

use jiff::Timestamp;
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::{CertifiedKey, SingleCertAndKey},
};
use sha2::{Digest as _, Sha256};
use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};
use zeroize::Zeroizing;

use super::{Identity, provider};
use crate::domain::{Fault, Faults};

/// A chain of certificates takes kilobytes, and all the authorities that browsers trust a quarter of this.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What some files hold at one moment. Keys are among them: the bytes are wiped when this is dropped.
pub struct Files(BTreeMap<PathBuf, Result<Zeroizing<Vec<u8>>, String>>);

impl Files {
    /// Reads them. A file that cannot be read is a fault of whoever asks for it.
    pub(super) fn read(paths: &[PathBuf]) -> Self {
        Self(paths.iter().map(|path| (path.clone(), contents(path))).collect())
    }

    /// Tells these contents from others.
    pub(super) fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        for content in self.0.values() {
            let bytes: &[u8] = content.as_ref().map_or(&[], |bytes| bytes);
            digest.update((bytes.len() as u64).to_be_bytes());
            digest.update(bytes);
        }
        digest.finalize().into()
    }

    fn of(&self, path: &Path) -> Result<&[u8], String> {
        match self.0.get(path) {
            Some(Ok(bytes)) => Ok(bytes),
            Some(Err(why)) => Err(why.clone()),
            None => Err(format!("{} was not read", path.display())),
        }
    }

    /// The certificates of a file, at least one.
    fn certificates(&self, path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(self.of(path)?).collect();
        match found {
            Ok(found) if !found.is_empty() => Ok(found),
            Ok(_) => Err(format!("{} has no certificate: it must be PEM", path.display())),
            Err(error) => Err(format!("{} is not PEM: {error}", path.display())),
        }
    }

    /// The authorities of a file, or those that this machine trusts.
    pub(super) fn authorities(&self, path: Option<&Path>) -> Result<RootCertStore, String> {
        let mut roots = RootCertStore::empty();
        if let Some(path) = path {
            for certificate in self.certificates(path)? {
                roots
                    .add(certificate)
                    .map_err(|_| format!("{} has a certificate that cannot be read", path.display()))?;
            }
        } else {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err("this machine trusts no authority: name those of the other side".to_owned());
            }
        }
        Ok(roots)
    }

    /// A certificate with its key, and until when it is valid.
    pub(super) fn identity(
        &self,
        files: &Identity,
        now: Timestamp,
    ) -> Result<(Arc<SingleCertAndKey>, Timestamp), Faults> {
        let mut faults = Faults::default();
        let chain = faults.note(self.chain(&files.certificate, now));
        let key = PrivateKeyDer::from_pem_slice(self.of(&files.key).unwrap_or_default());
        let key = faults.note(key.map_err(|_| {
            let why = self.of(&files.key).err().unwrap_or_else(|| {
                format!("{} has no private key: it must be PEM, and not encrypted", files.key.display())
            });
            Fault::new("key", why)
        }));
        let (Some((chain, until)), Some(key)) = (chain, key) else { return Err(faults) };
        let certified = CertifiedKey::from_der(chain, key, &provider()).map_err(|_| {
            let (key, certificate) = (files.key.display(), files.certificate.display());
            Fault::new("key", format!("{key} is not the key of the first certificate in {certificate}"))
        })?;
        Ok((Arc::new(SingleCertAndKey::from(certified)), until))
    }

    fn chain(&self, path: &Path, now: Timestamp) -> Result<(Vec<CertificateDer<'static>>, Timestamp), Fault> {
        let fault = |why| Fault::new("certificate", why);
        let chain = self.certificates(path).map_err(fault)?;
        let until = valid_until(&chain[0], now).map_err(|why| fault(format!("{} {why}", path.display())))?;
        Ok((chain, until))
    }
}

fn contents(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let cannot = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    let file = std::fs::File::open(path).map_err(cannot)?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("{} is larger than 1 MiB", path.display()));
    }
    Ok(bytes)
}

/// The end of a certificate that is valid now.
fn valid_until(certificate: &CertificateDer<'_>, now: Timestamp) -> Result<Timestamp, String> {
    let (_, parsed) =
        X509Certificate::from_der(certificate).map_err(|_| "is no X.509 certificate".to_owned())?;
    let validity = parsed.validity();
    let at = |seconds| Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    let (from, until) = (at(validity.not_before.timestamp()), at(validity.not_after.timestamp()));
    if now > until {
        Err(format!("expired at {until}"))
    } else if now < from {
        Err(format!("is not valid before {from}"))
    } else {
        Ok(until)
    }
}
